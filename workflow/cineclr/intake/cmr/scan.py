"""Scan of MRI files: each judged by header and pixel data on disk; series, place and time of its frames."""

from pathlib import Path

from cineclr.intake.cmr.headers import Geometry, pack
from cineclr.intake.cmr.own import describe_own_study
from cineclr.intake.cmr.triage import CmrFinding, examine_cmr
from cineclr.intake.files.members import Members
from cineclr.intake.files.memory import Memory, basis_of
from cineclr.intake.scan import SCAN_COLUMNS, Scanner, describe_finding, scan_shard
from cineclr.private import CmrSources, PrivateSide, Pseudonymizer

ONLY_ECHO = ("regions", "frame_time_ms", "study_day", "age")
CMR_COLUMNS = {
    **{name: kind for name, kind in SCAN_COLUMNS.items() if name not in ONLY_ECHO},
    **{"cine": "str", "description": "str", "orientation": "str", "positions": "str", "times": "str"},
    **{"row_mm": "Float64", "column_mm": "Float64", "instance": "Int64", "series_number": "Int64"},
    **{"acquired": "Float64", "phases": "Int64", "derived": "boolean"},
}


def scan_cmr(private: Path, files: Path, shard: int, output: Path) -> None:
    """Judge the files of one shard: is each an MRI image, of which series, where and when was it taken?

    Files that have not changed since an earlier scan are not read again. Where sources.yaml names `hdf5`,
    each file is a study of our schema, or none.
    """
    side = PrivateSide(private)
    sources, names = side.cmr_sources(), Pseudonymizer(side.key())

    def judge(path: Path, place: str) -> dict[str, object]:
        if sources.hdf5:
            return describe_own_study(path, names)
        return describe_image(examine_cmr(path, sources.link == "accession"), names, sources)

    memory = Memory(private / f"memory/cmr_{shard}", basis_of(sources, names), CMR_COLUMNS)
    with Members(sources, private / f"extracted_cmr_scan_{shard}") as members:
        scan_shard(files, shard, Scanner(sources, names, members, judge), memory, output)


def describe_image(finding: CmrFinding, names: Pseudonymizer, sources: CmrSources) -> dict[str, object]:
    """Return what is known of an image, pseudonyms for its identifiers, as a row of CMR_COLUMNS."""
    row = {
        name: value
        for name, value in describe_finding(finding, names, sources).items()
        if name in CMR_COLUMNS
    }
    if finding.series:
        row["cine"] = names.pseudonym("cine", finding.series)
        row["description"] = finding.description
    return row | (_place(finding.geometry) if finding.geometry else {})


def _place(geometry: Geometry) -> dict[str, object]:
    return {
        "orientation": pack(geometry.orientation),
        "positions": pack(geometry.positions),
        "times": pack(geometry.times),
        "row_mm": geometry.spacing[0],
        "column_mm": geometry.spacing[1],
        "instance": geometry.instance,
        "series_number": geometry.series_number,
        "acquired": geometry.acquired,
        "phases": geometry.phases,
        "derived": geometry.derived,
    }

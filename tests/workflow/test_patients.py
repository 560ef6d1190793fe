"""A patient is withdrawn from a finished run, or added to it: what others' files gave stays as it is."""

import json
import shutil

import numpy as np
import pandas as pd
import pydicom
import pytest
import yaml
from conftest import MICRO, ROOT, Workflow
from pydicom.uid import generate_uid

from cineclr.private import PrivateSide, Pseudonymizer, shard_of

SHARDS = 2
WITHDRAW = ["import_sheet", "index_studies", "import_cmr_sheet", "import_reports", "index_cmr"]
ADD = ["list_files", "import_sheet"]


class Finished(Workflow):
    """A finished run of the micro profile that may be changed."""

    @property
    def private(self):
        return self.folder / "private/micro"

    @property
    def results(self):
        return self.folder / "results/micro"

    def succeed(self, *arguments):
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stderr[-6000:] + done.stdout[-3000:]

    def made(self):
        """When each shard of videos and MRI studies was made."""
        paths = [*self.results.glob("echo/videos/*.parquet"), *self.results.glob("cmr/studies/*.parquet")]
        return {str(path.relative_to(self.results)): path.stat().st_mtime_ns for path in paths}


@pytest.fixture
def finished(micro, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(micro.folder, folder, symlinks=True)
    sources = folder / "private/micro/sources.yaml"
    sources.write_text(sources.read_text().replace(str(micro.folder), str(folder)))
    settings = yaml.safe_load(MICRO.read_text())
    del settings["demo"]  # from now on the hospital is a real one
    (folder / "settings.yaml").write_text(yaml.safe_dump(settings))
    return Finished(folder, (ROOT / "config.yaml", folder / "settings.yaml"))


def choose_patient(finished, sheet, splits):
    """The first patient of a sheet with a study in the cohort: the number, and the studies' pseudonyms."""
    names = Pseudonymizer(PrivateSide(finished.private).key())
    rows = pd.read_csv(finished.private / "hospital" / sheet, dtype=str)
    rows["study"] = [names.pseudonym("study", study) for study in rows["study_id"]]
    used = rows[rows["study"].isin(pd.read_csv(finished.results / splits)["study"])]
    patient = used["patient_id"].iloc[0]
    return patient, sorted(used.loc[used["patient_id"] == patient, "study"])


def test_a_withdrawn_patient_leaves_no_pixel_and_the_others_stay(finished):
    chosen = {
        "echo": choose_patient(finished, "echo.csv", "echo/cohort/splits.csv"),
        "cmr": choose_patient(finished, "cmr/studies.csv", "cmr/cohort/splits.csv"),
    }
    listed = finished.private / "withdrawn.csv"
    listed.write_text("\n".join(["patient_id", *(patient for patient, _ in chosen.values())]) + "\n")
    sources = finished.private / "sources.yaml"
    sources.write_text(sources.read_text() + f"withdrawn: {listed}\n")
    assert set(finished.planned()) == {"write_report", "all", "total"}
    before = finished.made()

    finished.succeed("update", "--forcerun", *WITHDRAW)
    touched = {wing: {shard_of(study, SHARDS) for study in studies} for wing, (_, studies) in chosen.items()}
    planned = finished.planned("intake", "cmr_intake")
    assert planned.get("deidentify_echo") == len(touched["echo"])
    assert planned.get("convert_studies") == len(touched["cmr"])
    reported = {"describe_scan", "write_intake_report", "describe_cmr_scan", "write_cmr_intake_report"}
    remade = {"deidentify_echo", "convert_studies", *reported}
    assert set(planned) == {*remade, "intake", "cmr_intake", "total"}

    finished.succeed("--until", "build_cohort", "build_cmr_cohort")
    made = finished.made()
    folders = {"echo": "echo/videos", "cmr": "cmr/studies"}
    expected = {
        f"{folders[wing]}/shard_{shard}.parquet" for wing, shards in touched.items() for shard in shards
    }
    assert {name for name in made if made[name] != before[name]} == expected
    gone = {study for _, studies in chosen.values() for study in studies}
    names = {path.name.split(".")[0] for path in finished.results.rglob("*") if "logs" not in path.parts}
    assert not names & gone
    for pattern in ("echo/clips/*.parquet", "cmr/studies/*/*.parquet"):
        for path in finished.results.glob(pattern):
            assert not set(pd.read_parquet(path)["study"]) & gone
    for wing in folders:
        flow = json.loads((finished.results / wing / "cohort/flow.json").read_text())
        assert flow["stages"][0]["set_aside"]["withdrawn"] > 0
        assert not set(pd.read_csv(finished.results / wing / "cohort/splits.csv")["study"]) & gone
    retrained = set(finished.planned())
    assert {"pretrain_echo", "finetune_echo", "predict_echo", "pretrain_cmr", "finetune_lvef"} <= retrained
    assert not retrained & {"deidentify_echo", "convert_studies", "preprocess_clips", "build_cohort"}


def add_study(finished):
    """A used file again, as a file of another study and with other pixels; return the study."""
    truth = pd.read_parquet(finished.private / "truth/files.parquet")
    hospital = finished.private / "hospital/dicom"
    dataset = pydicom.dcmread(hospital / truth.loc[truth["bucket"] == "used", "path"].iloc[0])
    dataset.decompress()
    pixels = np.frombuffer(dataset.PixelData, np.uint8).copy()
    pixels[len(pixels) // 2] ^= 1
    dataset.PixelData = pixels.tobytes()
    dataset.StudyInstanceUID, dataset.SOPInstanceUID = generate_uid(), generate_uid()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(hospital / "new.dcm")
    sheet = finished.private / "hospital/echo.csv"
    lines = sheet.read_text().splitlines()
    lines.append(",".join([str(dataset.StudyInstanceUID), "A new one", *lines[1].split(",")[2:]]))
    sheet.write_text("\n".join(lines) + "\n")
    return dataset.StudyInstanceUID


def test_an_added_patient_is_deidentified_alone(finished):
    add_study(finished)
    finished.succeed("update", "--forcerun", *ADD)
    planned = finished.planned("intake", "cmr_intake")
    remade = ("deidentify_echo", "describe_scan", "write_intake_report")
    assert planned == {**dict.fromkeys(remade, 1), "intake": 1, "total": 4}
    planned = set(finished.planned())
    assert {"classify_views", "preprocess_clips", "build_cohort", "pretrain_echo", "finetune_echo"} <= planned
    assert not planned & {"convert_studies", "build_cmr_cohort", "pretrain_cmr"}

"""Sections and enumerations by rules, sentences by stanza, which is trained here in seconds."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cineclr.errors import InputError
from cineclr.text import splitter
from cineclr.text.splitter import Splitter, divide, import_splitter, train_splitter


@pytest.mark.parametrize(
    ("report", "blocks"),
    [
        ("", []),
        (" \n\n ", []),
        ("Dilated RV. No mass.", [("", "Dilated RV. No mass.")]),
        (
            "MRI of the heart.\nFINDINGS: Dilated RV.",
            [("", "MRI of the heart."), ("FINDINGS", "Dilated RV.")],
        ),
        (
            "Clinical History: Dyspnea.\nLATE ENHANCEMENT (LGE): None.\n",
            [("CLINICAL HISTORY", "Dyspnea."), ("LATE ENHANCEMENT (LGE)", "None.")],
        ),
        ("FINDINGS:\nIMPRESSION: Normal.", [("IMPRESSION", "Normal.")]),
        (
            "IMPRESSION:\n1. Dilated RV.\n2) No mass.\n- No clot\n\u2022 No LGE\n10. Done",
            [("IMPRESSION", text) for text in ("Dilated RV.", "No mass.", "No clot", "No LGE", "Done")],
        ),
        (
            "FINDINGS: Dilated\nRV.\n\nNo mass.\n \nNo clot.",
            [("FINDINGS", text) for text in ("Dilated\nRV.", "No mass.", "No clot.")],
        ),
        ("FINDINGS: A mass of\n3.5 cm.", [("FINDINGS", "A mass of\n3.5 cm.")]),
        ("Mass of the LV: none. EF 45 %: low.", [("MASS OF THE LV", "none. EF 45 %: low.")]),
        ("We saw at the very first glance: nothing.", [("", "We saw at the very first glance: nothing.")]),
    ],
)
def test_a_report_is_divided_at_headings_points_and_paragraphs(
    report: str, blocks: list[tuple[str, str]]
) -> None:
    assert divide(report) == blocks


REPORTS = [
    "INDICATION: Dyspnea on exertion.\n\n"
    "FINDINGS: The left ventricle is dilated. LVEF is severely reduced at 22 %. No pericardial\neffusion.\n\n"
    "IMPRESSION:\n1. The right ventricle is dilated.\n2. Findings were discussed with [NAME] by telephone.\n",
    "",
    "There is global hypokinesis. RV is enlarged.",
]
SENTENCES = [
    [
        ("INDICATION", "Dyspnea on exertion."),
        ("FINDINGS", "The left ventricle is dilated."),
        ("FINDINGS", "LVEF is severely reduced at 22 %."),
        ("FINDINGS", "No pericardial effusion."),
        ("IMPRESSION", "The right ventricle is dilated."),
        ("IMPRESSION", "Findings were discussed with [NAME] by telephone."),
    ],
    [],
    [("", "There is global hypokinesis."), ("", "RV is enlarged.")],
]


@pytest.mark.parametrize("batch", [1, 2, 200])
def test_stanza_splits_sections_into_sentences(
    small_splitter: Path, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splitter, "BATCH", batch)
    assert list(Splitter(small_splitter).split(REPORTS)) == SENTENCES


def test_training_leaves_what_loads_and_nothing_else(small_splitter: Path) -> None:
    files = {str(path.relative_to(small_splitter)) for path in small_splitter.rglob("*") if path.is_file()}
    assert files == {"README.md", "resources.json", "en/tokenize/en_reports.pt"}


def test_training_is_for_the_demo_only(private: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="for the demo only"):
        train_splitter(private, 0, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_the_reports_of_training_are_made_up_anew() -> None:
    first, same, other, dev = (
        list(splitter._reports(seed, part, 5))
        for seed, part in ((0, "train"), (0, "train"), (1, "train"), (0, "dev"))
    )
    assert first == same
    assert first != other
    assert first != dev


def test_labels_mark_the_ends_of_tokens_and_sentences(tmp_path: Path) -> None:
    splitter._write_labelled(tmp_path / "train", [["EF is 45.2 %.", "No LGE."], ["V4-V6."]])
    text, labels = ((tmp_path / f"train.{kind}").read_text() for kind in ("txt", "labels"))
    assert text == "EF is 45.2 %. No LGE.\n\nV4-V6.\n"
    assert labels == "010010000101200100012\n\n000012\n"
    assert [len(line) for line in text.split("\n")] == [len(line) for line in labels.split("\n")]


def test_a_folder_of_stanza_is_copied(
    private: Path, tmp_path: Path, name_in_sources: Callable[..., None]
) -> None:
    own = tmp_path / "own"
    (own / "en" / "tokenize").mkdir(parents=True)
    (own / "resources.json").write_text(json.dumps({"en": {}}))
    (own / "en" / "tokenize" / "combined.pt").write_bytes(b"weights")
    name_in_sources(weights={"splitter": str(own)})
    import_splitter(private, "folder", tmp_path / "model")
    assert (tmp_path / "model" / "en" / "tokenize" / "combined.pt").read_bytes() == b"weights"


@pytest.mark.parametrize("named", [True, False])
def test_a_folder_without_resources_is_refused(
    private: Path, tmp_path: Path, named: bool, name_in_sources: Callable[..., None]
) -> None:
    (tmp_path / "own").mkdir()
    if named:
        name_in_sources(weights={"splitter": str(tmp_path / "own")})
    with pytest.raises(InputError, match=re.escape("cmr.weights.splitter must name a folder of stanza")):
        import_splitter(private, "folder", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_failed_download_says_what_to_do(
    private: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ConnectionError

    monkeypatch.setattr("stanza.download", fail)
    with pytest.raises(InputError, match=r"failed \(ConnectionError\).*cmr\.text\.splitter: folder"):
        import_splitter(private, "download", tmp_path / "model")
    assert not (tmp_path / "model").exists()

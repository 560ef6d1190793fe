"""From a hit to a decision: quarantine, contact sheet, decisions by shard, and the sign-off of a sample."""

import json
import os
import re
import stat

import pandas as pd
import pytest
from intake_files import Archive, draw_sector, make_file

from cineclr.config.echo import Deidentify
from cineclr.demo.lettering import burn, render
from cineclr.errors import InputError
from cineclr.intake.echo import deidentify as deidentify_module
from cineclr.intake.echo.deidentify import deidentify_echo
from cineclr.intake.files.listing import list_files
from cineclr.intake.index import index_studies
from cineclr.intake.residual_text.gate import Hit
from cineclr.intake.residual_text.review import review_quarantine
from cineclr.intake.residual_text.sign_off import review_sample, sign_off_clips
from cineclr.intake.scan import scan_dicom
from cineclr.video.avi import read_avi

SHARDS = 2
PRINTED = "MRN 4711"


def lettered(seed):
    """Return a clip with text inside its sector."""
    clip = draw_sector(seed)
    burn(clip, render(PRINTED, "simplex", 11), 60, 90, 240)
    return clip


class Run(Archive):
    """An archive of eight studies, three of them with text inside the sector, in study shards."""

    def __init__(self, folder):
        super().__init__(folder)
        for number in range(8):
            pixels = lettered(number) if number < 3 else draw_sector(number)
            self.add(f"{number}", make_file(pixels, StudyInstanceUID=f"1.2.{number}"))
        files = self.private / "files.parquet"
        list_files(self.private, 1, files)
        scan_dicom(self.private, files, 0, self.private / "scan.parquet")
        self.ledger = self.results / "intake/scan.parquet"
        self.reindex()

    def reindex(self):
        index = [self.index(shard) for shard in range(SHARDS)]
        index_studies(self.private, [self.private / "scan.parquet"], index, self.ledger)

    def index(self, shard):
        return self.private / f"index/shard_{shard}.parquet"

    def make(self, shard, **settings):
        """De-identify a shard as the workflow does, which removes outputs beforehand."""
        videos = self.results / f"echo/videos/shard_{shard}"
        chosen = Deidentify(**{"text_frames": 0, **settings})
        deidentify_echo(
            self.private, self.index(shard), shard, chosen, videos, videos.with_suffix(".parquet")
        )

    @property
    def manifests(self):
        return [self.results / f"echo/videos/shard_{shard}.parquet" for shard in range(SHARDS)]

    def codes(self):
        table = pd.concat(map(pd.read_parquet, self.manifests))
        return table.set_index("video")["code"]

    def table(self):
        return pd.read_csv(self.private / "review/quarantine.csv", keep_default_na=False)

    def decide(self, **decisions):
        """Fill in and hand over the table: pseudonym=decision."""
        table = self.table()
        for video, decision in decisions.items():
            table.loc[table["video"] == video, "decision"] = decision
        table.to_csv(self.private / "filled.csv", index=False)
        review_quarantine(self.private, self.private / "filled.csv")

    def decisions(self):
        return {path.name: path.read_text() for path in (self.private / "decisions").glob("*")}


class WordGate:
    """In place of the models: finds what is brighter than speckle ever is at its darkest."""

    def __init__(self, least_score):
        self.least_score = least_score

    def find_text(self, pictures):
        return [Hit(0, 40, 60, 110, 80, 0.9)] if (pictures[0] > 200).sum() > 60 else []


class SameProcess:
    """In place of the child process, which takes a second to start."""

    def __init__(self, function, memory_gb, seconds):
        self.run = function

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(deidentify_module, "Worker", SameProcess)
    monkeypatch.setattr(deidentify_module, "TextGate", WordGate)


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path)
    for shard in range(SHARDS):
        run.make(shard)
    return run


def test_hits_wait_on_the_private_side_and_the_others_pass(run):
    codes = run.codes()
    assert codes.value_counts().to_dict() == {"passed": 5, "residual_text": 3}
    waiting = set(codes.index[codes == "residual_text"])
    folders = run.private / "quarantine"
    assert {path.stem for path in folders.glob("*/*.avi")} == waiting
    assert {path.stem for path in folders.glob("*/*.png")} == waiting
    assert {path.stem for path in run.results.rglob("*.avi")} == set(codes.index) - waiting
    hits = pd.concat(map(pd.read_parquet, folders.glob("*.parquet")))
    assert set(hits["video"]) == waiting
    assert not [column for column in hits if "text" in column or "word" in column]


def test_only_the_owner_may_read_what_waits(run):
    for path in (run.private / "quarantine").rglob("*"):
        assert not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) or path.is_dir(), path.name
    for folder in (run.private, *(run.private / "quarantine").glob("shard_*[0-9]")):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_clip_not_yet_searched_lies_where_only_the_owner_may_go(tmp_path, monkeypatch):
    """Neither the clip nor the results that are not complete can be read by others while the gate looks."""
    seen = []

    class Watching(WordGate):
        def find_text(self, pictures):
            unseen = [path for path in tmp_path.rglob("*.avi") if "private" in path.parts]
            folders = list((tmp_path / "results").rglob(".shard_*"))
            seen.append((len(unseen), [stat.S_IMODE(path.stat().st_mode) for path in folders]))
            return super().find_text(pictures)

    monkeypatch.setattr(deidentify_module, "TextGate", Watching)
    run = Run(tmp_path)
    run.make(0)
    assert seen
    assert all(count >= 1 and modes == [0o700] for count, modes in seen)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((run.results / "echo/videos/shard_0").stat().st_mode) == 0o777 & ~umask


def test_a_gate_that_fails_sends_the_clip_aside(tmp_path, monkeypatch, caplog):
    class Broken(WordGate):
        def find_text(self, pictures):
            raise RuntimeError(PRINTED)

    monkeypatch.setattr(deidentify_module, "TextGate", Broken)
    run = Run(tmp_path)
    for shard in range(SHARDS):
        run.make(shard)
    assert set(run.codes()) == {"residual_text"}
    assert not list(run.results.rglob("*.avi"))
    assert "the text gate failed (RuntimeError)" in caplog.text
    assert PRINTED not in caplog.text
    review_quarantine(run.private)
    assert (run.private / "review/quarantine_1.html").read_text().count("the gate failed on this clip") == 8


def test_the_sheet_shows_masked_pixels_and_names_pseudonyms_only(run):
    review_quarantine(run.private)
    page = (run.private / "review/quarantine_1.html").read_text()
    assert page.count("<figure>") == 3
    assert "http" not in page
    words = re.sub('base64,[^"]*', "", page)
    assert len(words) < 4000
    assert not [word for word in ("DOE", "JANE", "MRN", "4711", str(run.dicom)) if word in words]
    codes = run.codes()
    assert run.table()["video"].tolist() == sorted(codes.index[codes == "residual_text"])
    assert set(run.table()["decision"]) == {""}


def test_released_clips_go_into_results_and_rejected_ones_stay_out(run):
    review_quarantine(run.private)
    first, second, third = run.table()["video"]
    run.decide(**{first: "Release", second: "reject"})
    for shard in range(SHARDS):
        run.make(shard)
    codes = run.codes()
    assert codes[[first, second, third]].tolist() == ["passed", "rejected_by_reviewer", "residual_text"]
    found = list(run.results.rglob(f"{first}.avi"))
    assert len(found) == 1
    assert read_avi(found[0])[:, 60:90, 40:120].max() > 200
    assert not list(run.results.rglob(f"{second}.avi"))
    assert [path.stem for path in (run.private / "quarantine").glob("*/*.avi")] == [third]
    review_quarantine(run.private)
    assert dict(zip(run.table()["video"], run.table()["decision"], strict=True)) == {
        **{first: "release", second: "reject"},
        third: "",
    }


def test_only_shards_with_a_new_decision_are_touched(run):
    review_quarantine(run.private)
    shard_of = {path.stem: path.parent.name for path in (run.private / "quarantine").glob("*/*.avi")}
    first, *others = run.table()["video"]
    run.decide(**{first: "reject"})
    assert set(run.decisions()) == {f"{shard_of[first]}.csv"}
    path = run.private / f"decisions/{shard_of[first]}.csv"
    before, modified = path.read_bytes(), path.stat().st_mtime_ns
    run.decide(**{first: "reject"})
    elsewhere = [video for video in others if shard_of[video] != shard_of[first]]
    assert elsewhere, "the example needs hits in both shards"
    run.decide(**{first: "reject", elsewhere[0]: "release"})
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, modified)
    run.decide(**{first: "", elsewhere[0]: "release"})
    assert set(run.decisions()) == {f"{shard_of[elsewhere[0]]}.csv"}


def test_a_release_holds_for_the_pictures_that_were_seen(run):
    review_quarantine(run.private)
    first = run.table()["video"].iloc[0]
    run.decide(**{first: "release"})
    for shard in range(SHARDS):
        run.make(shard, jpeg_quality=90)
    assert run.codes()[first] == "passed"
    for shard in range(SHARDS):
        run.make(shard, text_frames=2)  # other pictures
    assert run.codes()[first] == "residual_text"
    review_quarantine(run.private)
    assert set(run.table()["decision"]) == {""}


def test_a_clip_that_passed_can_be_rejected_too(run):
    passed = run.codes().index[run.codes() == "passed"][0]
    (run.private / "more.csv").write_text(f"video,decision,seen\n{passed},reject,\n")
    review_quarantine(run.private, run.private / "more.csv")
    for shard in range(SHARDS):
        run.make(shard)
    assert run.codes()[passed] == "rejected_by_reviewer"
    assert not list(run.results.rglob(f"{passed}.avi"))
    review_quarantine(run.private)
    assert run.table().set_index("video")["decision"][passed] == "reject"


def test_every_mistake_in_the_table_is_named_by_its_row(run):
    review_quarantine(run.private)
    table = run.table()
    passed = run.codes().index[run.codes() == "passed"][0]
    rows = [
        *((table["video"][0], "perhaps", table["seen"][0]), (table["video"][0], "reject", "")),
        *(("V0000000000000000", "reject", ""), (passed, "release", "")),
        (table["video"][1], "release", "0" * 16),
    ]
    pd.DataFrame(rows, columns=["video", "decision", "seen"]).to_csv(run.private / "bad.csv", index=False)
    with pytest.raises(InputError) as caught:
        review_quarantine(run.private, run.private / "bad.csv")
    lines = str(caught.value).splitlines()
    words = ["must be release, reject", "same video", "no clip of this run", "not in quarantine", "made anew"]
    assert [f"row {number}" in line for number, line in enumerate(lines, 2)] == [True] * 5
    assert all(word in line for word, line in zip(words, lines, strict=True)), lines
    assert not run.decisions()
    (run.private / "bad.csv").write_text("video,decision\n")
    with pytest.raises(InputError, match="row 1: no column 'seen'"):
        review_quarantine(run.private, run.private / "bad.csv")


def test_what_was_filled_in_survives_another_sheet(run):
    review_quarantine(run.private)
    table = run.table()
    table.loc[0, "decision"] = "reject"
    table.to_csv(run.private / "review/quarantine.csv", index=False, sep=";")  # as spreadsheets may save it
    review_quarantine(run.private)
    assert run.table()["decision"].tolist() == ["reject", "", ""]


# Sign-off


def sign_off(run, clips=3, seed=5):
    output = run.results / "intake/signed_off.json"
    sign_off_clips(run.private, run.results, run.manifests, clips, seed, output)
    return json.loads(output.read_text())


def fill_sample(run, finding="ok", reviewer="AB"):
    path = run.private / "review/sample.csv"
    pd.read_csv(path).assign(finding=finding, reviewer=reviewer).to_csv(path, index=False)


def test_a_sample_that_was_looked_at_is_signed_off(run):
    review_sample(run.private, run.results, SHARDS, 3, 5)
    assert (run.private / "review/sample_1.html").read_text().count("<figure>") == 3
    fill_sample(run)
    review_sample(run.private, run.results, SHARDS, 3, 5)  # the same sample: what was filled in stays
    signed = sign_off(run)
    assert signed["clips_passed"] == 5
    assert signed["clips_looked_at"] == 3
    assert signed["reviewers"] == ["AB"]
    assert signed["share_with_text_at_most"] == pytest.approx(1 - 0.05 ** (1 / 3), abs=1e-6)
    sampled = set(pd.read_csv(run.private / "review/sample.csv")["video"])
    assert sampled <= set(run.codes().index[run.codes() == "passed"])


def test_the_sign_off_says_what_to_run_when_the_sheet_is_missing_or_of_another_sample(run):
    command = (
        f"cineclr review-sample --private {run.private} --results {run.results} --shards 2 --clips 3 --seed 5"
    )
    with pytest.raises(InputError) as caught:
        sign_off(run)
    assert command in str(caught.value)
    review_sample(run.private, run.results, SHARDS, 3, 5)
    fill_sample(run)
    for shard in range(SHARDS):
        run.make(shard, jpeg_quality=80)
    with pytest.raises(InputError, match="another sample") as caught:
        sign_off(run)
    assert command in str(caught.value)
    assert not (run.results / "intake/signed_off.json").exists()


@pytest.mark.parametrize(
    ("finding", "reviewer", "words"),
    [
        ("", "AB", "row 2: finding must be ok or text_left"),
        ("ok", "", "row 2: reviewer must be initials"),
        ("ok", "J. Doe of room 3", "row 2: reviewer must be initials"),
        ("text_left", "AB", "text was left in V"),
    ],
)
def test_an_incomplete_sheet_or_one_with_text_is_no_sign_off(run, finding, reviewer, words):
    review_sample(run.private, run.results, SHARDS, 3, 5)
    fill_sample(run, finding, reviewer)
    with pytest.raises(InputError, match=words):
        sign_off(run)


def test_a_row_taken_out_of_the_sample_is_missed(run):
    review_sample(run.private, run.results, SHARDS, 3, 5)
    fill_sample(run)
    path = run.private / "review/sample.csv"
    pd.read_csv(path).iloc[1:].to_csv(path, index=False)
    with pytest.raises(InputError, match="1 clips of the sample are missing"):
        sign_off(run)


def test_no_sample_before_all_is_deidentified(run):
    run.manifests[1].unlink()
    with pytest.raises(InputError, match="1 of 2 shards"):
        review_sample(run.private, run.results, SHARDS, 3, 5)

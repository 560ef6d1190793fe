"""The sentence splitter: stanza's tokenizer, fetched, from a folder, or trained on made-up reports."""

import datetime
import io
import json
import logging
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Literal

import numpy as np

from cineclr.errors import InputError
from cineclr.private import PrivateSide
from cineclr.publishing import publish
from cineclr.seeds import derive_seed

log = logging.getLogger(__name__)

TRAINED = "en_reports.pt"
RESOURCES = {
    "en": {
        "lang_name": "English",
        "tokenize": {"reports": {"md5": ""}},
        "packages": {"default": {"tokenize": "reports"}},
    }
}
TRAIN_REPORTS, DEV_REPORTS, STEPS = 260, 30, 400
NOTE = """A sentence splitter that stanza loads, trained on made-up reports of the synthetic hospital, other
than those that it splits. It serves the demo; for real reports take stanza's English model:
cmr.text.splitter.
"""
BATCH = 200  # reports that are split at a time, for bounded memory
# A heading: words in capitals, or a few words, before a colon at the start of a line.
HEADING = re.compile(
    r"^[ \t]*([A-Z][A-Z /&()-]{2,40}|[A-Z][A-Za-z]+(?: [A-Za-z]+){0,3}):[ \t]*", re.MULTILINE
)
ENUMERATION = re.compile(r"^[ \t]*(?:\d{1,2}[.)]|[-*•])[ \t]+", re.MULTILINE)


def import_splitter(private: Path, source: Literal["download", "folder"], output: Path) -> None:
    """Publish stanza's English tokenizer as a folder that needs no network afterwards."""
    with publish(output) as folder:
        if source == "folder":
            given = PrivateSide(private).cmr_sources().weights.splitter
            if given is None or not (given / "resources.json").is_file():
                raise InputError(
                    "sources.yaml: cmr.weights.splitter must name a folder of stanza with resources.json"
                )
            shutil.copytree(given, folder)
        else:
            _download(folder)


def _download(folder: Path) -> None:
    import stanza

    folder.mkdir()
    try:
        stanza.download("en", model_dir=str(folder), processors="tokenize", verbose=False)
    except Exception as error:  # whatever a network does
        raise InputError(
            f"stanza's English model: download failed ({type(error).__name__}). On a machine with internet "
            "run `stanza.download('en', model_dir='DIR', processors='tokenize')` in Python, name DIR in "
            "sources.yaml (cmr: weights: splitter) and set cmr.text.splitter: folder"
        ) from None


def train_splitter(private: Path, seed: int, output: Path) -> None:
    """Train stanza's tokenizer on made-up reports, not those of the hospital; for the demo."""
    if not (private / "truth").is_dir():
        raise InputError(
            "cmr.text.splitter: train is for the demo only; take download or folder for real reports"
        )
    from stanza.models import tokenizer

    with publish(output) as folder:
        model = folder / "en" / "tokenize"
        model.mkdir(parents=True)
        (folder / "resources.json").write_text(json.dumps(RESOURCES))
        (folder / "README.md").write_text(NOTE)
        work = folder / "work"
        work.mkdir()
        (work / "mwt.json").write_text("[]")
        _write_labelled(work / "train", _reports(seed, "train", TRAIN_REPORTS))
        _write_labelled(work / "dev", _reports(seed, "dev", DEV_REPORTS))
        options = ["--mode", "train", "--lang", "en", "--shorthand", "en_reports", "--cpu", "--no_use_mwt"]
        for part in ("train", "dev"):
            prefix = "" if part == "train" else "dev_"
            options += [f"--{prefix}txt_file", str(work / f"{part}.txt")]
            options += [f"--{prefix}label_file", str(work / f"{part}.labels")]
        options += ["--mwt_json_file", str(work / "mwt.json"), "--steps", str(STEPS), "--eval_steps", "200"]
        options += ["--max_seqlen", "150", "--batch_size", "16", "--seed", str(seed % 2**31)]
        logging.getLogger("stanza").setLevel(logging.WARNING)
        with redirect_stdout(io.StringIO()):
            tokenizer.main([*options, "--save_dir", str(model), "--save_name", TRAINED])
        shutil.rmtree(work)
    log.info("trained a sentence splitter on %d made-up reports", TRAIN_REPORTS)


def _reports(seed: int, part: str, count: int) -> Iterator[list[str]]:
    """Yield the sections of made-up reports, each the list of its sentences."""
    from cineclr.config import DemoCmr
    from cineclr.demo.cmr.patients import draw_studies
    from cineclr.demo.cmr.report import write_report

    own_seed = derive_seed(seed, "splitter", part)
    studies = draw_studies(DemoCmr(patients=max(24, count)), own_seed)[:count]
    rng = np.random.default_rng(own_seed)
    for study in studies:
        date = study.date + datetime.timedelta(1)
        for _, sentences in write_report(study.findings, study.identity, date, study.vendor, rng):
            yield sentences


def _write_labelled(path: Path, sections: Iterable[list[str]]) -> None:
    """Write text, and a digit per character: 0 inside, 1 the end of a token, 2 the end of a sentence."""
    texts, labels = [], []
    for sentences in sections:
        texts.append(" ".join(sentences))
        labels.append(" ".join(_label(sentence) for sentence in sentences).replace(" ", "0"))
    path.with_suffix(".txt").write_text("\n\n".join(texts) + "\n")
    path.with_suffix(".labels").write_text("\n\n".join(labels) + "\n")


def _label(sentence: str) -> str:
    digits = ["0"] * len(sentence)
    for token in re.finditer(r"\w+(?:[.'-]\w+)*|[^\w\s]", sentence):
        digits[token.end() - 1] = "1"
    digits[-1] = "2"
    return "".join(digits)


class Splitter:
    """Splits reports into sections and these into sentences."""

    def __init__(self, folder: Path) -> None:
        import stanza

        own = folder / "en" / "tokenize" / TRAINED
        further = {"tokenize_model_path": str(own)} if own.is_file() else {}
        self._pipeline = stanza.Pipeline(
            "en",
            dir=str(folder),
            processors="tokenize",
            download_method=None,
            use_gpu=False,
            verbose=False,
            **further,
        )

    def split(self, reports: list[str]) -> Iterator[list[tuple[str, str]]]:
        """Yield (section, sentence) pairs of each report; `section` is the heading, "" before any."""
        for start in range(0, len(reports), BATCH):
            parts = [divide(report) for report in reports[start : start + BATCH]]
            texts = [text for blocks in parts for _, text in blocks]
            found = iter(self._pipeline.bulk_process(texts) if texts else [])
            for blocks in parts:
                yield [
                    (section, sentence)
                    for section, _ in blocks
                    for sentence in (_plain(one.text) for one in next(found).sentences)
                    if sentence
                ]


def divide(report: str) -> list[tuple[str, str]]:
    """Return (heading, text) of a report's blocks: what follows a heading, enumerated points apart.

    A point of an enumeration ends where the next begins, which no splitter should have to guess.
    """
    blocks: list[tuple[str, str]] = []
    found = list(HEADING.finditer(report))
    edges = [0, *(match.start() for match in found), len(report)]
    bodies = [("", report[: edges[1]])]
    bodies += [
        (match[1].strip().upper(), report[match.end() : end])
        for match, end in zip(found, edges[2:], strict=True)
    ]
    for heading, body in bodies:
        blocks += [(heading, part.strip()) for part in _points(body) if part.strip()]
    return blocks


def _points(body: str) -> list[str]:
    pieces = ENUMERATION.split(body)
    return [paragraph for piece in pieces for paragraph in re.split(r"\n\s*\n", piece)]


def _plain(sentence: str) -> str:
    return " ".join(sentence.split())

"""Diagnoses by a language model (Methods, 'Clinical CMR dataset'): asked, checked, asked again, kept."""

import hashlib
import json
import logging
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import pandas as pd

from cineclr.config.cmr import LanguageModel
from cineclr.errors import InputError
from cineclr.files import write_json
from cineclr.private import PrivateSide
from cineclr.progress import track
from cineclr.text.labels.asking import Asker, LocalModel, Server
from cineclr.text.labels.evidence import Evidence
from cineclr.text.labels.prompt import AnswerError, Finding, make_messages, make_schema, read_answer

log = logging.getLogger(__name__)

CACHE = "cmr/llm_answers"  # on the private side
CHARACTERS_PER_TOKEN = 4  # of English text, roughly; for the estimate only
ANSWER_TOKENS = 400  # of an answer with half a dozen findings


def label_by_model(
    private: Path, reports: pd.DataFrame, settings: LanguageModel, tasks: list[str]
) -> tuple[list[Evidence], set[str]]:
    """Ask the model about every scrubbed report; return the evidence, and the studies it failed at.

    Valid answers are kept on the private side and not asked for again. A study whose every try failed is
    never guessed: it is counted, and asked for again by the next run of this stage. Raises InputError for a
    host that may not be asked, a server that refuses every request, or when no report at all was labelled.
    """
    side = PrivateSide(private)
    labeller = Labeller(settings, tasks, private / CACHE)
    texts = dict(zip(reports["study"], reports["report"], strict=True))
    known = {study: found for study, text in texts.items() if (found := labeller.recall(text)) is not None}
    open_ones = sorted(set(texts) - set(known))
    log.info(
        "%d reports: %d answered before. %s", len(texts), len(known), labeller.estimate(texts, open_ones)
    )
    if open_ones:
        asker = _open(settings, side, make_schema(tasks))
        with ThreadPoolExecutor(settings.parallel) as pool:
            waiting = {pool.submit(labeller.ask, asker, study, texts[study]): study for study in open_ones}
            try:
                for done in track(as_completed(waiting), "ask the model", len(waiting)):
                    found = done.result()
                    if found is not None:
                        known[waiting[done]] = found
            except InputError:
                pool.shutdown(cancel_futures=True)
                raise
    unread = set(texts) - set(known)
    if unread and not known:
        raise InputError(f"language model: none of {len(texts)} reports was labelled; see the log's reasons")
    if unread:
        log.warning(
            "%d of %d reports could not be labelled: their labels are missing. To ask again: "
            "snakemake --forcerun label_reports",
            *(len(unread), len(texts)),
        )
    evidence = [
        Evidence(study, one.diagnosis, one.status, one.severity, one.sentence, settings.model)
        for study, findings in sorted(known.items())
        for one in findings
    ]
    return evidence, unread


def _open(settings: LanguageModel, side: PrivateSide, schema: dict) -> Asker:
    if settings.backend == "server":
        return Server(settings, schema)
    folder = side.cmr_sources().weights.language_model
    if folder is None or not folder.is_dir():
        raise InputError("sources.yaml: cmr.weights.language_model must name the model's folder")
    return LocalModel(folder, settings, schema)


class Labeller:
    """Asks about one report at a time, and keeps what was answered."""

    def __init__(self, settings: LanguageModel, tasks: list[str], cache: Path) -> None:
        self.settings, self.tasks, self.cache = settings, tasks, cache
        fixed = settings.model_dump(include={"backend", "model", "temperature", "max_tokens"})
        self.question = json.dumps([fixed, make_messages("", tasks), make_schema(tasks)], sort_keys=True)

    def recall(self, report: str) -> list[Finding] | None:
        """Return the kept answer to the same question about the same report; None if there is none."""
        path = self._place(report)
        if not path.is_file():
            return None
        try:
            return read_answer(path.read_text(), report, self.tasks)
        except AnswerError:
            return None

    def ask(self, asker: Asker, study: str, report: str) -> list[Finding] | None:
        """Ask until an answer is valid, at most `retries` times more; None, and a warning, if none is."""
        messages = make_messages(report, self.tasks)
        for attempt in range(self.settings.retries + 1):
            try:
                found = read_answer(asker.ask(messages, attempt), report, self.tasks)
            except AnswerError as error:
                log.warning("%s, try %d: the answer %s", study, attempt + 1, error)
                continue
            write_json({"findings": [one.model_dump() for one in found]}, self._place(report))
            return found
        log.warning("%s: no valid answer in %d tries", study, self.settings.retries + 1)
        return None

    def estimate(self, texts: dict[str, str], studies: list[str]) -> str:
        """Return in words what asking about these studies takes."""
        characters = sum(len(self.question) + len(texts[study]) for study in studies)
        tokens = characters // CHARACTERS_PER_TOKEN + ANSWER_TOKENS * len(studies)
        price = self.settings.price_per_million_tokens * tokens / 1e6
        return f"{len(studies)} to ask: about {tokens:,} tokens, cost about {price:,.2f}"

    def _place(self, report: str) -> Path:
        key = hashlib.sha256(f"{self.question}\0{report}".encode()).hexdigest()
        return self.cache / f"{key}.json"

"""A language model behind a server that speaks the OpenAI protocol: what it may do wrong, it does here."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from cineclr.config.cmr import LanguageModel, Text
from cineclr.errors import InputError
from cineclr.private import init
from cineclr.text.labels import asking
from cineclr.text.labels.asking import check_host
from cineclr.text.labels.label import label_reports
from cineclr.text.labels.llm import label_by_model
from cineclr.text.labels.prompt import AnswerError, make_schema, read_answer

TASKS = ["cardiac_thrombus", "amyloid", "normal"]
REPORTS = pd.DataFrame(
    {
        "study": ["S1", "S2"],
        "report": ["There is an apical thrombus.\nNo amyloid.", "Normal cardiac MRI."],
    }
)
RIGHT = {
    "S1": [
        ("cardiac_thrombus", "present", "There is an apical  thrombus."),
        ("amyloid", "absent", "No amyloid."),
    ],
    "S2": [("normal", "present", "normal cardiac mri.")],
}


def answer(study: str) -> str:
    findings = [
        {"diagnosis": task, "status": status, "severity": "", "sentence": sentence}
        for task, status, sentence in RIGHT[study]
    ]
    return json.dumps({"findings": findings})


class Double:
    """A server on this machine; `faults` are what its first answers to each report are instead."""

    def __init__(self) -> None:
        self.faults: list[Callable[[Any], None]] = []
        self.requests: list[dict[str, Any]] = []
        self.asked: dict[str, int] = {}
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                double.requests.append(body)
                study = "S1" if "thrombus." in body["messages"][1]["content"] else "S2"
                turn = double.asked.get(study, 0)
                double.asked[study] = turn + 1
                if turn < len(double.faults):
                    double.faults[turn](self)
                else:
                    self.complete(answer(study))

            def complete(self, content: str | None, reason: str = "stop", refusal: str | None = None) -> None:
                message = {"role": "assistant", "content": content, "refusal": refusal}
                choice = {"index": 0, "message": message, "finish_reason": reason}
                facts = {"id": "1", "object": "chat.completion", "created": 0, "model": "double"}
                self.send(200, {**facts, "choices": [choice]})

            def send(self, status: int, content: Any, **headers: str) -> None:
                data = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def settings(self, **changes: Any) -> LanguageModel:
        return LanguageModel(url=self.url, model="double", **{"seconds": 5, "retries": 2, **changes})


@pytest.fixture
def double() -> Iterator[Double]:
    double = Double()
    yield double
    double.server.shutdown()
    double.server.server_close()


@pytest.fixture
def private(tmp_path: Path) -> Path:
    (tmp_path / "dicom").mkdir()
    for name in ("sheet.csv", "reports.csv"):
        (tmp_path / name).write_text("")
    init(
        tmp_path / "private",
        cmr_dicom=[tmp_path / "dicom"],
        cmr_sheet=tmp_path / "sheet.csv",
        cmr_reports=tmp_path / "reports.csv",
    )
    return tmp_path / "private"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(asking.time, "sleep", pauses.append)
    return pauses


def test_reports_are_labelled_with_their_evidence(double: Double, private: Path) -> None:
    evidence, unread = label_by_model(private, REPORTS, double.settings(), TASKS)
    assert unread == set()
    assert {(one.study, one.task, one.status) for one in evidence} == {
        (study, task, status) for study, found in RIGHT.items() for task, status, _ in found
    }
    sent = double.requests[0]
    assert sent["response_format"]["json_schema"]["strict"] is True
    assert sent["response_format"]["json_schema"]["schema"] == make_schema(TASKS)
    assert sent["temperature"] == 0


FAULTS: dict[str, tuple[Callable[[Any], None], str]] = {
    "not JSON": (lambda http: http.complete("Sure! Here are"), "is not JSON"),
    "another schema": (lambda http: http.complete('{"labels": []}'), "departs from the schema"),
    "cut off": (lambda http: http.complete('{"findings": [', "length"), "was cut off at max_tokens"),
    "refusal": (lambda http: http.complete(None, refusal="I cannot"), "is a refusal"),
    "filtered": (lambda http: http.complete("", "content_filter"), "was withheld by a filter"),
    "empty": (lambda http: http.complete(""), "is empty"),
    "busy": (lambda http: http.send(429, {"error": {}}, Retry_After="7"), "is HTTP status 429"),
    "ill": (lambda http: http.send(503, {"error": {}}), "is HTTP status 503"),
    "hung up": (lambda http: http.connection.close(), "no connection"),
    "slow": (lambda http: threading.Event().wait(1.5), "did not come within 1 s"),
    "no protocol": (lambda http: http.send(200, b"<html>"), "is"),
    "invented evidence": (
        lambda http: http.complete(answer("S1").replace("an apical", "a large")),
        "what the report does not say",
    ),
    "unknown diagnosis": (
        lambda http: http.complete(answer("S1").replace('"amyloid', '"gout', 1)),
        "not on the list",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_retried_and_logged_without_the_report(
    double: Double, private: Path, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    spoil, words = FAULTS[fault]
    double.faults = [spoil]
    evidence, unread = label_by_model(
        private, REPORTS.iloc[:1], double.settings(seconds=1 if fault == "slow" else 5), TASKS
    )
    assert unread == set()
    assert {one.task: one.status for one in evidence} == {"cardiac_thrombus": "present", "amyloid": "absent"}
    assert words in caplog.text
    assert "apical" not in caplog.text


def test_a_busy_server_is_given_the_time_it_asks_for(
    double: Double, private: Path, no_pauses: list[float]
) -> None:
    double.faults = [FAULTS["busy"][0]]
    label_by_model(private, REPORTS.iloc[:1], double.settings(), TASKS)
    assert no_pauses == [7.0]


def test_what_never_becomes_valid_is_missing_counted_and_asked_again(
    double: Double, private: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def spoil_first(http: Any) -> None:
        asked = double.requests[-1]["messages"][1]["content"]
        http.complete("no" if "thrombus." in asked else answer("S2"))

    double.faults = [spoil_first] * 3
    reports = private / "reports.parquet"
    REPORTS.to_parquet(reports)
    settings = Text(llm=double.settings(parallel=1))
    output = private / "labels.parquet"
    label_reports(private, private / "none", reports, settings, TASKS, output, private / "evidence.parquet")
    labels = pd.read_parquet(output).set_index("study")
    assert labels.loc["S1"].isna().all()
    assert labels.loc["S2"].tolist() == [0, 0, 1]
    assert "1 of 2 reports could not be labelled" in caplog.text
    before = dict(double.asked)
    label_reports(private, private / "none", reports, settings, TASKS, output, private / "evidence.parquet")
    assert double.asked["S2"] == before["S2"]  # its answer was kept
    assert pd.read_parquet(output).set_index("study").loc["S1"].tolist() == [1, 0, 0]


def test_a_kept_answer_belongs_to_one_question(double: Double, private: Path) -> None:
    label_by_model(private, REPORTS, double.settings(), TASKS)
    asked = len(double.requests)
    label_by_model(private, REPORTS, double.settings(), TASKS)
    assert len(double.requests) == asked
    label_by_model(private, REPORTS, double.settings(max_tokens=64), TASKS)
    assert len(double.requests) == 2 * asked


def test_nothing_labelled_at_all_is_an_error(double: Double, private: Path) -> None:
    double.faults = [FAULTS["not JSON"][0]] * 9
    with pytest.raises(InputError, match="none of 2 reports was labelled"):
        label_by_model(private, REPORTS, double.settings(), TASKS)


def test_a_refused_key_or_model_stops_at_once(double: Double, private: Path) -> None:
    double.faults = [lambda http: http.send(404, {"error": {"message": "no such model"}})] * 9
    with pytest.raises(InputError, match=r"HTTP status 404; check cmr\.text\.llm\.url and model"):
        label_by_model(private, REPORTS.iloc[:1], double.settings(), TASKS)
    assert len(double.requests) == 1


def test_a_redirect_is_not_followed(double: Double, private: Path) -> None:
    other = Double()
    double.faults = [lambda http: http.send(307, b"", Location=f"{other.url}/chat/completions")] * 9
    with pytest.raises(InputError, match="HTTP status 307"):
        label_by_model(private, REPORTS.iloc[:1], double.settings(), TASKS)
    assert other.requests == []
    other.server.shutdown()


@pytest.mark.parametrize(
    "url", ["https://api.example.com/v1", "http://10.0.0.4:8000/v1", "http://127.0.0.1.example.com/v1"]
)
def test_another_host_is_refused_unless_allowed(url: str) -> None:
    with pytest.raises(InputError, match=r"add the host to cmr\.text\.llm\.allowed_hosts"):
        check_host(LanguageModel(url=url))
    host = url.split("/")[2].split(":")[0]
    check_host(LanguageModel(url=url, allowed_hosts=[host]))


def test_the_cost_is_told_before(double: Double, private: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    label_by_model(private, REPORTS, double.settings(price_per_million_tokens=1000), TASKS)
    first = next(line for line in caplog.messages if "to ask" in line)
    tokens = int(first.split("about ")[1].split(" ")[0].replace(",", ""))
    assert first == (
        f"2 reports: 0 answered before. 2 to ask: about {tokens:,} tokens, cost about {tokens / 1000:.2f}"
    )
    assert 1000 < tokens < 5000


def test_evidence_may_differ_in_spaces_and_case_only() -> None:
    report = REPORTS["report"][0]
    assert len(read_answer(answer("S1").replace("There is", "there  IS"), report, TASKS)) == 2
    with pytest.raises(AnswerError, match="what the report does not say"):
        read_answer(answer("S1").replace("No amyloid.", "Amyloid."), report, TASKS)
    with pytest.raises(AnswerError, match="names a diagnosis twice"):
        read_answer(answer("S1").replace('"amyloid"', '"cardiac_thrombus"'), report, TASKS)


def test_the_model_in_this_process_answers_by_the_schema(private: Path, tmp_path: Path) -> None:
    """A tiny random model: what it says is nonsense, but JSON of the schema, and refused as evidence."""
    pytest.importorskip("xgrammar")
    folder = make_tiny_model(tmp_path / "tiny")
    sources = yaml.safe_load((private / "sources.yaml").read_text())
    sources["cmr"]["weights"] = {"language_model": str(folder)}
    (private / "sources.yaml").write_text(yaml.safe_dump(sources))
    settings = LanguageModel(backend="transformers", model="tiny", max_tokens=200, temperature=1)
    model = asking.LocalModel(folder, settings, make_schema(TASKS))
    reasons = []
    for attempt in range(6):
        try:
            read_answer(
                model.ask([{"role": "user", "content": "Report: normal."}], attempt), "Normal.", TASKS
            )
        except AnswerError as error:
            reasons.append(str(error))
    assert not any("JSON" in reason or "schema" in reason or "list" in reason for reason in reasons)


def make_tiny_model(folder: Path) -> Path:
    from tokenizers import ByteLevelBPETokenizer
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        ['{"findings": []}'] * 3, vocab_size=300, special_tokens=["<s>", "</s>"], show_progress=False
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=trained._tokenizer, bos_token="<s>", eos_token="</s>"
    )
    tokenizer.save_pretrained(str(folder))
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=len(tokenizer), **sizes, eos_token_id=tokenizer.eos_token_id)
    LlamaForCausalLM(config).save_pretrained(str(folder))
    return folder

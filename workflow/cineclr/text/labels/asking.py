"""Two ways to ask a language model: a server of the OpenAI protocol, or the model in this process."""

import json
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from cineclr.config.cmr import LanguageModel
from cineclr.errors import InputError
from cineclr.text.labels.prompt import AnswerError

log = logging.getLogger(__name__)

THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
KEY = "CINECLR_LLM_API_KEY"  # environment variable; servers of one's own rarely need it
LONGEST_PAUSE = 60.0  # seconds between two tries


class Asker(Protocol):
    """Something that answers."""

    def ask(self, messages: list[dict[str, str]], attempt: int) -> str:
        """Return the answer's text; raise AnswerError if there is none that could be valid."""
        ...


class Server:
    """A server such as vLLM, llama.cpp or Ollama; on this machine, or a host that the user has allowed."""

    def __init__(self, settings: LanguageModel, schema: dict[str, Any]) -> None:
        check_host(settings)
        import openai

        self.settings, self.schema, self.openai = settings, schema, openai
        # No proxy of the environment and no redirect may carry reports elsewhere.
        own = openai.DefaultHttpxClient(trust_env=False, follow_redirects=False)
        self.client = openai.OpenAI(
            base_url=settings.url,
            api_key=os.environ.get(KEY, "none"),
            timeout=settings.seconds,
            max_retries=0,
            http_client=own,
        )

    def ask(self, messages: list[dict[str, str]], attempt: int) -> str:
        """Return the answer's text; wait before a further try, longer each time, or as the server asks."""
        try:
            completion = self.client.chat.completions.create(  # type: ignore[call-overload]
                model=self.settings.model,
                messages=messages,
                temperature=self.settings.temperature,
                max_tokens=self.settings.max_tokens,
                seed=attempt,
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "labels", "schema": self.schema, "strict": True},
                },
            )
        except self.openai.APIStatusError as error:
            self._judge(error, attempt)
            raise AnswerError(f"is HTTP status {error.status_code}") from None
        except self.openai.APITimeoutError:
            raise AnswerError(f"did not come within {self.settings.seconds:g} s") from None
        except self.openai.APIConnectionError:
            _pause(attempt, None)
            raise AnswerError("did not come: no connection to the server") from None
        except (self.openai.APIError, ValueError):
            raise AnswerError("is not of the OpenAI protocol") from None
        return _content(completion)

    def _judge(self, error: Any, attempt: int) -> None:
        """Wait where the server is busy or ill; raise InputError where asking again cannot help."""
        status = error.status_code
        if status in (408, 409, 429) or status >= 500:
            _pause(attempt, error.response.headers.get("retry-after"))
            return
        raise InputError(
            f"language model: the server answers HTTP status {status}; check cmr.text.llm.url and model, and "
            f"the key in the environment variable {KEY}"
        )


def check_host(settings: LanguageModel) -> None:
    """Raise InputError unless reports may be sent to the host of `settings.url`."""
    parts = urlsplit(settings.url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        raise InputError("cmr.text.llm.url must be an address such as http://127.0.0.1:8000/v1")
    if host not in THIS_MACHINE and host not in settings.allowed_hosts:
        raise InputError(
            f"cmr.text.llm.url: {host} is not this machine, and reports, though scrubbed, are patients' "
            "data. If they may be sent there, add the host to cmr.text.llm.allowed_hosts"
        )


def _content(completion: Any) -> str:
    choices = getattr(completion, "choices", None)
    if not choices or choices[0].message is None:
        raise AnswerError("is empty")
    choice = choices[0]
    if getattr(choice.message, "refusal", None):
        raise AnswerError("is a refusal")
    if choice.finish_reason != "stop":
        ends = {"length": "was cut off at max_tokens", "content_filter": "was withheld by a filter"}
        raise AnswerError(ends.get(str(choice.finish_reason), "did not come to its end"))
    if not choice.message.content:
        raise AnswerError("is empty")
    return str(choice.message.content)


def _pause(attempt: int, wanted: str | None) -> None:
    asked = float(wanted) if wanted and wanted.replace(".", "", 1).isdigit() else 0.0
    time.sleep(min(max(asked, 0.5 * 2**attempt), LONGEST_PAUSE))


class LocalModel:
    """A causal model of transformers, its answers held to the schema while they are made (xgrammar)."""

    def __init__(self, folder: Path, settings: LanguageModel, schema: dict[str, Any]) -> None:
        try:
            import xgrammar
            import xgrammar.contrib.hf as grammar
        except ImportError:
            raise InputError(
                "cmr.text.llm.backend: transformers needs the package xgrammar (extra llm)"
            ) from None
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from cineclr.gpus import choose_device

        self.settings, self.torch, self.grammar = settings, torch, grammar
        self.tokenizer = AutoTokenizer.from_pretrained(str(folder))
        model: Any = AutoModelForCausalLM.from_pretrained(str(folder), dtype="auto")
        self.model = model.to(choose_device()).eval()
        # A chat model ends its turn by a token of its own, beside the end of text.
        ends = model.generation_config.eos_token_id
        named = [ends] if isinstance(ends, int) else ends or []
        self.ends = sorted({*named, self.tokenizer.eos_token_id} - {None})
        info = xgrammar.TokenizerInfo.from_huggingface(
            self.tokenizer,
            vocab_size=model.config.get_text_config().vocab_size,
            stop_token_ids=self.ends,
        )
        self.compiled = xgrammar.GrammarCompiler(info).compile_json_schema(json.dumps(schema))
        self.turn = threading.Lock()  # one report at a time: the model is one

    def ask(self, messages: list[dict[str, str]], attempt: int) -> str:
        """Return the answer's text; a further try draws at random where the first took the likeliest."""
        prompt = self._prompt(messages)
        warmth = max(self.settings.temperature, 0.3 if attempt else 0.0)
        drawing: dict[str, Any] = {"do_sample": bool(warmth)}
        if warmth:
            drawing["temperature"] = warmth
        with self.turn, self.torch.no_grad():
            self.torch.manual_seed(attempt)
            # The chat template has written the special tokens already.
            plain = not self.tokenizer.chat_template
            inputs = self.tokenizer(prompt, return_tensors="pt", add_special_tokens=plain)
            inputs = inputs.to(self.model.device)
            output = self.model.generate(
                **inputs,
                **drawing,
                max_new_tokens=self.settings.max_tokens,
                logits_processor=[self.grammar.LogitsProcessor(self.compiled)],
                eos_token_id=self.ends,
                pad_token_id=self.ends[0],
            )
        made = output[0, inputs["input_ids"].shape[1] :]
        if made[-1].item() not in self.ends:
            raise AnswerError("was cut off at max_tokens")
        return str(self.tokenizer.decode(made, skip_special_tokens=True))

    def _prompt(self, messages: list[dict[str, str]]) -> str:
        if not self.tokenizer.chat_template:
            return "\n\n".join(message["content"] for message in messages) + "\n\nAnswer:\n"
        return str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

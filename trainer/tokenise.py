"""Examples as a model reads them: its own tokenizer, its own template, and what is learnt of them.

Whoever counts tokens of examples counts by this: the check of a dataset, a quote, the training
itself. So what was quoted is what is trained, and what is billed. It needs ``tokenizers`` and
``jinja2``, no more.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from tokenizers import Encoding, Tokenizer

from trainer.errors import BadInput, NoInput
from trainer.template import ChatTemplate

#: The label of a token that nothing is learnt from, as PyTorch has it.
IGNORED = -100
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Encoded:
    """One example, cut to the length that was asked for."""

    input_ids: list[int]
    #: The same, and ``IGNORED`` where nothing is learnt.
    labels: list[int]
    #: Whether something was cut off.
    is_cut: bool

    @property
    def tokens(self) -> int:
        """How many tokens the model reads; each is billed each time."""
        return len(self.input_ids)

    @property
    def learnt(self) -> int:
        """How many of them the model learns to say; the first is never said."""
        return sum(label != IGNORED for label in self.labels[1:])


class Tokeniser:
    """A model's tokenizer and its chat template."""

    def __init__(self, tokenizer: Tokenizer, template: str, specials: dict[str, str]) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._end = tokenizer.token_to_id(specials.get("eos_token", ""))
        self._template = ChatTemplate(template, specials)

    @classmethod
    def of(cls, folder: Path) -> "Tokeniser":
        """Return what lies beside a model's weights."""
        settings = json.loads(_text(folder / "tokenizer_config.json"))
        try:
            tokenizer = Tokenizer.from_str(_text(folder / "tokenizer.json"))
        except NoInput:
            raise
        except Exception as error:  # noqa: BLE001 - the library tells what is wrong by bare ones
            raise NoInput(
                f"the base model's tokenizer cannot be read: {error}", code="base_model"
            ) from None
        return cls(tokenizer, _template(folder, settings), _specials(settings))

    def encode(self, example: dict[str, Any], max_length: int) -> Encoded:
        """Return the example in tokens; ``BadInput`` where the template does not take it."""
        whole, labels = self._chat(example) if "messages" in example else self._plain(example)
        cut = slice(0, max_length)
        return Encoded(whole[cut], labels[cut], is_cut=len(whole) > max_length)

    def _chat(self, example: dict[str, Any]) -> tuple[list[int], list[int]]:
        messages = [_message(message) for message in example["messages"]]
        weights = [message.get("weight") for message in example["messages"]]
        try:
            text, spans = self._answers(messages, weights, example.get("tools") or None)
        except TemplateError as error:
            words = f"the model's chat template does not take an example: {error}"
            raise BadInput(words, code="template_refuses") from None
        return _labelled(self._tokenizer.encode(text, add_special_tokens=False), spans)

    def _answers(
        self, messages: list[dict[str, Any]], weights: list[Any], tools: list[Any] | None
    ) -> tuple[str, list[Span]]:
        """Return the whole text, and where the answers stand in it that are to be learnt.

        An answer begins where the model would be asked for it, and ends with its turn. One that the
        template writes otherwise once more is said (without its reasoning, say) is not learnt.
        """
        whole = self._template.render(messages, tools)
        spans = []
        for number, message in enumerate(messages):
            if message["role"] != "assistant" or weights[number] == 0:
                continue
            before = self._template.render(messages[:number], tools, is_asking=True)
            after = self._template.render(messages[: number + 1], tools)
            if whole.startswith(after) and after.startswith(before):
                spans.append((len(before), len(after)))
        return whole, spans

    def _plain(self, example: dict[str, Any]) -> tuple[list[int], list[int]]:
        asked = self._tokenizer.encode(example["prompt"]).ids
        said = self._tokenizer.encode(example["completion"], add_special_tokens=False).ids
        said = [*said, self._end] if self._end is not None else said
        return asked + said, [IGNORED] * len(asked) + said


def _labelled(encoding: Encoding, spans: list[Span]) -> tuple[list[int], list[int]]:
    """Return the tokens, and as labels those that stand wholly within a span."""
    labels = []
    waiting = iter([*spans, (1 << 62, 1 << 62)])
    begin, end = next(waiting)
    for token, (first, last) in zip(encoding.ids, encoding.offsets, strict=True):
        while first >= end:
            begin, end = next(waiting)
        labels.append(token if begin <= first and last <= end else IGNORED)
    return encoding.ids, labels


def _message(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message of OpenAI's schema as templates expect it."""
    content = message.get("content") or ""
    if isinstance(content, list):
        content = "".join(part["text"] for part in content)
    kept = {name: value for name, value in message.items() if name not in ("weight", "tool_calls")}
    kept["content"] = content
    if calls := message.get("tool_calls"):
        kept["tool_calls"] = [_call(call) for call in calls]
    return kept


def _call(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    return {**call, "function": {**function, "arguments": json.loads(function["arguments"])}}


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise NoInput(f"the base model has no {path.name}", code="base_model") from None


def _template(folder: Path, settings: dict[str, Any]) -> str:
    beside = folder / "chat_template.jinja"
    if beside.exists():
        return beside.read_text("utf-8")
    found = settings.get("chat_template")
    if isinstance(found, list):
        found = {each["name"]: each["template"] for each in found}.get("default")
    if not isinstance(found, str):
        raise NoInput("the base model has no chat template", code="base_model")
    return found


def _specials(settings: dict[str, Any]) -> dict[str, str]:
    found = {}
    for name in ("bos_token", "eos_token", "pad_token", "unk_token"):
        token = settings.get(name)
        if isinstance(token, dict):
            token = token.get("content")
        if isinstance(token, str):
            found[name] = token
    return found

"""The texts of a call, as the model's own tokenizer is given them: what was asked, what was said.

Looked at only where a model has a tokenizer.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from gateway.deltas import DONE, UNREADABLE, payload
from gateway.prompts import utf8

#: Where endpoints have texts that stand for themselves.
PLAIN = ("prompt", "input")
#: More letters of an answer are not kept; the rest is told by its bytes.
LARGEST = 500_000


def asked(body: dict[str, Any]) -> list[str]:
    """Return the texts of a prompt; each is bounded by its bytes and counts as such."""
    return [text for text in _asked(body) if text]


def _asked(body: dict[str, Any]) -> Iterator[str]:
    for message in body.get("messages") or ():
        yield from _content(message.get("content"))
    for name in PLAIN:
        value = body.get(name)
        for text in value if isinstance(value, list) else (value,):
            if isinstance(text, str):
                yield text


def _content(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else ():
        for name in ("text", "refusal"):
            if isinstance(part.get(name), str):
                yield part[name]


class _Delta(msgspec.Struct):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: Any = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Delta | None = None
    message: _Delta | None = None
    text: Any = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None


_decode = msgspec.json.Decoder(_Chunk).decode


class Said:
    """What a client got of an answer, each voice put together again from its pieces."""

    def __init__(self) -> None:
        self._voices: dict[tuple[Any, ...], list[str]] = {}
        self._letters = 0

    def hear(self, event: bytes) -> None:
        """Take in an event of a stream that was delivered, or a whole answer."""
        data = payload(event) if event.startswith((b"data:", b":", b"event:", b"id:")) else event
        if not data or data == DONE:
            return
        try:
            chunk = _decode(data)
        except UNREADABLE:
            return
        for choice in chunk.choices or ():
            for voice, text in _voices(choice):
                self._add((choice.index, *voice), text)

    def _add(self, voice: tuple[Any, ...], text: Any) -> None:
        if isinstance(text, str) and text and self._letters + len(text) <= LARGEST:
            self._letters += len(text)
            self._voices.setdefault(voice, []).append(text)

    @property
    def texts(self) -> list[str]:
        """Return what each voice said."""
        return ["".join(pieces) for pieces in self._voices.values()]


def _voices(choice: _Choice) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield ("text",), choice.text
    for delta in (choice.delta, choice.message):
        if delta is None:
            continue
        yield ("content",), delta.content
        yield ("refusal",), delta.refusal
        yield ("reasoning",), delta.reasoning_content or delta.reasoning
        for call in delta.tool_calls if isinstance(delta.tool_calls, list) else ():
            yield from _call(call)


def _call(call: Any) -> Iterator[tuple[tuple[Any, ...], Any]]:
    function = call.get("function") if isinstance(call, dict) else None
    if isinstance(function, dict):
        place = call.get("index", call.get("id"))
        yield ("name", str(place)), function.get("name")
        yield ("arguments", str(place)), function.get("arguments")


def size(texts: list[str]) -> int:
    """Return the bytes of texts."""
    return sum(utf8(text) for text in texts)

"""Server-sent events of a stream: cut where they end, looked into only as far as billing needs."""

import re
from functools import lru_cache
from typing import Any

import msgspec

LARGEST_EVENT = 10_000_000
DONE = b"[DONE]"
#: What reading an engine's JSON may end with; what is nested without end is no answer either.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
#: What ends a stream for clients; some engines leave it out.
LAST_EVENT = b"data: [DONE]\n\n"
#: How the lines of an event begin that clients do not show.
SILENT = (b":", b"event:", b"id:", b"retry:", b"data:")
#: So many bytes of sound, as base64, count like one of text.
BYTES_OF_SOUND = 256
#: The member of a chunk that names the model. Inside texts its quotes would be escaped.
MODEL = re.compile(rb'"model"\s*:\s*"(?:[^"\\]|\\.)*"')


class EventTooLarge(Exception):
    """An engine sent an event without end."""


class Cutter:
    """Cuts a byte stream into whole events, each with its blank line, unchanged."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the events that this chunk completes."""
        data = self._rest + chunk
        events = []
        start = 0
        while (end := _end(data, start)) > 0:
            events.append(data[start:end])
            start = end
        self._rest = data[start:]
        if len(self._rest) > LARGEST_EVENT:
            raise EventTooLarge
        return events

    def rest(self) -> bytes:
        """Return what came without a blank line at the end."""
        rest, self._rest = self._rest, b""
        return rest


def _end(data: bytes, start: int) -> int:
    plain = data.find(b"\n\n", start)
    windows = data.find(b"\r\n\r\n", start, plain + 1 if plain >= 0 else len(data))
    if windows >= 0:
        return windows + 4
    return plain + 2 if plain >= 0 else -1


class _Delta(msgspec.Struct):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: Any = None
    function_call: Any = None
    audio: Any = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    message: _Delta | None = None
    text: Any = None
    finish_reason: Any = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


class _Vectors(msgspec.Struct):
    data: list[msgspec.Raw] | None = None
    #: Of a ranking.
    results: list[msgspec.Raw] | None = None
    usage: Any = None
    error: Any = None


_decoder = msgspec.json.Decoder(_Chunk)
_vectors_decoder = msgspec.json.Decoder(_Vectors)


class Seen(msgspec.Struct, frozen=True):
    """What one event, or one whole answer, holds."""

    delivered: int = 0
    usage: Any = None
    only_usage: bool = False
    done: bool = False
    failed: bool = False
    finished: bool = False
    #: How many choices, or vectors, it is about.
    answers: int = 0


def payload(event: bytes) -> bytes:
    """Return the data of an event."""
    if event.startswith(b"data:"):
        data = event[5:].strip()
        if b"\n" not in data:
            return data
    lines = [line[5:].strip() for line in event.splitlines() if line.startswith(b"data:")]
    return b"\n".join(lines)


def named(data: bytes, name: str) -> bytes:
    """Return the chunk or answer under the name the model is sold by, not the engine's own."""
    found = MODEL.search(data)
    if found is None:
        return data
    return b'%b"model":%b%b' % (data[: found.start()], _quoted(name), data[found.end() :])


@lru_cache(maxsize=1000)
def _quoted(name: str) -> bytes:
    return msgspec.json.encode(name)


def look(event: bytes) -> Seen:
    """Return what is in an event; an error, or what cannot be read, is a failure of the engine."""
    data = payload(event)
    if not data:
        return Seen(failed=not _is_silent(event))
    if data == DONE:
        return Seen(done=True)
    return look_at(data)


def look_at(data: bytes) -> Seen:
    """Return what is in the JSON of a chunk or of a whole answer."""
    try:
        chunk = _decoder.decode(data)
    except UNREADABLE:
        return Seen(failed=True)
    choices = chunk.choices or []
    delivered, finished = 0, False
    for choice in choices:
        delivered += _size(choice)
        finished = finished or bool(choice.finish_reason)
    return Seen(
        delivered=delivered,
        usage=chunk.usage,
        only_usage=chunk.usage is not None and not choices,
        failed=bool(chunk.error),
        finished=finished,
        answers=len(choices),
    )


def look_at_vectors(data: bytes) -> Seen:
    """Return what is in the JSON of an answer that holds embeddings, or a ranking."""
    try:
        answer = _vectors_decoder.decode(data)
    except UNREADABLE:
        return Seen(failed=True)
    answers = len(answer.data or answer.results or [])
    return Seen(usage=_read_only(answer.usage), failed=bool(answer.error), answers=answers)


def _read_only(usage: Any) -> Any:
    """Return the usage of what writes nothing: some engines name only the sum, which is the prompt."""
    if isinstance(usage, dict) and "prompt_tokens" not in usage and "total_tokens" in usage:
        return {**usage, "prompt_tokens": usage["total_tokens"]}
    return usage


def _is_silent(event: bytes) -> bool:
    """Tell whether an event without data is one: comments and fields, not text of an engine."""
    lines = [line for line in event.splitlines() if line]
    return all(line.startswith(SILENT) for line in lines)


def _size(choice: _Choice) -> int:
    size = _length(choice.text) if choice.text is not None else 0
    for delta in (choice.delta, choice.message):
        if delta is not None:
            size += _length(delta.content)
            size += _beside(delta)
    return size


def _beside(delta: _Delta) -> int:
    """Return the bytes of what is no plain text: nearly always there is none."""
    size = 0
    if delta.refusal is not None:
        size += _length(delta.refusal)
    reasoning = delta.reasoning_content or delta.reasoning
    if reasoning is not None:
        size += _length(reasoning)
    if delta.tool_calls or delta.function_call:
        size += _calls(delta.tool_calls) + _calls(delta.function_call)
    if delta.audio is not None:
        size += _spoken(delta.audio)
    return size


def _spoken(audio: Any) -> int:
    """Return the bytes of what was said, and of its sound so few that both bounds hold for it.

    Of sound as samples, and of sound packed well, a token has between these and four times as many.
    """
    if not isinstance(audio, dict):
        return 0
    data = audio.get("data")
    sound = len(data) // BYTES_OF_SOUND if isinstance(data, str) else 0
    return _length(audio.get("transcript")) + sound


def _length(value: Any) -> int:
    if value is None or value == "":
        return 0
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    return len(msgspec.json.encode(value))


def _calls(value: Any) -> int:
    """Return the bytes a model wrote for tool calls: names and arguments."""
    calls = value if isinstance(value, list) else [value] if value else []
    size = 0
    for call in calls:
        function = call.get("function", call) if isinstance(call, dict) else {}
        if isinstance(function, dict):
            size += _length(function.get("name")) + _length(function.get("arguments"))
    return size

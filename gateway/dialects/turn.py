"""What an engine says in one turn, read from its whole answer or chunk by chunk, block by block."""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from gateway import deltas
from gateway.upstreams.base import UpstreamError

Kind = Literal["thought", "text", "refusal", "call"]


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: Any = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Said(msgspec.Struct):
    content: Any = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Probabilities(msgspec.Struct):
    content: list[dict[str, Any]] | None = None


class _Choice(msgspec.Struct):
    delta: _Said | None = None
    message: _Said | None = None
    finish_reason: str | None = None
    #: vLLM's extension: the text that ended the answer, or the number of a token.
    stop_reason: Any = None
    logprobs: _Probabilities | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None


_decoder = msgspec.json.Decoder(_Chunk)


class Block(msgspec.Struct):
    """Something said in one go: a thought, a text, a refusal, or the call of a tool."""

    kind: Kind
    place: int
    #: Of a call.
    id: str = ""
    name: str = ""
    pieces: list[str] = []
    logprobs: list[dict[str, Any]] = []

    @property
    def text(self) -> str:
        """Return all that was said so far."""
        return "".join(self.pieces)


class Step(msgspec.Struct, frozen=True):
    """A block begins, goes on, or ends."""

    act: Literal["open", "add", "close"]
    block: Block
    text: str = ""
    logprobs: list[dict[str, Any]] = []


class Turn:
    """An engine's turn; one block is open at a time."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.finish: str | None = None
        #: The text at which the answer was told to stop, where the engine names it.
        self.stopped_at: str | None = None
        self._open: Block | None = None
        self._calls: dict[int | str, Block] = {}

    def feed(self, data: bytes) -> Iterator[Step]:
        """Yield what the JSON of a chunk, or of a whole answer, adds."""
        try:
            chunk = _decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _unreadable() from error
        for choice in (chunk.choices or [])[:1]:
            self.finish = choice.finish_reason or self.finish
            if isinstance(choice.stop_reason, str):
                self.stopped_at = choice.stop_reason
            said = choice.delta or choice.message
            if said is not None:
                yield from self._hear(said, choice.logprobs)

    def read(self, event: bytes) -> Iterator[Step]:
        """Yield what an event of a stream adds."""
        data = deltas.payload(event)
        return iter(()) if not data or data == deltas.DONE else self.feed(data)

    def close(self) -> Iterator[Step]:
        """Yield the end of what is still open."""
        block, self._open = self._open, None
        if block is not None:
            yield Step("close", block)

    def _hear(self, said: _Said, logprobs: _Probabilities | None) -> Iterator[Step]:
        thought = said.reasoning_content or said.reasoning
        yield from self._add("thought", thought)
        yield from self._add("text", _text(said.content), (logprobs and logprobs.content) or [])
        yield from self._add("refusal", said.refusal)
        for place, call in enumerate(said.tool_calls or []):
            yield from self._call(call, place)

    def _add(
        self, kind: Kind, text: str | None, logprobs: list[dict[str, Any]] | None = None
    ) -> Iterator[Step]:
        if not text:
            return
        block = self._open
        if block is None or block.kind != kind:
            yield from self.close()
            block = self._begin(kind)
            yield Step("open", block)
        yield self._more(block, text, logprobs or [])

    def _call(self, call: _Call, place: int) -> Iterator[Step]:
        function = call.function or _Function()
        key = self._key(call, place)
        block = self._calls.get(key)
        if block is None:
            yield from self.close()
            block = self._calls[key] = self._begin("call", call.id or "", function.name or "")
            yield Step("open", block)
        elif block is not self._open:
            # No engine goes back to a call it has left; what was told of it cannot be reopened.
            raise _unreadable()
        if arguments := _arguments(function.arguments):
            yield self._more(block, arguments, [])

    def _key(self, call: _Call, place: int) -> int | str:
        if call.index is not None:
            return call.index
        if call.id:
            return call.id
        return next((key for key, block in self._calls.items() if block is self._open), place)

    def _begin(self, kind: Kind, id_: str = "", name: str = "") -> Block:
        block = self._open = Block(kind, len(self.blocks), id_, name, [], [])
        self.blocks.append(block)
        return block

    def _more(self, block: Block, text: str, logprobs: list[dict[str, Any]]) -> Step:
        block.pieces.append(text)
        block.logprobs.extend(logprobs)
        return Step("add", block, text, logprobs)


def _text(content: Any) -> str:
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _arguments(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return msgspec.json.encode(value).decode()


def _unreadable() -> UpstreamError:
    return UpstreamError("the answer cannot be read", reached=True)

"""What chat and plain completions have in common once they are written."""

import itertools
import time
import uuid
from collections.abc import Iterable, Iterator

import msgspec

from gateway.upstreams.demo import catalogue
from gateway.upstreams.demo.bodies import Generation, StreamOptions
from gateway.upstreams.demo.delivery import Event
from gateway.upstreams.demo.usage import Lie, Usage
from gateway.upstreams.demo.writing import Choice

DONE = Event(b"data: [DONE]\n\n")


class Generated:
    """Choices on their way into a body or a stream; what a choice looks like is the subclass's."""

    prefix: str
    whole: str
    chunk: str

    def __init__(
        self, request: Generation, choices: list[Choice], usage: Usage, lie: Lie | None
    ) -> None:
        self.request = request
        self.choices = choices
        self.usage = usage
        self.lie: Lie | None = lie
        self.hidden = 0
        self.is_long = any(choice.is_long for choice in choices)
        self.options = request.stream_options or StreamOptions()
        self.counting = lie == "every_chunk" or self.options.continuous_usage_stats
        self._facts = {
            "id": f"{self.prefix}-{uuid.uuid4().hex[:24]}",
            "created": int(time.time()),
            "model": request.model,
            "system_fingerprint": catalogue.FINGERPRINT,
        }
        self._generated = 0

    def choice(self, index: int, choice: Choice) -> dict[str, object]:
        """Return a choice of a whole answer."""
        raise NotImplementedError

    def steps(self, index: int, choice: Choice) -> Iterator[Event]:
        """Return a choice in pieces, each an element of a chunk's ``choices``."""
        raise NotImplementedError

    def openings(self) -> Iterable[bytes]:
        """Return what comes before the first token."""
        return ()

    def body(self) -> bytes:
        """Return the whole answer."""
        choices = [self.choice(index, choice) for index, choice in enumerate(self.choices)]
        body: dict[str, object] = {**self._facts, "object": self.whole, "choices": choices}
        told = self.usage.told(self.lie)
        if told is not None:
            body["usage"] = told.body()
        return msgspec.json.encode(body)

    def events(self) -> Iterator[Event]:
        """Return the answer as server-sent events: choices side by side, then usage, then the end.

        Chunks differ in one place only, so their beginning is made once; this is the hot path.
        """
        head = b"data: " + msgspec.json.encode({**self._facts, "object": self.chunk})[:-1]
        head += b',"choices":['
        for opening in self.openings():
            yield Event(head + opening + self._tail())
        runs = [self.steps(index, choice) for index, choice in enumerate(self.choices)]
        for step in itertools.chain.from_iterable(itertools.zip_longest(*runs)):
            if step is None:
                continue
            self._generated += step.generated
            if not step.data:
                yield step
                continue
            yield Event(head + step.data + self._tail(), step.generated, step.written)
        told = self.usage.told(self.lie)
        if self.options.include_usage and told is not None:
            yield Event(head + b'],"usage":' + msgspec.json.encode(told.body()) + b"}\n\n")
        yield DONE

    def _tail(self) -> bytes:
        if self.counting:
            so_far = msgspec.structs.replace(
                self.usage,
                completion=self._generated,
                reasoning=min(self.usage.reasoning, self._generated),
            )
            return b'],"usage":' + msgspec.json.encode(so_far.body()) + b"}\n\n"
        return b'],"usage":null}\n\n' if self.options.include_usage else b"]}\n\n"

"""Asks a server whether it speaks as the gateway needs it to. Talks to the network: never inside a
transaction.

What is asked is what customers ask: the list of models, a plain and a streamed completion, and a
caller who hangs up. Usage is believed when it adds up, keeps to the cap, and grows with the prompt.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from common import http
from marketplace import gauges
from marketplace.models import Kind
from marketplace.models.offers import ProbeState
from marketplace.probe import beside

PATIENCE = http.Bounds(patience=30)
CAP = 8
#: Where engines say something: the answer, and by two names what a model thinks before it.
SAYING = ("content", "reasoning_content", "reasoning")
SHORT = "Say hello."
LONG = "Say hello. " * 40
USUAL_METRICS = "/metrics"
#: So long a server has to notice that a caller is gone.
NOTICING = 5.0


@dataclass(frozen=True, slots=True)
class Way:
    """How a model is reached."""

    base_url: str
    credential: str
    model: str
    kind: str = Kind.CHAT
    tells_usage: bool = True
    stops_on_hang_up: bool = True
    #: Where it tells its load; empty: where most do.
    metrics_path: str = ""

    def ask(self, path: str, **facts: Any) -> Any:
        """Return what the server answers to a question in JSON, or nothing that can be used."""
        answer = http.ask(*self.question(path, **facts), bounds=PATIENCE)
        return json.loads(answer.body) if answer.status == 200 else None

    def question(self, path: str, **facts: Any) -> tuple[str, str, dict[str, str], bytes]:
        """Return a question as the door to the network takes it."""
        headers = {"Content-Type": "application/json"}
        if self.credential:
            headers["Authorization"] = f"Bearer {self.credential}"
        body = json.dumps({"model": self.model, **facts}).encode()
        return "POST", f"{self.base_url.rstrip('/')}{path}", headers, body


#: By check, in order: whether it passed, or cannot be told.
Findings = dict[str, ProbeState]


def probe(way: Way) -> Findings:
    """Return how the server did; a check that cannot be made failed."""
    found = {"models": _state(_lists, way)}
    if way.kind == Kind.EMBEDDING:
        return found | {"embedding": _state(_embeds, way)}
    if way.kind != Kind.CHAT:
        return found
    return found | {
        "plain": _state(_answers, way),
        "stream": _state(_streams, way),
        "usage": _state(_counts, way),
        "cancel": _cancels(way),
    }


def _state(check: Callable[[Way], bool], way: Way) -> ProbeState:
    try:
        return ProbeState.PASSED if check(way) else ProbeState.FAILED
    except (http.Unreachable, ValueError, KeyError, TypeError, IndexError, RecursionError):
        return ProbeState.FAILED


def _lists(way: Way) -> bool:
    answer = http.get(f"{way.base_url.rstrip('/')}/models", bearer=way.credential)
    return way.model in [row["id"] for row in json.loads(answer.body)["data"]]


def _embeds(way: Way) -> bool:
    answer = way.ask("/embeddings", input=SHORT)
    return len(answer["data"][0]["embedding"]) > 1 and answer["usage"]["prompt_tokens"] > 0


def _said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def _plain(way: Way, text: str) -> Any:
    return way.ask("/chat/completions", messages=_said(text), max_tokens=CAP)


def _answers(way: Way) -> bool:
    message = _plain(way, SHORT)["choices"][0]["message"]
    is_told = isinstance(message.get("content"), str) or _says(message)
    return message["role"] == "assistant" and is_told


def _says(message: dict[str, Any]) -> bool:
    """Whether there is an answer, or what a model thinks before it: the cap leaves room for no more."""
    return any(isinstance(it, str) and it for it in map(message.get, SAYING))


def _chunks(way: Way) -> Iterator[Any]:
    """Yield what a stream says; it ends as it should, or is refused."""
    options: dict[str, Any] = {"stream": True}
    if way.tells_usage:
        options["stream_options"] = {"include_usage": True}
    question = way.question("/chat/completions", messages=_said(SHORT), max_tokens=CAP, **options)
    body = http.ask(*question, bounds=PATIENCE).body.decode()
    lines = [line[5:].strip() for line in body.splitlines() if line.startswith("data:")]
    if not lines or lines[-1] != "[DONE]":
        raise ValueError("a stream that does not end")
    yield from (json.loads(line) for line in lines[:-1])


def _streams(way: Way) -> bool:
    chunks = list(_chunks(way))
    return any(_says(it["choices"][0]["delta"]) for it in chunks if it["choices"])


def _counts(way: Way) -> bool:
    """Whether usage adds up, keeps to the cap, grows with the prompt, and ends a stream too."""
    short, long = _plain(way, SHORT)["usage"], _plain(way, LONG)["usage"]
    is_honest = all(map(_adds_up, (short, long))) and long["prompt_tokens"] > short["prompt_tokens"]
    return is_honest and (not way.tells_usage or _counts_streams(way, short["prompt_tokens"]))


def _counts_streams(way: Way, read: int) -> bool:
    streamed = [it["usage"] for it in _chunks(way) if it.get("usage")]
    last = streamed[-1] if streamed else None
    return last is not None and all(map(_adds_up, streamed)) and last["prompt_tokens"] == read


def _adds_up(usage: dict[str, int]) -> bool:
    made, read = usage["completion_tokens"], usage["prompt_tokens"]
    return 0 < made <= CAP and read > 0 and usage["total_tokens"] == made + read


def _cancels(way: Way) -> ProbeState:
    """Tell whether work ends when a caller hangs up, as far as the server says what it works on."""
    if not way.stops_on_hang_up:
        return ProbeState.UNKNOWN
    question = way.question("/chat/completions", messages=_said(LONG), max_tokens=2000, stream=True)
    try:
        before = _running(way)
        http.hang_up_on(*question, bounds=PATIENCE)
        if before is None or before > 0:
            # While others are served, nobody can tell whose work it is that goes on.
            return ProbeState.UNKNOWN
        ends = time.monotonic() + NOTICING
        while (now := _running(way)) is not None and now > before:
            if time.monotonic() > ends:
                return ProbeState.FAILED
            time.sleep(0.2)
    except (http.Unreachable, ValueError):
        return ProbeState.FAILED
    return ProbeState.PASSED


def _running(way: Way) -> int | None:
    """Return how many requests the server works on; None where it does not say."""
    metrics = beside(way.base_url, way.metrics_path or USUAL_METRICS)
    try:
        answer = http.get(metrics, bearer=way.credential)
    except http.Unreachable:
        return None
    return gauges.read(answer.body).running if answer.status == 200 else None

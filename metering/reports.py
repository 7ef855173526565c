"""What other meters report of usage: CloudEvents 1.0, read one by one, without looking anything up.

A meter is a program of somebody else's. What it says is believed only in the form and within the
bounds that stand here; everything else is told back with what was found and what is accepted.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from metering.models import GPU_SECONDS, TOKEN_PARTS

T = TypeVar("T")

#: The kind of event that is taken.
TYPE = "tessera.usage.v1"
#: Ids under this source are the gateway's own.
OURS = "gateway"
#: What stands before the source of an event, by whose meter told it: a customer whose meter takes
#: the operator's name takes none of its ids.
OPERATORS, CUSTOMERS = "meter:", "own:"
#: Clocks differ by so much.
AHEAD = timedelta(minutes=5)
#: Later than this, usage is somebody's to look at, not a meter's to report.
LATE = timedelta(days=35)
#: More tokens than this in one part of one request are a mistake.
MOST_TOKENS = 10**9
#: A thousand GPUs for a day, and a little: more in one event are milliseconds, or a mistake.
MOST_GPU_SECONDS = 10**8
#: Parts that stand in a report's facts even when there are none of them. Others came later: what was
#: taken in before they did must still be recognized by its hash when it is reported again.
ALWAYS = frozenset({"input", "cached_input", "output", "reasoning"})
LONGEST_MS = 24 * 60 * 60 * 1000
LONGEST_TEXT = 100
#: At which prices; what is left out was answered at once.
TIERS = ("standard", "batch")
OUTCOMES = ("completed", "client_gone", "interrupted", "upstream_failed")
DATA = (
    "model", "tokens", GPU_SECONDS, "project", "region", "service_tier", "streamed", "ttft_ms",
    "latency_ms", "outcome",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an event: where, what was found there, and what is accepted."""

    field: str
    found: str
    accepted: str


@dataclass(frozen=True, slots=True)
class Report:
    """An event that can be read; whether what it names exists is not yet known."""

    event_id: str
    source: str
    #: Whose usage it is: an organization's address, or the id of one of its keys.
    subject: str | None
    occurred_at: datetime
    model: str
    parts: dict[str, int]
    #: For how long GPUs were held, all of them together.
    gpu_seconds: int
    project: str | None
    region: str | None
    service_tier: str
    streamed: bool
    ttft_ms: int | None
    latency_ms: int | None
    outcome: str


@dataclass(slots=True)
class _Reader:
    """Takes facts out of an object, and notes those that cannot be taken."""

    facts: Mapping[str, Any]
    prefix: str = ""
    faults: list[Fault] = field(default_factory=list)

    def need(self, name: str, check: Callable[[Any], T | None], accepted: str, instead: T) -> T:
        """Return what stands there; ``instead`` with a fault when it cannot be taken."""
        value = self.facts.get(name)
        found = None if value is None else check(value)
        if found is None:
            self.refuse(name, accepted)
        return instead if found is None else found

    def may(self, name: str, check: Callable[[Any], T | None], accepted: str) -> T | None:
        """Return what stands there, or nothing where nothing does."""
        value = self.facts.get(name)
        found = None if value is None else check(value)
        if value is not None and found is None:
            self.refuse(name, accepted)
        return found

    def refuse(self, name: str, accepted: str) -> None:
        """Note that this cannot be taken."""
        found = shown(self.facts[name]) if self.facts.get(name) is not None else "nothing"
        self.faults.append(Fault(self.prefix + name, found, accepted))

    def refuse_others(self, known: tuple[str, ...]) -> None:
        """Note what we would leave unread: it may have been meant."""
        for name in sorted(self.facts.keys() - set(known))[:5]:
            safe = name.encode("ascii", "backslashreplace").decode()[:LONGEST_TEXT]
            self.faults.append(Fault(self.prefix + safe, "this", ", ".join(known)))


def shown(value: Any) -> str:
    """Return a value as a complaint can quote it."""
    try:
        text = json.dumps(value, ensure_ascii=True)
    except (TypeError, ValueError, RecursionError):
        return "something that cannot be shown"
    return text if len(text) <= 80 else text[:77] + "..."


def echoed(value: Any) -> str | None:
    """Return a name as it was sent, where that can be sent back."""
    return value[:LONGEST_TEXT] if isinstance(value, str) and value.isprintable() else None


def read(event: Any, *, now: datetime) -> Report | list[Fault]:
    """Return the event as a report, or all that is wrong with it."""
    if not isinstance(event, dict):
        return [Fault("", shown(event), "an object: a CloudEvent in JSON")]
    top = _Reader(event)
    top.need("specversion", _exactly("1.0"), "1.0", "")
    top.need("type", _exactly(TYPE), TYPE, "")
    source = top.need("source", _source, f"the meter's own name, not “{OURS}”", "")
    occurred_at = top.need(
        "time", lambda value: _moment(value, now), "RFC 3339, with its offset: " + _window(), now
    )
    data = _Reader(top.need("data", _object, "an object", {}), "data.")
    seconds = data.may(GPU_SECONDS, _gpu_seconds, _GPU_TIME) or 0
    is_timed = bool(data.facts.get(GPU_SECONDS))
    tokens = _Reader(_tokens(data, is_timed), "data.tokens.")
    report = Report(
        event_id=top.need("id", _text, _TEXT, ""),
        source=source,
        subject=top.may("subject", _text, "an organization's address, or the id of a key"),
        occurred_at=occurred_at,
        model=data.need("model", _text, "a model's name in the API", ""),
        parts=_parts(tokens, is_timed),
        gpu_seconds=seconds,
        project=data.may("project", _text, "a project's address"),
        region=data.may("region", _text, "a region's code"),
        service_tier=data.may("service_tier", _tier, ", ".join(TIERS)) or TIERS[0],
        streamed=data.may("streamed", _truth, "true or false") or False,
        ttft_ms=data.may("ttft_ms", _milliseconds, _DURATION),
        latency_ms=data.may("latency_ms", _milliseconds, _DURATION),
        outcome=data.may("outcome", _outcome, ", ".join(OUTCOMES)) or OUTCOMES[0],
    )
    data.refuse_others(DATA)
    return [*top.faults, *data.faults, *tokens.faults] or report


_TEXT = f"1 to {LONGEST_TEXT} printable characters"
_GPU_TIME = f"whole seconds of all GPUs together, 0 to {MOST_GPU_SECONDS}"
_DURATION = f"whole milliseconds, 0 to {LONGEST_MS}"


def _window() -> str:
    minutes, days = AHEAD.seconds // 60, LATE.days
    return f"not more than {minutes} minutes ahead nor {days} days ago"


def _tokens(data: _Reader, is_timed: bool) -> dict[str, Any]:
    """Return what is told of tokens; where time on GPUs is told, that may be nothing."""
    accepted = "an object of token parts"
    if is_timed:
        return data.may("tokens", _object, accepted) or {}
    return data.need("tokens", _object, accepted, {})


def _parts(tokens: _Reader, is_timed: bool) -> dict[str, int]:
    accepted = f"a whole number, 0 to {MOST_TOKENS}"
    counts = {part: tokens.may(part, _count, accepted) or 0 for part in TOKEN_PARTS}
    parts = {part: count for part, count in counts.items() if count or part in ALWAYS}
    tokens.refuse_others(TOKEN_PARTS)
    if not tokens.faults and not is_timed and not any(parts.values()):
        accepted = "at least one token, or data.gpu_seconds"
        tokens.faults.append(Fault("data.tokens", shown(dict(tokens.facts)), accepted))
    return parts


def _exactly(wanted: str) -> Callable[[Any], str | None]:
    return lambda value: wanted if value == wanted else None


def _text(value: Any) -> str | None:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TEXT:
        return None
    return value if value.isprintable() else None


def _source(value: Any) -> str | None:
    return None if value == OURS else _text(value)


def _object(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _count(value: Any) -> int | None:
    # True is an int to Python.
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None


def _gpu_seconds(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= MOST_GPU_SECONDS else None


def _milliseconds(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= LONGEST_MS else None


def _outcome(value: Any) -> str | None:
    return value if value in OUTCOMES else None


def _tier(value: Any) -> str | None:
    return value if value in TIERS else None


def _moment(value: Any, now: datetime) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        return None
    return moment if now - LATE <= moment <= now + AHEAD else None

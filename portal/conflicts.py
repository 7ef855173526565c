"""Contradictions of meters: what counts under an id, and what came later under the same."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from marketplace.models import TokenPart
from metering.models import GPU_SECONDS, TOKEN_PARTS, UsageConflict, UsageEvent

PAGE = 50
#: What people call the facts of an event.
WORDS: dict[str, StrOrPromise] = {
    "occurred_at": _("When (UTC)"),
    "offer_name": _("Model"),
    "region": _("Region"),
    "outcome": _("Outcome"),
    "streamed": _("Streamed"),
    "ttft_ms": _("First token (ms)"),
    "latency_ms": _("Duration (ms)"),
    "project_id": _("Project"),
    "api_key_id": _("API key"),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact on which the two disagree: as programs call it, and as people do."""

    field: str
    name: StrOrPromise
    counted: Any
    refused: Any


@dataclass(frozen=True, slots=True)
class Contradiction:
    """What was refused, and in what it differs from the event that counts."""

    conflict: UsageConflict
    differences: Sequence[Difference]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One page of them, newest first, and where the next begins."""

    contradictions: Sequence[Contradiction]
    older: uuid.UUID | None


def refused() -> QuerySet[UsageConflict]:
    """Return what was refused, newest first. As the service: it is of all customers."""
    return UsageConflict.objects.select_related("organization").order_by("-id")


def told(conflicts: Sequence[UsageConflict]) -> list[Contradiction]:
    """Return these beside what counts instead; one query however many they are."""
    counted = _counted(conflicts)
    return [Contradiction(it, _differences(it.body, counted.get(_key(it)))) for it in conflicts]


def leaf(before: uuid.UUID | None = None) -> Leaf:
    """Return the contradictions before this one."""
    rows = refused()
    if before:
        rows = rows.filter(pk__lt=before)
    found = list(rows[: PAGE + 1])
    shown = found[:PAGE]
    return Leaf(told(shown), shown[-1].pk if len(found) > PAGE else None)


def _key(row: UsageConflict | UsageEvent) -> tuple[uuid.UUID, str, str]:
    return row.organization_id, row.source, row.event_id


def _counted(conflicts: Sequence[UsageConflict]) -> dict[tuple[uuid.UUID, str, str], UsageEvent]:
    """Return the events that count instead, as far as their partitions are still there."""
    events = UsageEvent.objects.filter(
        organization__in={each.organization_id for each in conflicts},
        event_id__in={each.event_id for each in conflicts},
    )
    return {_key(event): event for event in events}


def _differences(body: dict[str, Any], event: UsageEvent | None) -> list[Difference]:
    told_later = _facts(body)
    counted = {} if event is None else _recorded(event)
    words = WORDS | {f"{part}_tokens": TokenPart(part).label for part in TOKEN_PARTS}
    words[GPU_SECONDS] = _("Seconds of GPUs")
    return [
        Difference(name, words[name], counted.get(name), told_later[name])
        for name in words
        if name in told_later and told_later[name] != counted.get(name)
    ]


def _facts(body: dict[str, Any]) -> dict[str, Any]:
    """Return what the refused event says, in the types of the table of events."""
    parts = body.get("parts", {})
    facts = {name: body.get(name) for name in WORDS}
    facts["occurred_at"] = parse_datetime(body.get("occurred_at", ""))
    facts[GPU_SECONDS] = body.get(GPU_SECONDS, 0)
    return facts | {f"{part}_tokens": parts.get(part, 0) for part in TOKEN_PARTS}


def _recorded(event: UsageEvent) -> dict[str, Any]:
    facts = {name: getattr(event, name) for name in (*WORDS, GPU_SECONDS)}
    for name in ("project_id", "api_key_id"):
        facts[name] = str(facts[name]) if facts[name] else None
    return facts | {f"{part}_tokens": getattr(event, f"{part}_tokens") for part in TOKEN_PARTS}

"""How much was used: by day, model, key, project, member, region; and the requests one by one.

Called inside a scope (or as the service); periods are half-open.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Exists, F, Model, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from metering.models import TOKEN_PARTS, DroppedMonth, UsageBucket, UsageEvent
from tenants.models import Organization

M = TypeVar("M", bound=Model)
#: What sums stand under: a day, a name, a key's id (none where usage came without one).
Label = date | str | UUID | None
Labels = tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """A part of an organization's usage: a period, and one model, key, project or member where named.

    Sums are kept by quarter of an hour, so a period begins and ends on one, as every day does.
    """

    organization: Organization
    start: datetime
    end: datetime
    #: Days begin and end in this zone.
    time_zone: str = "UTC"
    offer_name: str = ""
    api_key_id: UUID | None = None
    project_id: UUID | None = None
    #: Who made the keys.
    member_id: UUID | None = None

    def of(self, rows: QuerySet[M, M], *, moment: str = "starts_at") -> QuerySet[M, M]:
        """Return the rows that lie in it, by the column that says when they happened."""
        period = {f"{moment}__gte": self.start, f"{moment}__lt": self.end}
        rows = rows.filter(organization=self.organization, **period)
        if self.offer_name:
            rows = rows.filter(offer_name=self.offer_name)
        named = {
            "api_key_id": self.api_key_id,
            "project_id": self.project_id,
            "api_key__created_by_id": self.member_id,
        }
        return rows.filter(**{name: pk for name, pk in named.items() if pk})

    def grouped(self, rows: QuerySet[M, M], *by: str) -> QuerySet[M, dict[str, Any]]:
        """Return the buckets that lie in it under each heading that is named.

        A key is one member's, so a member's usage is that of the keys they made; buckets of worth
        know no region.
        """
        headings = {
            "day": TruncDate("starts_at", tzinfo=ZoneInfo(self.time_zone)),
            "model": F("offer_name"),
            "key": F("api_key_id"),
            "project": F("project__slug"),
            "member": F("api_key__created_by__email"),
            "region": F("region"),
        }
        # A heading may be called as a column is; Django wants another name for it.
        named = {f"by_{name}": headings[name] for name in by}
        return self.of(rows).values(**named).order_by(*named)


@dataclass(frozen=True, slots=True)
class Usage:
    """Sums over some requests."""

    requests: int = 0
    failures: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    image_input_tokens: int = 0
    audio_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    audio_output_tokens: int = 0
    trained_tokens: int = 0
    gpu_seconds: int = 0
    ttft_ms_sum: int = 0
    ttft_count: int = 0

    @property
    def total_tokens(self) -> int:
        """Return the tokens of all parts."""
        return sum(self.of(part) for part in TOKEN_PARTS)

    def of(self, part: str) -> int:
        """Return the tokens of one part."""
        count: int = getattr(self, f"{part}_tokens")
        return count

    @property
    def mean_ttft_ms(self) -> int | None:
        """Return how long the first token took on average, where it was measured."""
        return round(self.ttft_ms_sum / self.ttft_count) if self.ttft_count else None

    def __add__(self, other: "Usage") -> "Usage":
        sums = {name: getattr(self, name) + getattr(other, name) for name in self.__slots__}
        return Usage(**sums)


_SUMS = {name: Sum(name) for name in Usage.__slots__}


def usage(cut: Cut, *by: str) -> dict[Labels, Usage]:
    """Return the sums under each heading, in their order; days without are absent."""
    rows = cut.grouped(UsageBucket.objects.all(), *by).annotate(**_SUMS)
    return {
        tuple(row[f"by_{name}"] for name in by): Usage(**{name: row[name] for name in _SUMS})
        for row in rows
    }


def total(cut: Cut) -> Usage:
    """Return the sums of the whole."""
    row = cut.of(UsageBucket.objects.all()).aggregate(**_SUMS)
    return Usage(**{name: value or 0 for name, value in row.items()})


def models_used(cut: Cut) -> list[str]:
    """Return the names of the models called, in order."""
    names = cut.of(UsageBucket.objects.all()).order_by("offer_name")
    return list(names.values_list("offer_name", flat=True).distinct())


def requests(cut: Cut, *, limit: int, before: UsageEvent | None = None) -> list[UsageEvent]:
    """Return the latest requests with their keys, newest first; older ones than ``before`` if named."""
    events = cut.of(UsageEvent.objects.all(), moment="occurred_at").select_related("api_key")
    if before is not None:
        older = Q(occurred_at__lt=before.occurred_at) | Q(id__lt=before.pk)
        events = events.filter(older, occurred_at__lte=before.occurred_at)
    return list(events.order_by("-occurred_at", "-id")[:limit])


def request_named(organization: Organization, event_id: str) -> UsageEvent | None:
    """Return the request of this id, with its key; the newest should several sources use the id."""
    if "\0" in event_id:  # PostgreSQL takes no such text.
        return None
    events = UsageEvent.objects.filter(organization=organization, event_id=event_id)
    return events.select_related("api_key").order_by("-recorded_at", "-id").first()


def newest(organization: Organization) -> str:
    """Return the id of the request learnt of last, or nothing."""
    events = UsageEvent.objects.filter(organization=organization).order_by("-recorded_at", "-id")
    return events.values_list("event_id", flat=True).first() or ""


def dropped_until() -> datetime | None:
    """Return the end of the last month whose events are gone; nothing while all are there."""
    last = DroppedMonth.objects.order_by("-month").values_list("month", flat=True).first()
    if last is None:
        return None
    year, month = divmod(last.year * 12 + last.month, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC)


def has_usage(organization: Organization) -> Exists:
    """Ask whether the organization has made a call yet."""
    return Exists(UsageBucket.objects.filter(organization=organization))

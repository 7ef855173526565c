"""Looks for spend that is unusual for a customer or a key, and raises a signal of it.

What is read are the sums by quarter of an hour and by day. Every round looks at the same windows
again, so one that is lost, late or run twice changes nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Sum
from django.utils import timezone

from billing import webhook_types
from billing.models import SpendAlarm, SpendDay
from billing.services import spend_alarms, telling
from billing.unusual import DAYS_BEFORE, Judgement, judge
from common import sweeping
from common.database import rows, service
from tenants.models import AbuseSignal, ApiKey, Organization, WebhookEvent
from tenants.services import abuse, owed, webhooks

Kind = AbuseSignal.Kind
ZERO = Decimal(0)
QUARTER, DAY = timedelta(minutes=15), timedelta(days=1)
#: A customer is new for so long.
NEW_FOR = timedelta(days=14)
#: Many times what a new customer may spend unnoticed: grave, and very grave.
HIGH, SEVERE = 3, 10
#: So many keys are named, those that spend most first.
MOST_KEYS = 5
#: Budgets told of within this time have told the customer already.
TOLD_LATELY = DAY
#: What the log calls trouble with one customer.
TROUBLE = "unusual_spend_not_looked_at"
# How many days before the present window a bucket's window ended, by the whole quarters between.
AGO = "floor(extract(epoch FROM %(end)s - starts_at - interval '15 minutes') / 86400)::int"
SUMS = f"""
SELECT api_key_id, {AGO} AS ago, sum(amount) AS day, coalesce(sum(amount) FILTER (
    WHERE extract(epoch FROM %(end)s - starts_at - interval '15 minutes')::bigint % 86400 < 3600
), 0) AS hour
FROM billing_spendbucket
WHERE organization_id = %(organization)s AND currency = %(currency)s
    AND starts_at >= %(start)s AND starts_at < %(end)s
GROUP BY api_key_id, ago
""".replace("% 86400", "%% 86400")  # noqa: S608 - the words are this module's own


@dataclass(slots=True)
class _Sums:
    """What was spent in the windows, by their length and how many days ago they ended."""

    by_window: dict[str, dict[int, Decimal]] = field(
        default_factory=lambda: {"hour": {}, "day": {}}
    )

    def add(self, row: Mapping[str, Any]) -> None:
        for length, sums in self.by_window.items():
            sums[row["ago"]] = sums.get(row["ago"], ZERO) + row[length]

    def spent(self, length: str) -> Decimal:
        return self.by_window[length].get(0, ZERO)

    def judged(self, length: str, since: datetime, end: datetime, floor: Decimal) -> Judgement:
        """Judge the present window by those that lie wholly after ``since``."""
        first = timedelta(hours=1) if length == "hour" else DAY
        days = max((end - first - since) // DAY, 0)
        before = self.by_window[length]
        return judge(self.spent(length), before, days=days, floor=floor)


def sweep(now: datetime | None = None) -> int:
    """Look at everybody who spent enough since yesterday; return at how many."""
    end = _end(now or timezone.now())
    with service():
        recent = (
            SpendDay.objects.filter(day__gte=(end - DAY - QUARTER).date())
            .order_by()
            .values_list("organization_id", "currency")
            .annotate(sum=Sum("amount"))
        )
        spenders = list(recent)
        floors = spend_alarms.of_all(currency for _organization, currency, _spent in spenders)
    looks = [
        partial(_look, organization_id, floors[currency], end)
        for organization_id, currency, spent in spenders
        if spent > _least(floors[currency])
    ]
    return sweeping.each(looks, trouble=TROUBLE)


def _end(now: datetime) -> datetime:
    """Return the end of the present quarter of an hour: what was just spent counts."""
    quarters = int(now.timestamp()) // int(QUARTER.total_seconds()) + 1
    return datetime.fromtimestamp(quarters * QUARTER.total_seconds(), UTC)


def _least(alarm: SpendAlarm) -> Decimal:
    amounts: list[Decimal] = [alarm.hour, alarm.day, alarm.new_account]
    return min(amounts)


def _look(organization_id: UUID, floors: SpendAlarm, end: datetime) -> None:
    with service():
        organization = Organization.objects.get(pk=organization_id)
        look(organization, floors, end)


def look(organization: Organization, floors: SpendAlarm, end: datetime) -> list[AbuseSignal]:
    """Raise what is unusual about this customer's spend; return what there is to tell of."""
    whole, by_key = _sums(organization, floors.currency, end)
    found = list(_whole(organization, whole, by_key, floors, end))
    if not found:
        found = list(_keys(organization, by_key, floors, end))
    raised = []
    for kind, level, figures, api_key in found:
        signal = abuse.notice(
            organization, kind=kind, level=level, figures=figures, api_key=api_key
        )
        if signal is not None:
            raised.append(signal)
            if kind == Kind.SPEND:
                _tell(signal)
    return raised


_Found = tuple[str, int, dict[str, Any], ApiKey | None]


def _sums(
    organization: Organization, currency: str, end: datetime
) -> tuple[_Sums, dict[UUID | None, _Sums]]:
    whole = _Sums()
    by_key: dict[UUID | None, _Sums] = {}
    facts = {
        "organization": organization.pk,
        "currency": currency,
        "end": end,
        "start": end - DAY * (DAYS_BEFORE + 1),
    }
    for row in rows(SUMS, facts):
        whole.add(row)
        by_key.setdefault(row["api_key_id"], _Sums()).add(row)
    return whole, by_key


def _whole(
    organization: Organization,
    sums: _Sums,
    by_key: Mapping[UUID | None, _Sums],
    floors: SpendAlarm,
    end: datetime,
) -> Iterator[_Found]:
    if worst := _worst(sums, organization.created_at, floors, end):
        length, judged = worst
        figures = _figures(length, judged, floors.currency, end) | _most(by_key, length)
        yield Kind.SPEND, judged.level, figures, None
    spent = sums.spent("day")
    if end - organization.created_at < NEW_FOR and spent > floors.new_account:
        level = 1 + sum(spent >= times * floors.new_account for times in (HIGH, SEVERE))
        judged = Judgement(spent, ZERO, floors.new_account)
        figures = _figures("day", judged, floors.currency, end) | _most(by_key, "day")
        yield Kind.NEW, level, figures, None


def _keys(
    organization: Organization,
    by_key: Mapping[UUID | None, _Sums],
    floors: SpendAlarm,
    end: datetime,
) -> Iterator[_Found]:
    """Yield keys whose own spend is unusual, where that of the customer as a whole is not."""
    used = ApiKey.objects.filter(organization=organization, pk__in=[it for it in by_key if it])
    for key in used.order_by("pk"):
        if worst := _worst(by_key[key.pk], key.created_at, floors, end):
            length, judged = worst
            yield Kind.SPEND, judged.level, _figures(length, judged, floors.currency, end), key


def _worst(
    sums: _Sums, since: datetime, floors: SpendAlarm, end: datetime
) -> tuple[str, Judgement] | None:
    """Return the window that is most unusual, where one is; of two alike the longer."""
    judged = [(it, sums.judged(it, since, end, getattr(floors, it))) for it in ("day", "hour")]
    length, worst = max(judged, key=lambda it: it[1].level)
    return (length, worst) if worst.level else None


def _figures(length: str, judged: Judgement, currency: str, end: datetime) -> dict[str, Any]:
    return {
        "window": length,
        "ends_at": end.isoformat(),
        "currency": currency,
        "spent": telling.plain(judged.spent),
        "usual": telling.plain(judged.usual),
        "limit": telling.plain(judged.limit.quantize(Decimal("0.01"))),
    }


def _most(by_key: Mapping[UUID | None, _Sums], length: str) -> dict[str, Any]:
    """Return which keys spent most in the window."""
    spent = sorted(
        ((key, it.spent(length)) for key, it in by_key.items() if key and it.spent(length)),
        key=lambda it: it[1],
        reverse=True,
    )
    return {"keys": [[str(key), telling.plain(amount)] for key, amount in spent[:MOST_KEYS]]}


def _tell(signal: AbuseSignal) -> None:
    """Tell the customer: their systems always, their people unless a budget has told them."""
    figures = {name: it for name, it in signal.figures.items() if name != "keys"}
    webhooks.emit(
        signal.organization_id,
        webhook_types.SPEND_UNUSUAL,
        key=f"{signal.pk}:{signal.level}",
        data={**figures, "key": str(signal.api_key_id) if signal.api_key_id else None},
    )
    budgets = (webhook_types.BUDGET_REACHED, webhook_types.BUDGET_EXCEEDED)
    lately = timezone.now() - TOLD_LATELY
    told = WebhookEvent.objects.filter(
        organization=signal.organization_id, type__in=budgets, occurred_at__gte=lately
    )
    if not told.exists():
        owed.owe(
            "billing.send_spend_alert",
            organization_id=signal.organization_id,
            signal_id=str(signal.pk),
        )

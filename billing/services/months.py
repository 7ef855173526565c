"""Customers' months rated again from each of their events: what is finalized.

Many months are read at once and rated one by one, so that each comes to what it comes to alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Sum
from django.utils.translation import gettext as _

from billing import commitments, groups, periodic, periods
from billing.customers import Customer
from billing.divisions import Division
from billing.drafts import Draft, DraftLine, UsedTokens, usage_draft, worth
from billing.models import RatedUsage, SpendBucket
from billing.periodic import Used
from billing.periods import Period
from billing.services import true_ups
from metering.models import UsageEvent
from tenants.models import Organization

ZERO = Decimal(0)
#: What an organization used from one instant until another.
Until = Callable[[Organization, datetime, datetime], periodic.Sums]


@dataclass(frozen=True, slots=True)
class Month:
    """A month of a customer, and how it is divided."""

    customer: Customer
    period: Period
    division: Division | None = None

    @property
    def organization(self) -> Organization:
        """Whose month it is."""
        return self.customer.organization


@dataclass(frozen=True, slots=True)
class Settled:
    """What was settled while a month ran, and what of it no credit paid."""

    amount: Decimal = ZERO
    uncovered: Decimal = ZERO


def rerated(months: Sequence[Month]) -> list[Draft]:
    """Return the usage invoice of each month from each of its events.

    Lines are whole; they say how the division shares them.
    """
    alike: dict[tuple[Period, str], list[int]] = {}
    for place, month in enumerate(months):
        by = month.division.by if month.division else ""
        alike.setdefault((month.period, by), []).append(place)
    found: dict[int, Draft] = {}
    for (period, by), places in alike.items():
        drafts = _rerated([months[place] for place in places], period, by)
        found |= zip(places, drafts, strict=True)
    return [found[place] for place in range(len(months))]


def _rerated(months: Sequence[Month], period: Period, by: str) -> list[Draft]:
    owners = [month.organization.pk for month in months]
    used = periodic.of_each(_events(owners, period.start, period.end), by)
    known = periodic.tariffs({key[2] for its in used.values() for key in its.owned})
    settled = _settled(used, period)
    returned = true_ups.returned(owners, period)
    return [
        drafted(
            month.customer,
            period,
            _priced(month, known, used.get(pk, Used())),
            _until,
            settled.get(pk, Settled()),
            returned.get(pk, ZERO),
        )
        for pk, month in zip(owners, months, strict=True)
    ]


def _events(owners: Sequence[UUID], start: datetime, end: datetime) -> QuerySet[UsageEvent]:
    return UsageEvent.objects.filter(
        organization__in=owners, occurred_at__gte=start, occurred_at__lt=end
    )


def _until(whose: Organization, start: datetime, end: datetime) -> periodic.Sums:
    return periodic.sums(_events([whose.pk], start, end))


def _priced(month: Month, known: Mapping[str, periodic.Tariff], used: Used) -> list[UsedTokens]:
    division = month.division
    whole = {key: sum(of.values()) for key, of in used.owned.items()}
    shares = {key: division.shares(of) for key, of in used.owned.items()} if division else {}
    return periodic.priced_by(known, whole, shares)


def _settled(used: Mapping[UUID, Used], period: Period) -> dict[UUID, Settled]:
    """Return what was settled for requests, from the sums that are written with them.

    Sums that are not of as many requests as were read are not believed: each request is asked.
    """
    of_period = {"starts_at__gte": period.start, "starts_at__lt": period.end}
    sums = SpendBucket.objects.filter(organization__in=used, **of_period)
    found, doubted = {}, set(used)
    for row in _summed(sums, requests=Sum("requests")):
        owner = row["organization_id"]
        if row["requests"] == used[owner].requests:
            found[owner] = Settled(row["worth"], row["owed"])
            doubted.remove(owner)
    if doubted:
        occurred = {"occurred_at__gte": period.start, "occurred_at__lt": period.end}
        rated = RatedUsage.objects.filter(organization__in=doubted, **occurred)
        for row in _summed(rated):
            found[row["organization_id"]] = Settled(row["worth"], row["owed"])
    return found


def _summed(sums: QuerySet[Any], **more: Any) -> Any:
    totals = {"worth": Sum("amount"), "owed": Sum("uncovered"), **more}
    return sums.values("organization_id").annotate(**totals).order_by()


def drafted(
    customer: Customer,
    period: Period,
    used: Sequence[UsedTokens],
    until: Until,
    settled: Settled,
    returned: Decimal,
) -> Draft:
    """Return the usage invoice of what was used, whatever it was settled at."""
    organization = customer.organization
    tax = customer.tax(customer.contract_of(period))
    extra: Sequence[DraftLine] = ()
    if customer.has_committed(period):
        worth_until = _worth_until(organization, period, used, until)
        extra = commitments.lines(organization, period, worth_until)
    draft = usage_draft(
        used,
        uncovered=settled.uncovered,
        currency=organization.currency,
        tax_rate=tax.rate,
        coverage_label=coverage_label(),
        settled=settled.amount,
        returned=returned,
        extra=extra,
    )
    return replace(draft, tax_category=tax.category, tax_reason=tax.reason)


def _worth_until(
    organization: Organization, period: Period, used: Sequence[UsedTokens], until: Until
) -> commitments.Worth:
    currency = organization.currency

    def worth_until(end: datetime) -> Decimal:
        if end == period.start:
            return ZERO
        is_over = end == period.end
        own = used if is_over else periodic.priced(until(organization, period.start, end))
        found = worth(own, currency=currency, is_over=is_over)
        # What members of a group use counts towards what who pays for them committed to.
        for member in groups.members(organization, period.label):
            month = periods.parse(period.label, member.time_zone)
            its = until(member, month.start, month.end if is_over else end)
            found += worth(periodic.priced(its), currency=currency, is_over=is_over)
        return found

    return worth_until


def coverage_label() -> str:
    """Return what a line is called that takes off what credit paid."""
    return _("Covered by prepaid credit")

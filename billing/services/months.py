"""Customers' months rated again from each of their events: what is finalized.

Many months are read at once and rated one by one, so that each comes to what it comes to alone. Their
events can be read ahead, for more months than are locked and written at once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing import commitments, groups, periodic, periods, spending
from billing.customers import Customer
from billing.divisions import Division
from billing.drafts import Draft, DraftLine, UsedTokens, usage_draft, worth
from billing.periodic import Used
from billing.periods import Period
from billing.services import true_ups
from billing.spending import Settled
from common.errors import Conflict
from metering.models import UsageEvent
from tenants.models import Organization

ZERO = Decimal(0)
#: How often a month is read again while its requests are still coming in.
READINGS = 10
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


#: How months are read: of which period, and by whose usage they are divided.
Reading = tuple[Period, str]
#: What organizations used, as it was read ahead; see :func:`read`.
Ahead = Mapping[Reading, Mapping[UUID, Used]]
NOT_READ: Ahead = {}


def read(months: Sequence[Month]) -> Ahead:
    """Return what these months' events come to now, for :func:`rerated` to take if nothing came since."""
    found = {}
    for (period, by), places in _alike(months).items():
        owners = [months[place].organization.pk for place in places]
        used = periodic.of_each(_events_of_many(owners, period), by)
        found[period, by] = {owner: used.get(owner, Used()) for owner in owners}
    return found


def rerated(months: Sequence[Month], ahead: Ahead = NOT_READ) -> list[Draft]:
    """Return the usage invoice of each month from each of its events.

    Lines are whole; they say how the division shares them.
    """
    found: dict[int, Draft] = {}
    for reading, places in _alike(months).items():
        those = [months[place] for place in places]
        found |= zip(places, _rerated(those, reading, ahead.get(reading, {})), strict=True)
    return [found[place] for place in range(len(months))]


def _alike(months: Sequence[Month]) -> dict[Reading, list[int]]:
    """Return where those stand that are read at once."""
    alike: dict[Reading, list[int]] = {}
    for place, month in enumerate(months):
        by = month.division.by if month.division else ""
        alike.setdefault((month.period, by), []).append(place)
    return alike


def _rerated(months: Sequence[Month], reading: Reading, ahead: Mapping[UUID, Used]) -> list[Draft]:
    period, _by = reading
    owners = [month.organization.pk for month in months]
    summed = spending.summed(owners, period)
    used = _used(owners, reading, ahead, summed)
    known = periodic.tariffs({key[2] for its in used.values() for key in its.owned})
    settled = _believed(used, summed)
    doubted = [owner for owner, its in used.items() if its.requests and owner not in settled]
    for owner, (its, worth_settled) in _of_one_moment(doubted, reading).items():
        used[owner], settled[owner] = its, worth_settled
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


def _events_of_many(owners: Sequence[UUID], period: Period) -> QuerySet[UsageEvent]:
    """Return these customers' events, maybe among those of some others.

    To look the customer of each request up among a thousand takes longer than to hold it against the
    first and the last of them; so this is done where most that lie in between are asked for.
    """
    first, last = min(owners), max(owners)
    if Organization.objects.filter(pk__range=(first, last)).count() > 2 * len(owners):
        return _events(owners, period.start, period.end)
    between = {"organization__gte": first, "organization__lte": last}
    within = {"occurred_at__gte": period.start, "occurred_at__lt": period.end}
    return UsageEvent.objects.filter(**between, **within)


def _until(whose: Organization, start: datetime, end: datetime) -> periodic.Sums:
    return periodic.sums(_events([whose.pk], start, end))


def _priced(month: Month, known: Mapping[str, periodic.Tariff], used: Used) -> list[UsedTokens]:
    division = month.division
    whole = {key: sum(of.values()) for key, of in used.owned.items()}
    shares = {key: division.shares(of) for key, of in used.owned.items()} if division else {}
    return periodic.priced_by(known, whole, shares)


def _used(
    owners: Sequence[UUID],
    reading: Reading,
    ahead: Mapping[UUID, Used],
    summed: Mapping[UUID, Settled],
) -> dict[UUID, Used]:
    """Return what was used: as it was read ahead where there are as many requests now, read now elsewhere."""
    used = {
        owner: ahead[owner]
        for owner in owners
        if owner in ahead and _agree(ahead[owner], summed.get(owner))
    }
    period, by = reading
    if missing := [owner for owner in owners if owner not in used]:
        used |= periodic.of_each(_events(missing, period.start, period.end), by)
    return used


def _believed(used: Mapping[UUID, Used], summed: Mapping[UUID, Settled]) -> dict[UUID, Settled]:
    """Return what was settled for the requests, from the sums that are written with them.

    Sums that are not of as many requests as were read are not believed: each request is asked.
    """
    return {
        owner: summed[owner]
        for owner, its in used.items()
        if owner in summed and _agree(its, summed[owner])
    }


def _of_one_moment(owners: Sequence[UUID], reading: Reading) -> dict[UUID, tuple[Used, Settled]]:
    """Return what these used and what was settled for just that, from each request.

    These are two statements, and recorders write between them: what was settled is read on either
    side, and where it grew meanwhile both are read again.
    """
    period, by = reading
    found: dict[UUID, tuple[Used, Settled]] = {}
    open_ones = list(owners)
    for _attempt in range(READINGS):
        if not open_ones:
            return found
        before = spending.of_requests(open_ones, period)
        used = periodic.of_each(_events(open_ones, period.start, period.end), by)
        after = spending.of_requests(open_ones, period)
        still = [it for it in open_ones if before.get(it) == after.get(it)]
        found |= {it: (used.get(it, Used()), after.get(it, Settled())) for it in still}
        open_ones = [it for it in open_ones if it not in found]
    if open_ones:
        raise Conflict(_("Requests of this month are still being recorded; try again."))
    return found


def _agree(used: Used, summed: Settled | None) -> bool:
    return used.requests == (summed.requests if summed else 0)


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

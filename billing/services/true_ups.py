"""Brings what was settled while a period ran to what the whole period comes to, to the last digit.

Requests settle at the dearest price of a part. What tiers, packages, minimums and the like make of
the period is known when it has ended: the ledger gets the difference, and a customer whose credit
paid too much gets it back as credit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum

from billing.drafts import Draft
from billing.models import AccountKind, CreditGrant, LedgerEntry
from billing.periods import Period
from billing.services import credits, ledger
from billing.services.ledger import Operation, Posting
from tenants.models import Organization

ZERO = Decimal(0)
#: Where what comes back stands until the grant that it becomes takes it off.
RETURNING = AccountKind.PAYMENTS_CLEARING
#: The character after the one that ends the beginning of a key.
AFTER = chr(ord(":") + 1)


@dataclass(frozen=True, slots=True)
class Closed:
    """A customer's month and what it comes to."""

    organization: Organization
    period: Period
    whole: Draft


@dataclass(frozen=True, slots=True)
class _TrueUp:
    """What is still to be booked of a month, and what of it comes back as credit."""

    month: Closed
    operation: Operation
    returned: Decimal


def book_all(months: Iterable[Closed]) -> None:
    """Book what each month comes to beyond what was settled and trued up before, once.

    Part of the transaction that finalizes it. Cumulative minus booked: rated again after late usage,
    it books the rest.
    """
    alike: dict[Period, list[Closed]] = {}
    for month in months:
        alike.setdefault(month.period, []).append(month)
    found = []
    for period, those in alike.items():
        booked = _booked([month.organization.pk for month in those], period)
        found += [_rest(month, booked.get(month.organization.pk, {})) for month in those]
    moving = [it for it in found if any(posting.amount for posting in it.operation.postings)]
    ledger.book_all([it.operation for it in moving])
    for it in moving:
        _give_back(it)


def _rest(month: Closed, booked: Mapping[str, Decimal]) -> _TrueUp:
    """Return what is still to be booked of a month."""
    whole = month.whole
    receivable = whole.due - whole.settled_uncovered
    revenue = whole.settled - whole.charged
    postings = [
        Posting(AccountKind.RECEIVABLE, whole.currency, receivable),
        Posting(AccountKind.REVENUE, whole.currency, revenue),
        Posting(RETURNING, whole.currency, -whole.returned_before - whole.returned),
    ]
    rest = tuple(
        Posting(it.account, it.currency, it.amount - booked.get(it.account.value, ZERO))
        for it in postings
    )
    # What was settled only grows: each state of the month has a key of its own.
    state = (whole.settled, whole.settled_uncovered, whole.charged)
    key = _prefix(month.period) + ":".join(f"{amount.normalize():f}" for amount in state)
    return _TrueUp(month, Operation(month.organization.pk, key, "true-up", rest), -rest[2].amount)


def _give_back(it: _TrueUp) -> None:
    """Give the customer the credit that paid too much."""
    if it.returned <= 0:
        return
    credits.grant(
        it.month.organization,
        unit=CreditGrant.Unit.MONEY,
        quantity=it.returned,
        source_key=it.operation.key,
        kind=CreditGrant.Kind.PROMOTIONAL,
        # It was revenue and is owed again: when it is used, it is revenue anew.
        cost_basis=it.returned,
        reason=f"{it.month.period.label} came to less than was settled",
    )


def returned(owners: Iterable[UUID], period: Period) -> dict[UUID, Decimal]:
    """Return by customer the credit that came back when the period was closed before."""
    booked = _booked(owners, period)
    return {pk: -of.get(RETURNING.value, ZERO) for pk, of in booked.items()}


def _prefix(period: Period) -> str:
    return f"true-up:{period.start.isoformat()}:"


def _booked(owners: Iterable[UUID], period: Period) -> dict[UUID, dict[str, Decimal]]:
    """Return by customer and account what earlier runs booked for the period."""
    first = _prefix(period)
    # All keys with this beginning, asked for so that their index finds them.
    entries = LedgerEntry.objects.filter(
        transaction__organization__in=list(owners),
        transaction__operation_key__gte=first,
        transaction__operation_key__lt=first[:-1] + AFTER,
    )
    rows = entries.values_list("organization_id", "account__kind").annotate(Sum("amount"))
    found: dict[UUID, dict[str, Decimal]] = {}
    for pk, kind, amount in rows.order_by():
        found.setdefault(pk, {})[kind] = amount
    return found

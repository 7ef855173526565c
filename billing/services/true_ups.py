"""Brings what was settled while a period ran to what the whole period comes to, to the last digit.

Requests settle at the dearest price of a part. What tiers, packages, minimums and the like make of
the period is known when it has ended: the ledger gets the difference, and a customer whose credit
paid too much gets it back as credit.
"""

from decimal import Decimal

from django.db.models import Sum

from billing.drafts import Draft
from billing.models import AccountKind, CreditGrant, LedgerEntry
from billing.periods import Period
from billing.services import credits, ledger
from billing.services.ledger import Posting
from tenants.models import Organization

ZERO = Decimal(0)
#: Where what comes back stands until the grant that it becomes takes it off.
RETURNING = AccountKind.PAYMENTS_CLEARING


def book(organization: Organization, period: Period, whole: Draft) -> None:
    """Book what the period comes to beyond what was settled and trued up before, once.

    Part of the transaction that finalizes it. Cumulative minus booked: rated again after late usage,
    it books the rest.
    """
    prefix = _prefix(period)
    receivable = whole.due - whole.settled_uncovered
    revenue = whole.settled - whole.charged
    postings = [
        Posting(AccountKind.RECEIVABLE, whole.currency, receivable),
        Posting(AccountKind.REVENUE, whole.currency, revenue),
        Posting(RETURNING, whole.currency, -whole.returned_before - whole.returned),
    ]
    booked = _booked(organization, prefix)
    rest = [
        Posting(it.account, it.currency, it.amount - booked.get(it.account.value, ZERO))
        for it in postings
    ]
    if not any(posting.amount for posting in rest):
        return
    # What was settled only grows: each state of the month has a key of its own.
    state = (whole.settled, whole.settled_uncovered, whole.charged)
    number = ":".join(f"{amount.normalize():f}" for amount in state)
    ledger.book(organization, key=prefix + number, kind="true-up", postings=rest)
    returned = -rest[2].amount
    if returned > 0:
        credits.grant(
            organization,
            unit=CreditGrant.Unit.MONEY,
            quantity=returned,
            source_key=prefix + number,
            kind=CreditGrant.Kind.PROMOTIONAL,
            # It was revenue and is owed again: when it is used, it is revenue anew.
            cost_basis=returned,
            reason=f"{period.label} came to less than was settled",
        )


def returned(organization: Organization, period: Period) -> Decimal:
    """Return the credit that came back when the period was closed before."""
    return -_booked(organization, _prefix(period)).get(RETURNING.value, ZERO)


def _prefix(period: Period) -> str:
    return f"true-up:{period.start.isoformat()}:"


def _booked(organization: Organization, prefix: str) -> dict[str, Decimal]:
    """Return by account what earlier runs booked for the period."""
    entries = LedgerEntry.objects.filter(
        organization=organization, transaction__operation_key__startswith=prefix
    )
    rows = entries.values("account__kind").annotate(sum=Sum("amount")).order_by()
    return {row["account__kind"]: row["sum"] for row in rows}

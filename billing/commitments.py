"""What usage misses of what contracts ask for, each by the days on which it held."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _

from billing import agreements
from billing.drafts import DraftLine
from billing.periods import Period
from billing.rating.proration import true_up
from common.money import round_to_minor
from tenants.models import Organization

#: What the period's usage comes to until an instant.
Worth = Callable[[datetime], Decimal]


@dataclass(frozen=True, slots=True)
class Commitment:
    """What a contract asks for on its days of a period."""

    contract: str
    committed: Decimal
    start: datetime
    end: datetime
    days: int
    of_days: int


def of(organization: Organization, period: Period) -> list[Commitment]:
    """Return the commitments that hold in the period, in order."""
    of_days = agreements.days_of(period, organization.time_zone)
    return [
        Commitment(it.contract.number, it.contract.commitment, it.start, it.end, it.days, of_days)
        for it in agreements.stretches(organization, period)
        if it.contract.commitment
    ]


def lines(organization: Organization, period: Period, worth: Worth) -> list[DraftLine]:
    """Return a line for each commitment that usage misses something of.

    A stretch is worth what the period comes to at its end, less what it came to at its beginning:
    so tiers and packages count as on the invoice, however usage was settled while it ran.
    """
    found = []
    for held in of(organization, period):
        used = worth(held.end) - worth(held.start)
        missing = true_up(held.committed, used, days=held.days, of_days=held.of_days)
        if missing:
            found.append(_line(held.contract, missing, organization.currency))
    return found


def _line(contract: str, missing: Decimal, currency: str) -> DraftLine:
    return DraftLine(
        kind="commitment",
        description=_("Commitment not used · %(contract)s") % {"contract": contract},
        quantity=Decimal(1),
        unit_amount=missing,
        exact_amount=missing,
        amount=round_to_minor(missing, currency),
        offer_name=contract,
    )

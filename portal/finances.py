"""What an organization has left and how fast it goes."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from billing import periods
from billing import queries as billing
from billing.models import CreditGrant
from common.money import Money
from tenants.models import Organization

ONE_DAY = timedelta(days=1)
LONG = 365
#: Fewer days left than this at today's pace are few.
FEW_DAYS = 3
#: So is less than this share of what was granted.
SMALL_SHARE = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one class of models."""

    name: str
    left: int


@dataclass(frozen=True, slots=True)
class Finances:
    """Credit that can be drawn on now, and what usage was worth."""

    #: In the order they burn.
    grants: list[CreditGrant]
    live: Money
    granted: Money
    tokens: list[Tokens]
    last_day: Money
    this_month: Money

    @property
    def days_left(self) -> int | None:
        """How long the money lasts at the pace of the last 24 hours; tokens are not counted."""
        return int(self.live.amount / self.last_day.amount) if self.last_day else None

    @property
    def lasts_long(self) -> bool:
        """Whether the money lasts longer than anybody plans."""
        return self.days_left is not None and self.days_left > LONG

    @property
    def is_used_up(self) -> bool:
        """Whether there is nothing left to call with."""
        return not self.live and not self.tokens

    @property
    def is_low(self) -> bool:
        """Whether little money is left, and no tokens that would be used before it."""
        if self.tokens:
            return False
        few_days = self.days_left is not None and self.days_left < FEW_DAYS
        return few_days or self.live.amount < SMALL_SHARE * self.granted.amount


def of(organization: Organization) -> Finances:
    """Return how the organization stands; its scope must be open."""
    now = timezone.now()
    month = periods.containing(now, organization.time_zone)
    grants = list(billing.grants(organization))
    last_day, this_month = billing.spent_in(
        organization, (now - ONE_DAY, now), (month.start, month.end)
    )
    money = [it for it in grants if it.unit == CreditGrant.Unit.MONEY and _is_own(it, organization)]
    return Finances(
        grants=grants,
        live=Money(sum((it.remaining for it in money), Decimal(0)), organization.currency),
        granted=Money(sum((it.granted for it in money), Decimal(0)), organization.currency),
        tokens=_tokens(grants),
        last_day=last_day,
        this_month=this_month,
    )


def _is_own(grant: CreditGrant, organization: Organization) -> bool:
    return grant.wallet.currency == organization.currency


def _tokens(grants: list[CreditGrant]) -> list[Tokens]:
    left: dict[str, Decimal] = {}
    for grant in grants:
        if grant.token_class is not None:
            name = grant.token_class.name
            left[name] = left.get(name, Decimal(0)) + grant.remaining
    return [Tokens(name, int(remaining)) for name, remaining in left.items()]

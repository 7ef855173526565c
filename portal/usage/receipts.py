"""What one request cost and why: its tokens at their prices, and the credit that paid."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django_stubs_ext import StrOrPromise

from billing import proofs
from billing import queries as billing
from billing.counted import COLUMNS
from billing.models import CreditGrant, RatedUsage
from common.money import Money
from marketplace.models import PRICED_PARTS, OtherPart, Price, ServiceTier
from metering.models import UsageEvent
from portal.usage.requests import Line
from tenants.models import Classification, Region


@dataclass(frozen=True, slots=True)
class Part:
    """Tokens of one part at the price that was in force when the request was let in."""

    name: str
    #: Of GPU-hours, the seconds; a request that has a price of its own is one.
    tokens: int
    unit_amount: Decimal | None
    price_since: datetime | None
    amount: Money
    is_timed: bool = False
    #: Whether its price is read for one, and not for a million.
    is_single: bool = False


@dataclass(frozen=True, slots=True)
class Payment:
    """What one grant paid."""

    name: str
    #: Set where the grant is of tokens and not of money.
    tokens: Decimal | None
    amount: Money


@dataclass(frozen=True, slots=True)
class Receipt:
    """A request with its worth. One that no price was found for has neither parts nor payments."""

    line: Line
    region: Region | None
    parts: list[Part]
    payments: list[Payment]
    #: What no credit paid for and is owed.
    owed: Money | None
    #: What proves that it stands as it was sealed; none until its hour is.
    proof: dict[str, Any] | None

    @property
    def event(self) -> UsageEvent:
        """The usage that it speaks of."""
        return self.line.event

    @property
    def classification(self) -> str:
        """How confidential its data was said to be, in words; nothing where it was not recorded."""
        level = self.event.policy.get("classification")
        return str(Classification(level).label) if level else ""

    @property
    def sealed_hour(self) -> datetime:
        """Return the beginning of the hour it is sealed with."""
        return self.event.recorded_at.replace(minute=0, second=0, microsecond=0)


def of(event: UsageEvent) -> Receipt:
    """Return the receipt; the organization's scope must be open."""
    rated = billing.rated(event)
    cost = Money(rated.amount, rated.currency) if rated else None
    return Receipt(
        line=Line(event, cost),
        region=Region.objects.filter(code=event.region).first(),
        parts=_parts(event, rated) if rated else [],
        payments=_payments(rated) if rated else [],
        owed=Money(rated.uncovered, rated.currency) if rated and rated.uncovered else None,
        proof=proofs.of(event),
    )


def _parts(event: UsageEvent, rated: RatedUsage) -> list[Part]:
    prices = {
        str(price.pk): price for price in Price.objects.filter(pk__in=rated.price_ids.values())
    }
    found = []
    for part, label in PRICED_PARTS:
        price = prices.get(str(rated.price_ids.get(part)))
        amount = Money(Decimal(rated.amounts.get(part, 0)), rated.currency)
        # A request that has a price of its own is one.
        tokens = getattr(event, COLUMNS[part]) if part in COLUMNS else int(bool(amount))
        if tokens or amount:
            unit, since = (price.per_token, price.effective_from) if price else (None, None)
            is_timed, is_single = part == OtherPart.GPU_HOURS, part in OtherPart.values
            of_part = _label(label, price), tokens, unit, since, amount
            found.append(Part(*of_part, is_timed=is_timed, is_single=is_single))
    return found


def _label(label: StrOrPromise, price: Price | None) -> str:
    if price is None or price.service_tier == ServiceTier.STANDARD:
        return str(label)
    return f"{label} · {price.get_service_tier_display()}"


def _payments(rated: RatedUsage) -> list[Payment]:
    wanted = [share["grant"] for share in rated.split]
    grants = {
        str(grant.pk): grant
        for grant in CreditGrant.objects.filter(pk__in=wanted).select_related("token_class")
    }
    paid = [(share, grants.get(share["grant"])) for share in rated.split]
    # What a credit limit covers is owed, and shown as that.
    return [
        _payment(share, grant, rated.currency)
        for share, grant in paid
        if grant is None or grant.kind != CreditGrant.Kind.LIMIT
    ]


def _payment(share: dict[str, str], grant: CreditGrant | None, currency: str) -> Payment:
    amount = Money(Decimal(share["amount"]), currency)
    if grant is None:
        return Payment(_("Credit"), None, amount)
    if grant.token_class is None:
        return Payment(_("%(kind)s credit") % {"kind": grant.get_kind_display()}, None, amount)
    return Payment(grant.token_class.name, Decimal(share["quantity"]), amount)

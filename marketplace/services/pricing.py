"""Prices from a date on: a new row, and the old one closed at the same instant."""

from datetime import datetime
from decimal import Decimal

from django.utils import timezone

from common.database import atomic
from common.errors import Conflict
from marketplace.errors import PriceInThePast, PriceNotLater, PriceNotPositive
from marketplace.models import Offer, Price, PriceBook
from tenants.models import User
from tenants.services import audit

MILLION = Decimal(1_000_000)
#: The exponent of the finest price per million that twelve decimals per token can hold.
FINEST = -6


def per_token(per_million: Decimal) -> str:
    """Return the stored price per token of a price that people gave per million."""
    if not per_million.is_finite() or per_million < 0:
        raise PriceNotPositive
    exponent = per_million.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < FINEST:
        raise PriceNotPositive
    return format((per_million / MILLION).normalize(), "f")


@atomic()
def change(
    offer: Offer,
    token_part: str,
    per_million: Decimal,
    *,
    by: User | None,
    effective_from: datetime | None = None,
    currency: str = "EUR",
) -> Price:
    """Set a price from an instant on (now, if none is given); what was used before keeps its own.

    The offer's row is locked, so that two people who change one price do not pass each other.
    """
    offer = Offer.objects.locked(offer.pk)
    now = timezone.now()
    begins = effective_from or now
    if begins < now:
        raise PriceInThePast
    definition = {"model": "per_unit", "unit_amount": per_token(per_million)}
    replaced = _close(offer, token_part, currency, begins)
    price = Price.objects.create(
        book=default_book(currency),
        offer=offer,
        token_part=token_part,
        definition=definition,
        effective_from=begins,
    )
    audit.record(
        organization=None,
        actor=by,
        action="price.changed",
        target=price,
        before=_facts(replaced),
        after=_facts(price),
    )
    return price


def default_book(currency: str) -> PriceBook:
    """Return the list that applies to everybody in this currency."""
    book = PriceBook.objects.filter(currency=currency, is_default=True).first()
    if book is None:
        raise Conflict(f"There is no price list in {currency}.")
    return book


def _close(offer: Offer, token_part: str, currency: str, at: datetime) -> Price | None:
    history = Price.objects.of(offer, token_part, currency)
    if history.filter(effective_from__gte=at).exists():
        raise PriceNotLater
    current = history.filter(effective_until=None).first()
    if current is not None:
        current.effective_until = at
        current.save(update_fields=["effective_until"])
    return current


def _facts(price: Price | None) -> dict[str, object] | None:
    if price is None:
        return None
    return {
        "offer": price.offer.name,
        "token_part": price.token_part,
        "per_million": format(price.per_million.normalize(), "f"),
        "effective_from": price.effective_from.isoformat(),
    }

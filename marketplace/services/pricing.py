"""Prices from a date on: a new row, and the old one closed at the same instant."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from common.database import atomic
from common.errors import Conflict
from marketplace.errors import (
    InReview,
    PriceInThePast,
    PriceNotLater,
    PriceNotPositive,
)
from marketplace.models import Offer, Price, PriceBook, PriceBookVersion, ServiceTier
from marketplace.models.catalogue import Status
from marketplace.models.prices import halved
from marketplace.rising import Said
from marketplace.services import notices, raising
from tenants.models import User
from tenants.services import audit

MILLION = Decimal(1_000_000)
#: The exponent of the finest price per million that twelve decimals per token can hold.
FINEST = -6
#: Per million tokens. Nobody sells one token for more than one euro: a slip of the finger.
HIGHEST = MILLION
ACTIONS = {ServiceTier.STANDARD: "price.changed", ServiceTier.BATCH: "batch_price.changed"}


def per_token(per_million: Decimal) -> str:
    """Return the stored price per token of a price that people gave per million."""
    if not per_million.is_finite() or not 0 <= per_million <= HIGHEST:
        raise PriceNotPositive
    exponent = per_million.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < FINEST:
        raise PriceNotPositive
    return format((per_million / MILLION).normalize(), "f")


@atomic()
def change(
    offer: Offer,
    per_million: Mapping[str, Decimal],
    *,
    by: User | None,
    effective_from: datetime | None = None,
    currency: str = "EUR",
    batch_per_million: Mapping[str, Decimal] | None = None,
    book: PriceBook | None = None,
    is_agreed: bool = False,
) -> list[Price]:
    """Set prices by token part from one instant on (now, if none is given), all or none.

    What was used before keeps its own price. Setting what would hold then anyway changes nothing,
    so that a form sent twice counts once. A price that is scheduled for this very instant is
    withdrawn: it never holds. Batches pay half of it from the same instant on, or what is given for
    them. One person alone raises prices with notice; ``is_agreed`` says that a second one approved.
    Answers the prices that were set, without those of batches.
    """
    # Before any other lock, as whoever moves customers between prices.
    notices.one_at_a_time()
    # The offer's row is locked, so that two people who change one price do not pass each other.
    offer = Offer.objects.locked(offer.pk)
    now = timezone.now()
    begins = effective_from or now
    if begins < now:
        raise PriceInThePast
    one = Change(offer, begins, by, book or default_book(currency), is_agreed=is_agreed)
    definitions = {part: _per_unit(amount) for part, amount in per_million.items()}
    batch = {part: _per_unit(amount) for part, amount in (batch_per_million or {}).items()}
    return apply(one, definitions, batch)


@dataclass(frozen=True, slots=True)
class Change:
    """Prices of one offer that begin together in one book."""

    offer: Offer
    begins: datetime
    by: User | None
    book: PriceBook
    version: PriceBookVersion | None = None
    #: Whether two people want it, with whatever notice.
    is_agreed: bool = False


def apply(
    change: Change,
    definitions: Mapping[str, dict[str, Any]],
    batch: Mapping[str, dict[str, Any]],
) -> list[Price]:
    """Set definitions by part; batches pay half of them, or what is given. The offer is locked."""
    _refuse_in_review(change)
    batch = {part: halved(definition) for part, definition in definitions.items()} | dict(batch)
    said: Said = {ServiceTier.STANDARD: definitions, ServiceTier.BATCH: batch}
    is_more = raising.says_more(change.book, change.offer, change.begins, said)
    with _keeping_notice(change, is_more=is_more):
        for part, definition in batch.items():
            _set(change, part, definition, ServiceTier.BATCH)
        made = [
            price
            for part, definition in definitions.items()
            if (price := _set(change, part, definition, ServiceTier.STANDARD))
        ]
    _tell(change, is_more=is_more)
    return made


def _keeping_notice(change: Change, *, is_more: bool) -> AbstractContextManager[None]:
    """Refuse a rise with short notice; what Tessera does, and what two people want, keeps none."""
    if change.by is None or change.is_agreed:
        return nullcontext()
    if is_more:
        notices.refuse_short(change.begins, field=raising.FIELD)
    return raising.refusing(change.book, change.offer, change.begins, change.version)


def _tell(change: Change, *, is_more: bool) -> None:
    """Tell who comes to pay more, or was told so and will not; of prices that begin later, too."""
    offer, book, begins = change.offer, change.book, change.begins
    if notices.is_for_many(book) and (is_more or notices.are_told(offer, begins)):
        notices.tell([(it, offer) for it in notices.users(offer)], [begins])
    if not book.is_default and (payers := set(raising.payers(book))):
        uses = [(it, offer) for it in notices.users(offer) if it in payers]
        notices.tell_anew(uses, raising.moments(book, begins))


def _refuse_in_review(change: Change) -> None:
    """Refuse another price than the one that a second person reads, or has agreed to already."""
    is_in_review = change.offer.status == Status.IN_REVIEW and notices.is_for_many(change.book)
    if is_in_review and change.by is not None:
        raise InReview(field_errors={"effective_from": [InReview.detail]})


def _per_unit(per_million: Decimal) -> dict[str, Any]:
    return {"model": "per_unit", "unit_amount": per_token(per_million)}


def _set(
    change: Change, token_part: str, definition: dict[str, Any], service_tier: ServiceTier
) -> Price | None:
    begins, last = change.begins, _last(change, token_part, service_tier)
    if last is not None and last.definition == definition:
        return None
    if last is not None:
        last.effective_until = begins
        last.save(update_fields=["effective_until"])
    price = Price.objects.create(
        book=change.book,
        offer=change.offer,
        version=change.version,
        token_part=token_part,
        service_tier=service_tier,
        definition=definition,
        effective_from=begins,
    )
    audit.record(
        organization=None,
        actor=change.by,
        action=ACTIONS[service_tier],
        target=price,
        before=_facts(last),
        after=_facts(price),
    )
    return price


def default_book(currency: str) -> PriceBook:
    """Return the list that applies to everybody in this currency."""
    book = PriceBook.objects.filter(currency=currency, is_default=True).first()
    if book is None:
        raise Conflict(f"There is no price list in {currency}.")
    return book


def _last(change: Change, token_part: str, service_tier: str) -> Price | None:
    """Return the price that has no end yet; refuse when one begins after the instant."""
    history = Price.objects.filter(
        book=change.book, offer=change.offer, token_part=token_part, service_tier=service_tier
    )
    if history.upcoming(change.begins).exists():
        raise PriceNotLater
    return history.filter(effective_until=None).first()


def _facts(price: Price | None) -> dict[str, object] | None:
    if price is None:
        return None
    return {
        "offer": price.offer.name,
        "token_part": price.token_part,
        "book": price.book.code,
        "per_million": format(price.per_million.normalize(), "f"),
        **({} if price.is_per_unit else {"definition": price.definition}),
        "effective_from": price.effective_from,
    }

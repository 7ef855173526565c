"""Work on a draft of a price book: begun as a copy, changed price by price or all at once."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from common.database import atomic
from common.errors import DomainError
from marketplace import definitions
from marketplace.errors import AdjustmentInvalid
from marketplace.models import DraftPrice, Offer, Price, PriceBook, PriceBookVersion, ServiceTier
from marketplace.models.prices import halved, scaled
from marketplace.services import books
from tenants.models import User
from tenants.services import audit

HUNDRED = Decimal(100)
#: Prices are lowered to something and raised to eleven times at most; the rest is a slip.
LOWEST, HIGHEST = Decimal(-100), Decimal(1000)


class Place(NamedTuple):
    """What a price is for: a part of an offer, at one of the tiers."""

    offer: Offer
    part: str
    tier: str


@atomic()
def begin(book: PriceBook, *, by: User | None, note: str = "") -> PriceBookVersion:
    """Begin a version with the prices that will hold once all that is scheduled has begun.

    Prices of batches that are half of the others are left out: they follow what becomes of those.
    """
    version = books.draft(book, by=by, note=note)
    last = {
        (it.offer_id, it.token_part, it.service_tier): it
        for it in Price.objects.filter(book=book, effective_until=None)
    }
    DraftPrice.objects.bulk_create(
        DraftPrice(
            version=version,
            offer_id=offer,
            token_part=part,
            service_tier=tier,
            definition=price.definition,
        )
        for (offer, part, tier), price in last.items()
        if tier == ServiceTier.STANDARD
        or price.definition != _half(last.get((offer, part, ServiceTier.STANDARD)))
    )
    return version


def _half(price: Price | None) -> dict[str, Any] | None:
    return halved(price.definition) if price else None


@atomic()
def set_price(
    version: PriceBookVersion, place: Place, definition: Mapping[str, Any], *, by: User | None
) -> None:
    """Let a draft say what one part of an offer costs."""
    version = books.open_draft(version)
    definitions.check(place.part, place.tier, definition)
    before = _line(version, place)
    if before is not None and before.definition == definition:
        return
    DraftPrice.objects.update_or_create(
        version=version,
        offer=place.offer,
        token_part=place.part,
        service_tier=place.tier,
        defaults={"definition": dict(definition)},
    )
    _note(version, place, before.definition if before else None, dict(definition), by)


@atomic()
def take_out(version: PriceBookVersion, place: Place, *, by: User | None) -> None:
    """Let a draft say nothing of a part: what the book says of it stays as it is."""
    version = books.open_draft(version)
    line = _line(version, place)
    if line is not None:
        line.delete()
        _note(version, place, line.definition, None, by)


@atomic()
def set_prices(
    version: PriceBookVersion,
    prices: Mapping[Place, Mapping[str, Any] | None],
    *,
    by: User | None,
) -> None:
    """Let a draft say these prices, or nothing where there is none: all of it, or nothing changes."""
    for place, definition in prices.items():
        if definition is None:
            take_out(version, place, by=by)
        else:
            set_price(version, place, definition, by=by)


@atomic()
def adjust(
    version: PriceBookVersion,
    *,
    percent: Decimal,
    by: User | None,
    offers: Collection[Offer] = (),
    parts: Collection[str] = (),
    tiers: Collection[str] = (),
) -> int:
    """Raise, or lower, all prices of a draft that fit by a percentage; all of them or none.

    What is not named is not asked for. Answers how many prices it changed.
    """
    version = books.open_draft(version)
    if not percent.is_finite() or not LOWEST < percent <= HIGHEST or not percent:
        raise AdjustmentInvalid(
            field_errors={"percent": [_("A percentage is above -100, at most 1000, and not 0.")]}
        )
    lines = [it for it in _lines(version) if _fits(it, offers, parts, tiers)]
    if not lines:
        raise AdjustmentInvalid(
            field_errors={"percent": [_("No price of the draft is like this.")]}
        )
    factor = 1 + percent / HUNDRED
    for line in lines:
        line.definition = _checked(line, scaled(line.definition, factor))
    DraftPrice.objects.bulk_update(lines, ["definition"])
    named = {"offers": [it.name for it in offers], "parts": [*parts], "tiers": [*tiers]}
    audit.record(
        organization=None,
        actor=by,
        action="draft_prices.adjusted",
        target=version,
        after={
            "book": version.book.code,
            "number": version.number,
            "percent": f"{percent.normalize():f}",
            "prices": len(lines),
            **{name: words for name, words in named.items() if words},
        },
    )
    return len(lines)


def _fits(
    line: DraftPrice, offers: Collection[Offer], parts: Collection[str], tiers: Collection[str]
) -> bool:
    return (
        (not offers or line.offer in offers)
        and (not parts or line.token_part in parts)
        and (not tiers or line.service_tier in tiers)
    )


def _checked(line: DraftPrice, definition: dict[str, Any]) -> dict[str, Any]:
    try:
        definitions.check(line.token_part, line.service_tier, definition)
    except DomainError as refusal:
        reasons = [str(it) for found in refusal.field_errors.values() for it in found]
        where = f"{line.offer.name} · {line.get_token_part_display()}"
        sentence = f"{where}: {' '.join(reasons) or refusal.detail}"
        raise AdjustmentInvalid(field_errors={"percent": [sentence]}) from refusal
    return definition


@atomic()
def replace(
    version: PriceBookVersion, prices: Mapping[Place, Mapping[str, Any]], *, by: User | None
) -> None:
    """Let a draft say just this; what it said before is gone, all of it or nothing."""
    version = books.open_draft(version)
    for place, definition in prices.items():
        definitions.check(place.part, place.tier, definition)
    before = version.drafts.count()
    version.drafts.all().delete()
    DraftPrice.objects.bulk_create(
        DraftPrice(
            version=version,
            offer=place.offer,
            token_part=place.part,
            service_tier=place.tier,
            definition=dict(definition),
        )
        for place, definition in prices.items()
    )
    audit.record(
        organization=None,
        actor=by,
        action="draft_prices.imported",
        target=version,
        before={"prices": before},
        after={"prices": len(prices), "book": version.book.code, "number": version.number},
    )


def _lines(version: PriceBookVersion) -> list[DraftPrice]:
    return list(version.drafts.select_related("offer"))


def _line(version: PriceBookVersion, place: Place) -> DraftPrice | None:
    found = DraftPrice.objects.filter(version=version, offer=place.offer, token_part=place.part)
    return found.filter(service_tier=place.tier).first()


def _note(
    version: PriceBookVersion,
    place: Place,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    by: User | None,
) -> None:
    what = {
        "book": version.book.code,
        "number": version.number,
        "offer": place.offer.name,
        "token_part": place.part,
        "service_tier": place.tier,
    }
    audit.record(
        organization=None,
        actor=by,
        action="draft_price.changed",
        target=version,
        before={**what, "definition": before},
        after={**what, "definition": after},
    )

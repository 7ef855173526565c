"""What changed in the catalogue: read from the rows that say since when each thing holds.

Nothing is kept beside them, so that no way of changing a model or a price can be forgotten here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from django.db.models import QuerySet

from marketplace.models import AIModel, ModelVersion, Price, ServiceTier


class What(StrEnum):
    """What can change."""

    PUBLISHED = "published"
    VERSION = "version"
    PRICE = "price"
    DEPRECATED = "deprecated"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class NewPrice:
    """What a million tokens of a part cost before, and from then on."""

    part: str
    service_tier: str
    old: Decimal
    new: Decimal


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a model: since when it is known, and from when on it holds."""

    what: What
    model: AIModel
    known_at: datetime
    holds_at: datetime
    #: What only this kind of change has.
    version: str = ""
    offer: str = ""
    currency: str = ""
    book: UUID | None = None
    prices: list[NewPrice] = field(default_factory=list)

    @property
    def key(self) -> str:
        """What no other change has, and this one for ever."""
        moment = f"{self.holds_at:%Y%m%dT%H%M%S%fZ}"
        if self.what == What.DEPRECATED and self.model.retires_at:
            # Announced again with another last day, it is another announcement.
            moment += f":{self.model.retires_at:%Y%m%d}"
        about = self.version or (f"{self.offer}:{self.book}" if self.book else "")
        return ":".join(filter(None, (str(self.model.pk), self.what, about, moment)))


def of_models(models: QuerySet[AIModel], since: datetime, now: datetime) -> list[Change]:
    """Return what is known of these models since then but for their prices, the newest first."""
    found: list[Change] = []
    for model in models.exclude(published_at=None).select_related("publisher", "replaced_by"):
        found += _lives(model, now)
    versions = ModelVersion.objects.filter(model__in=models, created_at__gte=since)
    for version in versions.select_related("model__publisher"):
        if _follows_another(version) and version.offers.live().exists():
            at = version.created_at
            found.append(Change(What.VERSION, version.model, at, at, version=version.label))
    return _newest_first(it for it in found if it.known_at >= since)


def of_prices(prices: QuerySet[Price], since: datetime) -> list[Change]:
    """Return which of these prices took the place of others and are known since then.

    Parts of an offer that change at one instant are one change; a price that was withdrawn before
    it held is none.
    """
    recent = [it for it in prices.select_related("book") if made_at(it.pk) >= since]
    before = {_place(it, it.effective_until): it for it in _ended(recent)}
    grouped: dict[tuple[UUID, UUID, datetime], list[tuple[Price, Price]]] = {}
    for price in recent:
        old = before.get(_place(price, price.effective_from))
        if old is not None and not price.is_withdrawn and old.per_token != price.per_token:
            place = (price.offer_id, price.book_id, price.effective_from)
            grouped.setdefault(place, []).append((old, price))
    return _newest_first(_priced(pairs) for pairs in grouped.values())


def made_at(key: UUID) -> datetime:
    """Return when a row was written, which its key tells to the millisecond."""
    return datetime.fromtimestamp((key.int >> 80) / 1000, tz=UTC)


def _lives(model: AIModel, now: datetime) -> list[Change]:
    published, deprecated, gone = model.published_at, model.deprecated_at, model.retires_at
    found = [Change(What.PUBLISHED, model, published, published)] if published else []
    if deprecated is not None:
        found.append(Change(What.DEPRECATED, model, deprecated, deprecated))
    if gone is not None and gone <= now:
        found.append(Change(What.RETIRED, model, gone, gone))
    return found


def _follows_another(version: ModelVersion) -> bool:
    """Whether the model was sold before: what it began with is told with it."""
    earlier = version.model.versions.filter(created_at__lt=version.created_at)
    return version.model.published_at is not None and earlier.exists()


def _ended(prices: Iterable[Price]) -> QuerySet[Price]:
    offers = {price.offer_id for price in prices}
    return Price.objects.filter(offer__in=offers).exclude(effective_until=None)


def _place(price: Price, moment: datetime | None) -> tuple[object, ...]:
    return price.offer_id, price.book_id, price.token_part, price.service_tier, moment


def _priced(pairs: list[tuple[Price, Price]]) -> Change:
    first = pairs[0][1]
    return Change(
        What.PRICE,
        first.offer.model_version.model,
        known_at=max(made_at(new.pk) for _old, new in pairs),
        holds_at=first.effective_from,
        offer=first.offer.name,
        currency=first.book.currency,
        book=first.book_id,
        prices=sorted(
            (
                NewPrice(new.token_part, new.service_tier, old.per_million, new.per_million)
                for old, new in pairs
            ),
            key=lambda it: (it.service_tier != ServiceTier.STANDARD, it.part),
        ),
    )


def _newest_first(found: Iterable[Change]) -> list[Change]:
    return sorted(found, key=lambda it: (it.known_at, it.key), reverse=True)

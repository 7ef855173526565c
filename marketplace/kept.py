"""What everybody sees of the catalogue, kept in memory until it changes.

Reading the facts of hundreds of offers costs more than the page that shows a few of them, and so does
drawing the cards of those few. The
database leaves a row for each statement that changes what they are read from, and each read asks
first which rows there are: what is kept is never older than the last change that was committed. What
changes by the clock alone, prices that begin or end, models that go or are new no longer, ends what is
kept too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Min, QuerySet
from django.utils import timezone
from django.utils.translation import get_language

from common.database import service
from marketplace import listing, showcase
from marketplace.listing import Listing
from marketplace.models import AIModel, CatalogueEdit, Price
from marketplace.models.catalogue import NEW_FOR
from marketplace.showcase import PricedOffer

#: Rows that stay, so that the newest is never among those that go.
NEWEST = 100
Revision = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """Listings, what they were read at, and the moment from which the clock changes them."""

    revision: Revision
    since: datetime
    until: datetime | None
    listings: tuple[Listing, ...]
    #: Offers that were shown so far, by their key.
    offers: dict[UUID, PricedOffer] = field(default_factory=dict)
    #: What was drawn of them, by offer, template, language and time zone.
    drawn: dict[tuple[UUID, str, str, str], str] = field(default_factory=dict)


_kept: dict[str, Kept] = {}


def everybodys(currency: str) -> list[Listing]:
    """Return the facts of what everybody can buy, by name, at the list's prices of now."""
    return list(_of_now(currency).listings)


def whole(keys: Sequence[UUID], currency: str) -> list[PricedOffer]:
    """Return these offers in the order given, at the list's prices of now; read, never changed.

    One that not everybody can buy is left out.
    """
    found = _of_now(currency)
    missing = [key for key in keys if key not in found.offers]
    if missing:
        read = showcase.priced(showcase.everybodys().filter(pk__in=missing), currency)
        found.offers.update((it.offer.pk, it) for it in read)
    return [found.offers[key] for key in keys if key in found.offers]


def drawn(entry: PricedOffer, template: str, draw: Callable[[], str]) -> str:
    """Return what the template draws of an offer: once for each language where the offer is kept."""
    found = _kept.get(entry.currency)
    # At another price, or of another reader, it is another object.
    if found is None or found.offers.get(entry.offer.pk) is not entry:
        return draw()
    zone = timezone.get_current_timezone_name()
    key = entry.offer.pk, template, get_language() or "", zone
    html = found.drawn.get(key)
    if html is None:
        html = found.drawn[key] = draw()
    return html


def _of_now(currency: str) -> Kept:
    # Asked before anything is read: a change meanwhile has whoever comes next read again.
    revision = _revision()
    found = _kept.get(currency)
    if found is None or found.revision != revision or _is_over(found):
        now = timezone.now()
        listings = tuple(listing.of(showcase.everybodys(), currency))
        found = _kept[currency] = Kept(revision, now, _next_change(now), listings)
    return found


def forget_edits() -> int:
    """Delete all but the newest rows about changes; answers how many went."""
    with service():
        newest = CatalogueEdit.objects.aggregate(last=Max("pk"))["last"] or 0
        return CatalogueEdit.objects.filter(pk__lte=newest - NEWEST).delete()[0]


def _revision() -> Revision:
    """Return which rows about changes there are; one that is committed late changes their count."""
    return CatalogueEdit.objects.aggregate(first=Min("pk"), last=Max("pk"), count=Count("pk"))


def _is_over(found: Kept) -> bool:
    # A clock that was put back ends it as well.
    now = timezone.now()
    return now < found.since or (found.until is not None and found.until <= now)


def _next_change(now: datetime) -> datetime | None:
    coming = [
        _first(Price.objects.filter(effective_from__gt=now), "effective_from"),
        _first(Price.objects.filter(effective_until__gt=now), "effective_until"),
        _first(AIModel.objects.filter(retires_at__gt=now), "retires_at"),
    ]
    newest = _first(AIModel.objects.filter(published_at__gt=now - NEW_FOR), "published_at")
    coming.append(newest + NEW_FOR if newest else None)
    return min((moment for moment in coming if moment is not None), default=None)


def _first(rows: QuerySet[Any], name: str) -> datetime | None:
    found: datetime | None = rows.order_by().aggregate(at=Min(name))["at"]
    return found

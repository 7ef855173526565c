"""What everybody sees of the catalogue, kept in memory until it changes.

Reading the facts of hundreds of offers costs more than the page that shows a few of them. The
database leaves a row for each statement that changes what they are read from, and each read asks
first which rows there are: what is kept is never older than the last change that was committed. What
changes by the clock alone, prices that begin or end and models that go, ends what is kept too.
"""

from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, Max, Min, QuerySet
from django.utils import timezone

from common.database import service
from marketplace import listing, showcase
from marketplace.listing import Listing
from marketplace.models import AIModel, CatalogueEdit, Price

#: Rows that stay, so that the newest is never among those that go.
NEWEST = 100
Revision = dict[str, Any]


class Kept(NamedTuple):
    """Listings, what they were read at, and the moment from which the clock changes them."""

    revision: Revision
    since: datetime
    until: datetime | None
    listings: tuple[Listing, ...]


_kept: dict[str, Kept] = {}


def everybodys(currency: str) -> list[Listing]:
    """Return the facts of what everybody can buy, by name, at the list's prices of now."""
    # Asked before anything is read: a change meanwhile has whoever comes next read again.
    revision = _revision()
    found = _kept.get(currency)
    if found is None or found.revision != revision or _is_over(found):
        now = timezone.now()
        listings = tuple(listing.of(showcase.everybodys(), currency))
        found = _kept[currency] = Kept(revision, now, _next_change(now), listings)
    return list(found.listings)


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
    return min((moment for moment in coming if moment is not None), default=None)


def _first(rows: QuerySet[Any], name: str) -> datetime | None:
    found: datetime | None = rows.order_by().aggregate(at=Min(name))["at"]
    return found

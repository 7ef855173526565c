"""Who reads a public page, which models are there for them, and at whose prices."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.request import Request

from marketplace import books, kept, listing, model_page, showcase
from marketplace.listing import EntryT, Listing
from marketplace.models import AIModel, Offer
from marketplace.queries import DEFAULT_CURRENCY
from marketplace.showcase import ComingPrice, PricedOffer
from tenants.access import LAST_ORGANIZATION
from tenants.models import ApiKey, Organization, User
from tenants.queries import memberships_of
from tenants.scope import scope


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader: whose prices are shown, and whose models beside those of everybody."""

    #: The organization last opened, or the first; none: the list holds.
    payer: Organization | None = None
    others: tuple[Organization, ...] = ()

    @property
    def organizations(self) -> list[Organization]:
        """All that the reader belongs to, the one that pays first."""
        return [self.payer, *self.others] if self.payer else []


def of(request: HttpRequest | Request) -> Reader:
    """Return who reads: a person of some organizations, a key of one, or anybody."""
    if not isinstance(request.user, User):
        return Reader()
    found = [it.organization for it in memberships_of(request.user)]
    key = getattr(request, "auth", None)
    if isinstance(key, ApiKey):
        found = [it for it in found if it.pk == key.organization_id]
        last = ""
    else:
        last = request.session.get(LAST_ORGANIZATION, "")
    # The sort keeps the order by name of all others.
    found.sort(key=lambda it: it.slug != last)
    return Reader(found[0], tuple(found[1:])) if found else Reader()


def offers_seen_by(reader: Reader) -> list[PricedOffer]:
    """Return all offers that the reader may see, each once and at the reader's prices."""
    return _seen_by(reader, showcase.priced)


def listings_seen_by(reader: Reader) -> list[Listing]:
    """Return the facts of the same offers, from which the few that a page shows are chosen."""
    if reader.payer is None:
        return kept.everybodys(DEFAULT_CURRENCY)
    return _seen_by(reader, listing.of)


def whole(reader: Reader, chosen: Sequence[Listing]) -> list[PricedOffer]:
    """Return the chosen offers in the order given, as the reader may see them.

    One that the reader cannot see any more by now is left out.
    """
    keys = [it.offer.pk for it in chosen]
    if not keys:
        return []
    if reader.payer is None:
        return kept.whole(keys, DEFAULT_CURRENCY)
    offers = _seen_by(
        reader, lambda found, *books: showcase.priced(found.filter(pk__in=keys), *books)
    )
    by_key = {it.offer.pk: it for it in offers}
    return [by_key[key] for key in keys if key in by_key]


def _seen_by(
    reader: Reader, tell: Callable[[QuerySet[Offer], str, Sequence[UUID]], list[EntryT]]
) -> list[EntryT]:
    """Return what is told of the offers that the reader may see: the rule of who sees what."""
    payer = reader.payer
    if payer is None:
        return tell(showcase.everybodys(), DEFAULT_CURRENCY, ())
    now = timezone.now()
    more: dict[UUID, EntryT] = {}
    with scope(payer):
        offers = tell(showcase.seen_by(payer), payer.currency, books.special(payer, now))
    found = {it.offer.pk for it in offers}
    for other in reader.others:
        with scope(other):
            own = tell(showcase.own(other), other.currency, books.special(other, now))
        more |= {it.offer.pk: it for it in own}
    offers.extend(it for key, it in more.items() if key not in found)
    return offers


def price_list(reader: Reader) -> list[Listing]:
    """Return the operator's offers that the reader may see, at the reader's prices."""
    return [it for it in listings_seen_by(reader) if it.model.owner_id is None]


def coming(reader: Reader, offers: list[PricedOffer]) -> list[ComingPrice]:
    """Return the prices that the reader will pay later than now."""
    if reader.payer is None:
        return showcase.coming(offers)
    with scope(reader.payer):
        return showcase.coming(offers, reader.payer)


def page_of(reader: Reader, slug: str) -> dict[str, Any] | None:
    """Return what a model's page shows the reader; None where there is no such model for them."""
    if reader.payer is None:
        model = showcase.live_models().filter(slug=slug).first()
        return model_page.context(model) if model else None
    for organization in reader.organizations:
        with scope(organization):
            model = showcase.models_seen_by(organization).filter(slug=slug).first()
            if model is not None:
                return model_page.context(model, organization)
    return None


def gone(reader: Reader, slug: str) -> AIModel | None:
    """Return a model that the reader saw once and that nobody can call any more."""
    found = _first(showcase.gone_models(), slug)
    for organization in reader.organizations if found is None else []:
        with scope(organization):
            found = found or _first(showcase.gone_models(organization), slug)
    return found


def _first(models: QuerySet[AIModel], slug: str) -> AIModel | None:
    return models.filter(slug=slug).first()

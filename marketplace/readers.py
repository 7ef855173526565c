"""Who reads a public page, which models are there for them, and at whose prices."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from rest_framework.request import Request

from marketplace import model_page, showcase
from marketplace.models import AIModel
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
    if reader.payer is None:
        return showcase.offers()
    with scope(reader.payer):
        found = {it.offer.pk: it for it in showcase.offers_seen_by(reader.payer)}
    return [*found.values(), *_beside(reader, found)]


def _beside(reader: Reader, found: dict[UUID, PricedOffer]) -> list[PricedOffer]:
    """Return what the reader's other organizations see and the paying one does not."""
    more: dict[UUID, PricedOffer] = {}
    for organization in reader.others:
        with scope(organization):
            more |= {it.offer.pk: it for it in showcase.own_offers(organization)}
    return [it for key, it in more.items() if key not in found]


def price_list(reader: Reader) -> list[PricedOffer]:
    """Return the operator's offers that the reader may see, at the reader's prices."""
    return [it for it in offers_seen_by(reader) if it.model.owner_id is None]


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

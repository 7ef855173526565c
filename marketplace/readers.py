"""Who reads a public page, and which models are there for them: everybody's, and their own."""

from uuid import UUID

from django.http import HttpRequest

from marketplace import showcase
from marketplace.showcase import PricedOffer
from tenants.models import Organization, User
from tenants.queries import memberships_of
from tenants.scope import scope


def organizations_of(request: HttpRequest) -> list[Organization]:
    """Return the reader's organizations, whose private models they may see."""
    if not isinstance(request.user, User):
        return []
    return [it.organization for it in memberships_of(request.user)]


def offers_seen_by(request: HttpRequest) -> list[PricedOffer]:
    """Return all offers that the reader may see, each once: those of everybody first."""
    return [*showcase.offers(), *_own_offers(request)]


def _own_offers(request: HttpRequest) -> list[PricedOffer]:
    found: dict[UUID, PricedOffer] = {}
    for organization in organizations_of(request):
        with scope(organization):
            found |= {it.offer.pk: it for it in showcase.own_offers(organization)}
    return list(found.values())

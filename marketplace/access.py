"""How organizations stand with a model that asks for something before it is called."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from marketplace.models import AccessRequest, AIModel, ModelTerms, TermsAcceptance
from tenants.models import Organization
from tenants.scope import scope


@dataclass(frozen=True, slots=True)
class Standing:
    """What one organization has done of what the model asks for, and what is left."""

    organization: Organization
    model: AIModel
    terms: ModelTerms | None
    acceptance: TermsAcceptance | None
    #: The last one; none: the organization never asked.
    request: AccessRequest | None
    #: Until when it calls the model as before, though it asks for more by now.
    grace: datetime | None = None

    @property
    def is_agreed(self) -> bool:
        """Whether no agreement is missing."""
        return self.terms is None or self.acceptance is not None

    @property
    def is_granted(self) -> bool:
        """Whether no approval is missing."""
        state = self.request.state if self.request else ""
        return not self.model.needs_approval or state == AccessRequest.State.APPROVED

    @property
    def is_open(self) -> bool:
        """Whether the organization may call the model, as far as terms and approval go."""
        return self.is_done or self.grace is not None

    @property
    def is_done(self) -> bool:
        """Whether nothing of what the model asks for is missing."""
        return self.is_agreed and self.is_granted

    @property
    def can_ask(self) -> bool:
        """Whether a request for access makes sense now."""
        waits = self.request is not None and self.request.state == AccessRequest.State.WAITING
        return not self.is_granted and not waits


def standing(organization: Organization, model: AIModel) -> Standing:
    """Return how the organization stands; asked in its scope."""
    terms = model.terms
    accepted = organization.accepted_terms.filter(terms=terms).first() if terms else None
    asked = organization.access_requests.filter(model=model).first()
    grace = organization.access_graces.filter(model=model, until__gt=timezone.now()).first()
    return Standing(
        organization, model, terms, accepted, asked, grace=grace.until if grace else None
    )


def ending(organization: Organization) -> list[Standing]:
    """Return where the organization calls a model as before for a time, the first to end first.

    Asked in its scope. What it has done of what the model asks for is left out.
    """
    graces = organization.access_graces.filter(until__gt=timezone.now()).order_by("until")
    found = graces.select_related("model__terms")
    seen = [standing(organization, it.model) for it in found if it.model.is_open]
    return [it for it in seen if not it.is_done]


def standings(organizations: Iterable[Organization], model: AIModel) -> list[Standing]:
    """Return how each of the reader's organizations stands, where the model asks for something."""
    found = []
    if model.terms_id or model.needs_approval:
        for organization in organizations:
            with scope(organization):
                found.append(standing(organization, model))
    return found


def requests() -> QuerySet[AccessRequest]:
    """Return what customers asked for, what waits first, then the newest."""
    found = AccessRequest.objects.select_related("organization", "model", "asked_by")
    # “waiting” is the last of the states by name.
    return found.order_by("-state", "-id")

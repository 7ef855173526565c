"""What customers will see of a model: everybody, or one of them, with what that one will pay."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from marketplace import differences, model_page, showcase, viewers
from marketplace.models import AIModel, ModelChange
from marketplace.viewers import Audience
from tenants.models import Organization
from tenants.models.classification import cleared_for

Kind = ModelChange.Kind
#: What is proposed of a model that a preview shows as if it were done.
SEEN_BEFORE = (Kind.CARD, Kind.AUDIENCE)


@dataclass(frozen=True, slots=True)
class Sight:
    """A model's page through the eyes of a customer."""

    organization: Organization
    #: Why offers of the model are not theirs to see; empty: they see all.
    hidden: tuple[str, ...]
    context: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Preview:
    """A model's page once what is proposed of it is done."""

    context: dict[str, Any]
    #: What one customer sees; none: it is what everybody does.
    sight: Sight | None
    #: Whom it will be shown to, where that is not everybody, or is to change.
    audience: Audience | None
    #: Whether its card is one that is proposed.
    has_card: bool


def of(model: AIModel, customer: Organization | None = None) -> Preview:
    """Return the page as customers will see it, or as this one will."""
    changes = {it.kind: it for it in model.changes.open().filter(kind__in=SEEN_BEFORE)}
    audience = viewers.of(model)
    if shown := changes.get(Kind.AUDIENCE):
        audience = viewers.proposed(shown.facts)
    if card := changes.get(Kind.CARD):
        model = differences.changed(model, card)
    seen = sight(model, customer, audience) if customer else None
    return Preview(
        seen.context if seen else model_page.context(model),
        seen,
        audience if audience.is_restricted or shown else None,
        card is not None,
    )


def sight(model: AIModel, organization: Organization, audience: Audience | None = None) -> Sight:
    """Return the page with the offers that the customer's policy allows, at its own prices.

    ``audience`` is who will see the model; none: who does now.
    """
    offers, hidden = showcase.offers_for(model, organization), list[str]()
    allowed = organization.allowed_jurisdictions
    audience = audience or viewers.of(model)
    if not viewers.within(audience, [organization]):
        hidden.append(_("The model is shown to %(audience)s alone.") % {"audience": audience.words})
        offers = []
    if model.clearance not in cleared_for(organization.classification):
        words = _("Its data is “%(level)s”, and the model is not cleared for that.")
        hidden.append(words % {"level": organization.get_classification_display()})
        offers = []
    outside = [it for it in offers if allowed and it.jurisdiction not in allowed]
    hidden += [
        _("“%(offer)s” runs in %(region)s, which its policy does not allow.")
        % {"offer": it.api_name, "region": it.region}
        for it in outside
    ]
    inside = [it for it in offers if it not in outside]
    shown = model_page.context(model, organization, inside)
    return Sight(organization, tuple(hidden), shown)

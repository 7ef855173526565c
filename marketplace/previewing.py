"""What one customer will see of a model, and pay for it; or why they see nothing."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from marketplace import model_page, showcase, viewers
from marketplace.models import AIModel
from marketplace.viewers import Audience
from tenants.models import Organization
from tenants.models.classification import cleared_for


@dataclass(frozen=True, slots=True)
class Sight:
    """A model's page through the eyes of a customer."""

    organization: Organization
    #: Why offers of the model are not theirs to see; empty: they see all.
    hidden: tuple[str, ...]
    context: dict[str, Any]


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

"""Which models an organization can teach, and at what price."""

from dataclasses import dataclass

from marketplace.models import Offer, Price
from studio.errors import NotPriced
from studio.services import fine_tuning, funding
from tenants.models import Organization


@dataclass(frozen=True, slots=True)
class Base:
    """A model to begin with."""

    offer: Offer
    #: Of a trained token; none where nothing is trained, and nothing is paid.
    price: Price | None

    @property
    def longest(self) -> int:
        """How many tokens of an example it can read."""
        return self.offer.model_version.model.context_window


def of(organization: Organization) -> list[Base]:
    """Return what can be asked for: models with weights and a price, then those for dry runs."""
    offers = fine_tuning.teachable(organization).order_by("name")
    found = [_base(organization, offer) for offer in offers]
    known = [base for base in found if base is not None]
    return sorted(known, key=lambda base: base.price is None)


def _base(organization: Organization, offer: Offer) -> Base | None:
    if not offer.model_version.weights:
        return Base(offer, None)
    try:
        return Base(offer, funding.price_of(organization, offer))
    except NotPriced:
        return None

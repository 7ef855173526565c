"""What models that customers make of a model cost: a factor, or prices of their own."""

from collections.abc import Mapping
from decimal import Decimal

from common.database import atomic
from marketplace.errors import PriceNotPositive
from marketplace.models import Offer, TunedTerms
from marketplace.services.pricing import per_token
from tenants.models import User
from tenants.services import audit

HIGHEST = Decimal(100)


@atomic()
def change(
    offer: Offer, *, factor: Decimal, per_million: Mapping[str, Decimal], by: User | None
) -> TunedTerms:
    """Let models that are made of this one from now on cost so much; those that are there stay.

    A part that has a price of its own costs that, every other what the base does times the factor.
    """
    if not 0 < factor <= HIGHEST:
        raise PriceNotPositive
    offer = Offer.objects.locked(offer.pk)
    before = TunedTerms.objects.filter(offer=offer).first()
    definitions = {
        part: {"model": "per_unit", "unit_amount": per_token(amount)}
        for part, amount in per_million.items()
    }
    terms, _ = TunedTerms.objects.update_or_create(
        offer=offer, defaults={"factor": factor, "definitions": definitions}
    )
    audit.record(
        organization=None,
        actor=by,
        action="offer.tuned_terms_changed",
        target=offer,
        before={"factor": before.factor, "prices": before.definitions} if before else None,
        after={"factor": factor, "prices": definitions},
    )
    return terms

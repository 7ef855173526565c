"""What the playground offers a member: the models to talk with, and what a token of each costs here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from marketplace import books, queries
from marketplace.errors import BadExample
from marketplace.models import AIModel, Kind, ServiceTier, TokenPart, with_twins
from tenants.models import Organization

#: The most that the settings shown as code may take, in bytes of JSON.
LARGEST_EXAMPLE = 200_000


@dataclass(frozen=True, slots=True)
class Choice:
    """A model to talk with."""

    name: str
    model: AIModel
    region: str
    currency: str
    #: What a token costs by the first prices that hold for the organization; None: no price.
    input: Decimal | None
    output: Decimal | None

    @property
    def input_text(self) -> str:
        """What an input token costs, for programs; empty without a price."""
        return "" if self.input is None else f"{self.input:f}"

    @property
    def output_text(self) -> str:
        """What an output token costs, for programs; empty without a price."""
        return "" if self.output is None else f"{self.output:f}"

    @property
    def sees(self) -> bool:
        """Whether it takes images."""
        return "image" in self.model.modalities or "vision" in self.model.features


def choices(organization: Organization) -> list[Choice]:
    """Return the chat models that the organization may call, with its own prices, by name."""
    offers = list(queries.offers_for(organization).filter(model_version__model__kind=Kind.CHAT))
    now = timezone.now()
    special = books.special(organization, now)
    tiers = queries.prices_by_tier([it.pk for it in offers], now, organization.currency, special)
    found = []
    for offer in offers:
        held = tiers[ServiceTier.STANDARD].get(offer.pk, {})
        costs = with_twins({part: price.per_token for part, price in held.items()})
        found.append(
            Choice(
                name=offer.name,
                model=offer.model_version.model,
                region=offer.region.name,
                currency=organization.currency,
                input=costs.get(TokenPart.INPUT),
                output=costs.get(TokenPart.OUTPUT),
            )
        )
    return sorted(found, key=lambda it: (it.model.name, it.name))


def example(text: str) -> Mapping[str, Any]:
    """Return the arguments of a call from their JSON; refuses what is none."""
    if len(text.encode()) > LARGEST_EXAMPLE:
        raise BadExample(_("This is too long to be shown as code. Images are most of it."))
    try:
        arguments = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadExample from error
    if not isinstance(arguments, dict) or not isinstance(arguments.get("messages"), list):
        raise BadExample
    return arguments

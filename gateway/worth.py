"""What a request can cost at most, and how its real worth falls on the reserved slices.

Plain Python on Decimals. Worth is counted twice, in money and in tokens of the offer's class,
because grants come in both; a slice of either kind covers a fraction of the request.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

import msgspec

from billing import burning
from billing.burning import BurnKey, Split, Unit
from billing.rating.conditions import Circumstances, dearest, multiplier
from billing.rating.definition import PriceDefinition, parse
from common.money import exact
from marketplace.models import OtherPart
from marketplace.queries import OfferSnapshot
from metering.models import PROMPT_PARTS, TOKEN_PARTS

ZERO, ONE = Decimal(0), Decimal(1)
REQUESTS = OtherPart.REQUESTS.value
TOKENS = "tokens"
#: What text of a prompt can be, and what an answer can.
READ = ("input", "cached_input", "cache_write")
WRITTEN = ("output", "reasoning")
SPOKEN = (*WRITTEN, "audio_output")


class Media(msgspec.Struct, frozen=True):
    """How many tokens of a prompt can be pictures and sounds, and whether the answer may be spoken."""

    image: int = 0
    audio: int = 0
    speaks: bool = False


NO_MEDIA = Media()


class Need(msgspec.Struct, frozen=True):
    """The same worth in money and in weighted tokens (none where the offer has no class)."""

    money: Decimal
    tokens: Decimal


NOTHING = Need(ZERO, ZERO)


class Priced(msgspec.Struct):
    """The parts that were used, each with its price and its exact worth, and what all of it costs."""

    parts: dict[str, int]
    price_ids: dict[str, UUID]
    amounts: dict[str, Decimal]
    need: Need = NOTHING
    #: What a token of a part counted by what its request was like, where that is not one.
    multipliers: dict[str, Decimal] = {}


class Slice(msgspec.Struct):
    """A quantity of one grant that this process holds."""

    grant_id: UUID
    unit: Unit
    quantity: Decimal
    #: Where the grant stands in burn order.
    rank: BurnKey | None = None

    def pays_less_than(self, need: Need, times: int) -> bool:
        """Tell whether it would be used up by so many of these."""
        return self.quantity < times * (need.tokens if self.unit == TOKENS else need.money)


class Rates(msgspec.Struct, frozen=True, dict=True):
    """An offer's prices and weights, frozen at admission."""

    prices: dict[str, Decimal]
    price_ids: dict[str, UUID]
    weights: dict[str, Decimal] | None
    #: The prices by which a token counts more or less than one, by what its request is like.
    conditions: Mapping[str, PriceDefinition] = {}
    at: datetime | None = None
    is_batch: bool = False

    def then(self, at: datetime) -> "Rates":
        """Return the rates for a request of that time."""
        return msgspec.structs.replace(self, at=at) if self.conditions else self

    def price(self, parts: Mapping[str, int]) -> Priced:
        """Return what exactly these parts cost."""
        priced, money, tokens = Priced({}, {}, {}), ZERO, ZERO
        weights = self.weights
        for part, count in parts.items():
            if not count:
                continue
            priced.parts[part] = count
            priced.price_ids[part] = self.price_ids[part]
            priced.amounts[part] = amount = self.prices[part] * count
            money += amount
            if weights is not None:
                tokens += weights.get(part, ONE) * count
        if self.conditions or REQUESTS in self.prices:
            money = self._weigh(priced)
        priced.need = Need(money, tokens)
        return priced

    def _weigh(self, priced: Priced) -> Decimal:
        """Count tokens by what their request is like, and the request itself; returns the worth."""
        of = self._circumstances(sum(priced.parts.get(part, 0) for part in PROMPT_PARTS))
        for part in priced.parts.keys() & self.conditions.keys():
            counts = multiplier(self.conditions[part], of)
            if counts != ONE:
                priced.multipliers[part] = counts
                priced.amounts[part] = exact(priced.amounts[part] * counts)
        if priced.parts and REQUESTS in self.prices:
            priced.amounts[REQUESTS] = self.prices[REQUESTS]
            priced.price_ids[REQUESTS] = self.price_ids[REQUESTS]
        return sum(priced.amounts.values(), ZERO)

    def _circumstances(self, prompt: int) -> Circumstances:
        return Circumstances(self.at, prompt, self.is_batch)

    def _dearest_prices(self, prompt: int) -> dict[str, Decimal]:
        """Return the most that a token of each part can cost with a prompt of at most this size."""
        of = self._circumstances(prompt)
        return self.prices | {
            part: self.prices[part] * dearest(price, of) for part, price in self.conditions.items()
        }

    def worst(self, prompt: int, completion: int, media: Media = NO_MEDIA) -> Need:
        """Return what a prompt and a completion of this size can cost at the dearest split."""
        if not (media.image or media.audio or media.speaks or self.conditions):
            of_prompt, of_completion = self._of_text
            per_request = self.prices.get(REQUESTS, ZERO)
            return Need(
                of_prompt.money * prompt + of_completion.money * completion + per_request,
                of_prompt.tokens * prompt + of_completion.tokens * completion,
            )
        made = SPOKEN if media.speaks else WRITTEN
        prices = self._dearest_prices(prompt)
        money = _dearest(prices, made) * completion + _read(prices, prompt, media)
        money += prices.get(REQUESTS, ZERO)
        if self.weights is None:
            return Need(money, ZERO)
        tokens = _dearest(self.weights, made) * completion + _read(self.weights, prompt, media)
        return Need(money, tokens)

    @cached_property
    def _of_text(self) -> tuple[Need, Need]:
        """Return what a token of text can cost at most, read and written."""
        weights = self.weights or {}
        return (
            Need(_dearest(self.prices, READ), _dearest(weights, READ)),
            Need(_dearest(self.prices, WRITTEN), _dearest(weights, WRITTEN)),
        )


def _read(table: Mapping[str, Decimal], prompt: int, media: Media) -> Decimal:
    """Return the most that a prompt can come to: pictures and sounds may be dearer than text."""
    text = _dearest(table, READ)
    worst, left = text * prompt, prompt
    if not media.image and not media.audio:
        return worst
    extras = [
        (_dearest(table, (*READ, part)) - text, count)
        for part, count in (("image_input", media.image), ("audio_input", media.audio))
    ]
    for extra, count in sorted(extras, reverse=True):
        taken = min(count, left)
        worst, left = worst + extra * taken, left - taken
    return worst


def _dearest(table: Mapping[str, Decimal], parts: tuple[str, ...]) -> Decimal:
    return max((table[part] for part in parts if part in table), default=ZERO)


def rates(offer: OfferSnapshot) -> Rates:
    """Return the offer's rates now."""
    weights = None
    if offer.token_class_id is not None:
        weights = {part: offer.weights.get(part, ONE) for part in TOKEN_PARTS}
    return Rates(
        prices={part: price.unit_amount for part, price in offer.prices.items()},
        price_ids={part: price.price_id for part, price in offer.prices.items()},
        weights=weights,
        conditions={
            part: _parsed(price.price_id, price.conditions)
            for part, price in offer.prices.items()
            if price.conditions is not None
        },
        is_batch=offer.is_batch,
    )


def _parsed(price_id: UUID, definition: Mapping[str, Any]) -> PriceDefinition:
    """Return the checked definition of a price; prices never change, so it is read once."""
    found = _PARSED.get(price_id)
    if found is None:
        if len(_PARSED) >= CAPACITY:
            _PARSED.clear()
        found = _PARSED[price_id] = parse(definition)
    return found


_PARSED: dict[UUID, PriceDefinition] = {}
CAPACITY = 10_000


def split(need: Need, slices: Sequence[Slice]) -> Split:
    """Return what each slice pays, in order, and what nobody pays."""
    return burning.split(slices, money=need.money, tokens=need.tokens)

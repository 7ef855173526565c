"""What a request can cost at most, and how its real worth falls on the reserved slices.

Plain Python on Decimals. Worth is counted twice, in money and in tokens of the offer's class,
because grants come in both; a slice of either kind covers a fraction of the request.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from uuid import UUID

import msgspec

from billing import burning
from billing.burning import BurnKey, Split, Unit
from marketplace.queries import OfferSnapshot
from metering.models import TOKEN_PARTS

ZERO, ONE = Decimal(0), Decimal(1)
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


class Slice(msgspec.Struct):
    """A quantity of one grant that this process holds."""

    grant_id: UUID
    unit: Unit
    quantity: Decimal
    #: Where the grant stands in burn order.
    rank: BurnKey | None = None


class Rates(msgspec.Struct, frozen=True, dict=True):
    """An offer's prices and weights, frozen at admission."""

    prices: dict[str, Decimal]
    price_ids: dict[str, UUID]
    weights: dict[str, Decimal] | None

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
        priced.need = Need(money, tokens)
        return priced

    def worst(self, prompt: int, completion: int, media: Media = NO_MEDIA) -> Need:
        """Return what a prompt and a completion of this size can cost at the dearest split."""
        if not (media.image or media.audio or media.speaks):
            of_prompt, of_completion = self._of_text
            return Need(
                of_prompt.money * prompt + of_completion.money * completion,
                of_prompt.tokens * prompt + of_completion.tokens * completion,
            )
        made = SPOKEN if media.speaks else WRITTEN
        money = _dearest(self.prices, made) * completion + _read(self.prices, prompt, media)
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
    )


def split(need: Need, slices: Sequence[Slice]) -> Split:
    """Return what each slice pays, in order, and what nobody pays."""
    return burning.split(slices, money=need.money, tokens=need.tokens)

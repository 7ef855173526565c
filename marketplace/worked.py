"""Worked examples: what a usual request costs, and how many of them a bundle pays for."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from common.money import Money, round_to_minor
from marketplace import ports, showcase
from marketplace.listing import Entry
from marketplace.models import Bundle, GrantUnit, Kind, TokenPart, TokenWeight

ZERO = Decimal(0)
#: A usual request: a page and a half of text in, half a page out.
INPUT_TOKENS = 800
OUTPUT_TOKENS = 300


@dataclass(frozen=True, slots=True)
class Request:
    """A usual request to one model, and what it costs."""

    entry: Entry
    input_tokens: int
    output_tokens: int

    @property
    def input_cost(self) -> Money:
        """What the tokens in cost."""
        return Money((self.entry.input or ZERO) * self.input_tokens, self.entry.currency)

    @property
    def output_cost(self) -> Money:
        """What the tokens out cost."""
        return Money((self.entry.output or ZERO) * self.output_tokens, self.entry.currency)

    @property
    def cost(self) -> Money:
        """What the whole request costs."""
        return self.input_cost + self.output_cost


@dataclass(frozen=True, slots=True)
class SoldBundle:
    """A bundle with its price before and after tax, and what it comes to in requests."""

    bundle: Bundle
    net: Money
    gross: Money
    tax_rate: Decimal
    #: The model the example is of, and how many usual requests to it are paid for.
    example: Entry | None
    requests: int


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """How many tokens of a class one token of a part burns."""

    part: str
    weight: Decimal


def request(
    entries: Sequence[Entry],
    *,
    input_tokens: int = INPUT_TOKENS,
    output_tokens: int = OUTPUT_TOKENS,
) -> Request | None:
    """Return a request to the cheapest chat model: a usual one, unless it is described."""
    entry = _cheapest(entries)
    return Request(entry, input_tokens, output_tokens) if entry else None


def bundles(entries: Sequence[Entry]) -> list[SoldBundle]:
    """Return the bundles on sale with their tax and what they come to."""
    rate, weights = ports.tax.rate(), _weights()
    return [_sold(bundle, rate, entries, weights) for bundle in showcase.bundles()]


def token_prices() -> dict[str, list[TokenPrice]]:
    """Return, by the name of each class that a bundle on sale grants, how its tokens burn."""
    found: dict[str, list[TokenPrice]] = {}
    granted = showcase.bundles().filter(token_class__isnull=False).values("token_class")
    rows = TokenWeight.objects.filter(token_class__in=granted).select_related("token_class")
    order = list(TokenPart.values)
    for row in sorted(rows, key=lambda it: order.index(it.token_part)):
        prices = found.setdefault(row.token_class.name, [])
        prices.append(TokenPrice(row.get_token_part_display(), row.weight.normalize()))
    return found


def _sold(
    bundle: Bundle,
    rate: Decimal,
    entries: Sequence[Entry],
    weights: dict[object, dict[str, Decimal]],
) -> SoldBundle:
    net = round_to_minor(bundle.net_amount, bundle.currency)
    gross = net + round_to_minor(net * rate, bundle.currency)
    example, count = _example(bundle, entries, weights)
    currency = bundle.currency
    return SoldBundle(bundle, Money(net, currency), Money(gross, currency), rate, example, count)


def _example(
    bundle: Bundle, entries: Sequence[Entry], weights: dict[object, dict[str, Decimal]]
) -> tuple[Entry | None, int]:
    if bundle.grant_unit == GrantUnit.MONEY:
        entry = _cheapest([it for it in entries if it.currency == bundle.currency])
        each = _cost(entry) if entry else ZERO
    else:
        own = [it for it in entries if it.offer.token_class_id == bundle.token_class_id]
        entry, burns = _cheapest(own), weights.get(bundle.token_class_id, {})
        each = (
            burns.get(TokenPart.INPUT, Decimal(1)) * INPUT_TOKENS
            + burns.get(TokenPart.OUTPUT, Decimal(1)) * OUTPUT_TOKENS
        )
    if entry is None or not each:
        return None, 0
    return entry, int(bundle.grant_quantity // each)


def _cheapest(entries: Sequence[Entry]) -> Entry | None:
    chat = [it for it in entries if it.model.kind == Kind.CHAT and it.input and it.output]
    return min(chat, key=_cost, default=None)


def _cost(entry: Entry) -> Decimal:
    return Request(entry, INPUT_TOKENS, OUTPUT_TOKENS).cost.amount


def _weights() -> dict[object, dict[str, Decimal]]:
    found: dict[object, dict[str, Decimal]] = {}
    for row in TokenWeight.objects.all():
        found.setdefault(row.token_class_id, {})[row.token_part] = row.weight
    return found

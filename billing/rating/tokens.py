"""The meeting of quantities and money: what the token parts of one request are worth."""

from collections.abc import Mapping
from decimal import Decimal

from billing.rating.conditions import Circumstances, multiplier
from billing.rating.definition import PriceDefinition
from common.money import exact


class Unpriced(LookupError):
    """Tokens were used that have no price: usage without a price never rates to zero."""


def rate(parts: Mapping[str, int], prices: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return the worth of each part that was used, exact to twelve decimals.

    Raises ``Unpriced`` where a used part has no price.
    """
    used = {part: count for part, count in parts.items() if count}
    for part in used.keys() - prices.keys():
        raise Unpriced(part)
    return {part: exact(count * prices[part]) for part, count in used.items()}


def weigh(
    amounts: Mapping[str, Decimal],
    prices: Mapping[str, PriceDefinition],
    of: Circumstances,
) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Return the amounts by what a token of such a request counts, and that where it is not one."""
    counts = {part: multiplier(prices[part], of) for part in amounts if part in prices}
    counts = {part: count for part, count in counts.items() if count != 1}
    return {part: exact(amounts[part] * counts.get(part, 1)) for part in amounts}, counts

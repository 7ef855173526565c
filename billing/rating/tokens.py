"""The meeting of quantities and money: what the token parts of one request are worth."""

from collections.abc import Mapping
from decimal import ROUND_UP, Decimal

from billing.rating.conditions import Circumstances, multiplier
from billing.rating.definition import PriceDefinition
from billing.rating.units import GPU_HOURS, HOUR, PRECISE
from common.money import EXACT, exact


class Unpriced(LookupError):
    """Tokens were used that have no price: usage without a price never rates to zero."""


def rate(parts: Mapping[str, int], prices: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return the worth of each part that was used, exact to twelve decimals.

    Hours of GPUs are given in seconds. Raises ``Unpriced`` where a used part has no price.
    """
    used = {part: count for part, count in parts.items() if count}
    for part in used.keys() - prices.keys():
        raise Unpriced(part)
    return {part: _settled(part, count * prices[part]) for part, count in used.items()}


def weigh(
    amounts: Mapping[str, Decimal],
    prices: Mapping[str, PriceDefinition],
    of: Circumstances,
) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Return the amounts by what a token of such a request counts, and that where it is not one."""
    counts = {part: multiplier(prices[part], of) for part in amounts if part in prices}
    counts = {part: count for part, count in counts.items() if count != 1}
    return {part: _weighed(part, amounts[part], counts.get(part)) for part in amounts}, counts


def _settled(part: str, amount: Decimal) -> Decimal:
    """Return an amount to twelve decimals.

    A second is worth a 3600th of an hour's price, which seldom ends: up, so that the period never
    comes to more than was settled for it. It is rated at once when it is over, and gives back the rest.
    """
    if part != GPU_HOURS:
        return exact(amount)
    return PRECISE.divide(amount, HOUR).quantize(EXACT, ROUND_UP, PRECISE)


def _weighed(part: str, amount: Decimal, counts: Decimal | None) -> Decimal:
    if counts is None:
        return amount
    found = PRECISE.multiply(amount, counts)
    return found.quantize(EXACT, ROUND_UP, PRECISE) if part == GPU_HOURS else exact(found)

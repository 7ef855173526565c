"""The meeting of quantities and money: what the token parts of one request are worth."""

from collections.abc import Mapping
from decimal import Decimal

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

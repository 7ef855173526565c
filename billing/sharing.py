"""Lines of a rated month handed out among the parts of a customer, to the last digit.

The month is rated once, as if nobody divided it. Each line is then shared in proportion to what
each part used of it. What does not come out even goes, a smallest unit each, to those whose share
was cut most, and among equals to the first by name: so the parts of a line are always the line.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Context, Decimal
from fractions import Fraction

from billing.drafts import DraftLine
from billing.rating.units import GPU_HOURS
from common.money import minor_digits

#: Decimals of exact amounts, and of quantities that are not whole.
EXACT = 12
_CONTEXT = Context(prec=60)


def parts(total: Decimal, weights: Sequence[Decimal], digits: int) -> list[Decimal]:
    """Return the total in proportion to the weights, in whole units of so many decimals.

    The weights are not below zero, and one of them is above.
    """
    units = int(abs(Fraction(total)) * 10**digits)
    whole = sum(map(Fraction, weights), Fraction(0))
    fair = [units * Fraction(weight) / whole for weight in weights]
    given = [int(share) for share in fair]
    cut_most = sorted(range(len(fair)), key=lambda at: (given[at] - fair[at], at))
    for at in cut_most[: units - sum(given)]:
        given[at] += 1
    sign = -1 if total < 0 else 1
    return [Decimal(sign * count).scaleb(-digits, context=_CONTEXT) for count in given]


def divided(lines: Iterable[DraftLine], currency: str) -> tuple[DraftLine, ...]:
    """Return the lines by part, the parts by name; what belongs to no part stands at the end."""
    shared = [part for line in lines for part in _divided(line, currency)]
    return tuple(sorted(shared, key=lambda it: (not it.section, it.section.casefold(), it.section)))


def _divided(line: DraftLine, currency: str) -> Iterator[DraftLine]:
    shares = sorted((name, weight) for name, weight in line.shares if weight)
    if not shares:
        yield replace(line, shares=())
        return
    weights = [weight for _name, weight in shares]
    # Of tokens no part is a fraction; of hours, each keeps its seconds.
    is_whole = line.quantity == line.quantity.to_integral_value() and line.part != GPU_HOURS
    quantities = parts(line.quantity, weights, 0 if is_whole else EXACT)
    exact = parts(line.exact_amount, weights, EXACT)
    amounts = parts(line.amount, weights, minor_digits(currency))
    for at, (name, _weight) in enumerate(shares):
        yield replace(
            line,
            section=name,
            quantity=quantities[at],
            exact_amount=exact[at],
            amount=amounts[at],
            shares=(),
        )

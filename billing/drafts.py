"""A usage invoice as a pure function of what was used, at which prices, and what credit covered."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from common.money import exact, round_to_minor


@dataclass(frozen=True, slots=True)
class UsedTokens:
    """The tokens of one part of an offer that one price applies to."""

    offer_name: str
    part: str
    tokens: int
    unit_amount: Decimal


@dataclass(frozen=True, slots=True)
class DraftLine:
    """One line, exact and rounded."""

    kind: str
    description: str
    quantity: Decimal
    unit_amount: Decimal
    exact_amount: Decimal
    amount: Decimal

    @property
    def per_million(self) -> Decimal:
        """The unit price as people read it."""
        return self.unit_amount * 1_000_000


@dataclass(frozen=True, slots=True)
class Draft:
    """An invoice's lines and totals: net is the sum of the rounded lines, tax is rounded once."""

    lines: tuple[DraftLine, ...]
    currency: str
    tax_rate: Decimal

    @property
    def net(self) -> Decimal:
        """The sum of the rounded lines."""
        return sum((line.amount for line in self.lines), Decimal(0))

    @property
    def exact_net(self) -> Decimal:
        """The sum of the lines before rounding."""
        return sum((line.exact_amount for line in self.lines), Decimal(0))

    @property
    def usage(self) -> Decimal:
        """What the usage alone is worth, exactly."""
        return sum((it.exact_amount for it in self.lines if it.kind == "usage"), Decimal(0))

    @property
    def rounding(self) -> Decimal:
        """What rounding the lines added."""
        return self.net - self.exact_net

    @property
    def tax(self) -> Decimal:
        """The tax on the net total."""
        return round_to_minor(self.net * self.tax_rate, self.currency)

    @property
    def total(self) -> Decimal:
        """What is due."""
        return self.net + self.tax


def usage_draft(
    used: Sequence[UsedTokens],
    *,
    uncovered: Decimal,
    currency: str,
    tax_rate: Decimal,
    coverage_label: str,
) -> Draft:
    """Return the invoice of a period: a line per offer, part and price, less what credit paid.

    Where credit paid for everything, the coverage line takes off the rounded lines to zero.
    """
    ordered = sorted(used, key=lambda it: (it.offer_name, it.part, it.unit_amount))
    lines = [_line(item, currency) for item in ordered if item.tokens]
    worth = sum((line.exact_amount for line in lines), Decimal(0))
    covered = worth - uncovered
    if covered > 0:
        rounded = round_to_minor(covered, currency)
        if not uncovered:
            rounded = sum((line.amount for line in lines), Decimal(0))
        one = Decimal(1)
        lines.append(DraftLine("prepaid", coverage_label, one, -covered, -covered, -rounded))
    return Draft(tuple(lines), currency, tax_rate)


def _line(item: UsedTokens, currency: str) -> DraftLine:
    amount = exact(item.tokens * item.unit_amount)
    return DraftLine(
        kind="usage",
        description=f"{item.offer_name} · {item.part.replace('_', ' ')}",
        quantity=Decimal(item.tokens),
        unit_amount=item.unit_amount,
        exact_amount=amount,
        amount=round_to_minor(amount, currency),
    )

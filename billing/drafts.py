"""A usage invoice as a pure function of what was used, at which prices, and what credit covered."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from common.money import exact, round_to_minor

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class UsedTokens:
    """The tokens of one part of an offer that one price applies to."""

    offer_name: str
    part: str
    tokens: int
    unit_amount: Decimal
    price_id: UUID | None = None
    #: Whether it was answered by a batch, which has prices of its own.
    is_batch: bool = False


class Billed(Protocol):
    """A line that stands on an invoice, or is about to."""

    @property
    def kind(self) -> str:
        """Return whether it is usage, or what credit covered of it."""

    @property
    def offer_name(self) -> str:
        """Return what was used."""

    @property
    def part(self) -> str:
        """Return the part of the tokens."""

    @property
    def price_id(self) -> UUID | None:
        """Return the version of the price that applied."""

    @property
    def quantity(self) -> Decimal:
        """Return how many tokens it was."""

    @property
    def exact_amount(self) -> Decimal:
        """Return what it comes to."""

    @property
    def amount(self) -> Decimal:
        """Return the same, rounded."""


@dataclass(frozen=True, slots=True)
class DraftLine:
    """One line, exact and rounded."""

    kind: str
    description: str
    quantity: Decimal
    unit_amount: Decimal
    exact_amount: Decimal
    amount: Decimal
    #: Of usage: what was used, and the version of the price that applied.
    offer_name: str = ""
    part: str = ""
    price_id: UUID | None = None
    #: The first instant of the month it belongs to, where that is not the invoice's own.
    corrects: datetime | None = None
    #: The part of the customer it belongs to, where the invoice is divided.
    section: str = ""
    #: Whose usage it is, where somebody else is invoiced.
    used_by: UUID | None = None

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
    tax_category: str = "S"
    tax_reason: str = ""

    @property
    def net(self) -> Decimal:
        """The sum of the rounded lines."""
        return sum((line.amount for line in self.lines), ZERO)

    @property
    def exact_net(self) -> Decimal:
        """The sum of the lines before rounding."""
        return sum((line.exact_amount for line in self.lines), ZERO)

    @property
    def usage(self) -> Decimal:
        """What the usage alone is worth, exactly."""
        return sum((it.exact_amount for it in self.lines if it.kind == "usage"), ZERO)

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

    What is left to pay is what credit did not cover, rounded once; the coverage line takes the rest
    off the rounded lines. It never takes off more than they are.
    """
    ordered = sorted(used, key=lambda it: (it.offer_name, it.part, it.unit_amount))
    lines = [_line(item, currency) for item in ordered if item.tokens]
    covered = sum((line.exact_amount for line in lines), ZERO) - uncovered
    if covered > 0:
        rounded = sum((line.amount for line in lines), ZERO)
        due = min(round_to_minor(uncovered, currency), rounded)
        lines.append(_coverage(coverage_label, -covered, due - rounded))
    return Draft(tuple(lines), currency, tax_rate)


def corrections(
    computed: Draft,
    invoiced: Iterable[Billed],
    *,
    corrects: datetime,
    label: str,
    coverage_label: str,
) -> tuple[DraftLine, ...]:
    """Return what a month comes to now, less what its invoices say of it already.

    The whole month is rated again and what is booked comes off, so that no rounding drifts however
    often it is corrected. What was asked for is never given back in cents.
    """
    booked = _sums(invoiced)
    lines = [
        replace(
            line,
            description=f"{line.description} · {label}",
            quantity=line.quantity - before.quantity,
            exact_amount=line.exact_amount - before.exact_amount,
            amount=line.amount - before.amount,
            corrects=corrects,
        )
        for line in computed.lines
        if line.kind == "usage"
        and line.quantity != (before := booked.get(_key(line), _NOTHING)).quantity
    ]
    covered = computed.exact_net - sum((it.exact_amount for it in booked.values()), ZERO)
    covered -= sum((line.exact_amount for line in lines), ZERO)
    due = max(computed.net - sum((it.amount for it in booked.values()), ZERO), ZERO)
    taken_off = due - sum((line.amount for line in lines), ZERO)
    if covered or taken_off:
        coverage = _coverage(f"{coverage_label} · {label}", covered, taken_off)
        lines.append(replace(coverage, corrects=corrects))
    return tuple(lines)


def _coverage(description: str, exact_amount: Decimal, amount: Decimal) -> DraftLine:
    return DraftLine("prepaid", description, Decimal(1), exact_amount, exact_amount, amount)


@dataclass(frozen=True, slots=True)
class _Sum:
    """What several lines of one key come to."""

    quantity: Decimal = ZERO
    exact_amount: Decimal = ZERO
    amount: Decimal = ZERO


_NOTHING = _Sum()
_Key = tuple[str, str, str, UUID | None]


def _key(line: Billed) -> _Key:
    return line.kind, line.offer_name, line.part, line.price_id


def _sums(lines: Iterable[Billed]) -> dict[_Key, _Sum]:
    sums: dict[_Key, _Sum] = {}
    for line in lines:
        sum_ = sums.get(_key(line), _NOTHING)
        sums[_key(line)] = _Sum(
            sum_.quantity + line.quantity,
            sum_.exact_amount + line.exact_amount,
            sum_.amount + line.amount,
        )
    return sums


def _line(item: UsedTokens, currency: str) -> DraftLine:
    amount = exact(item.tokens * item.unit_amount)
    words = [item.offer_name, item.part.replace("_", " "), *(["batch"] if item.is_batch else [])]
    return DraftLine(
        kind="usage",
        description=" · ".join(words),
        quantity=Decimal(item.tokens),
        unit_amount=item.unit_amount,
        exact_amount=amount,
        amount=round_to_minor(amount, currency),
        offer_name=item.offer_name,
        part=item.part,
        price_id=item.price_id,
    )

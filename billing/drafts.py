"""A usage invoice as a pure function of what was used, at which prices, and what credit covered."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Protocol
from uuid import UUID

from billing.rating import units
from billing.rating.definition import PriceDefinition
from billing.rating.lines import Line, rate_piece
from billing.rating.shapes import Piece
from common.money import exact, round_to_minor

ZERO = Decimal(0)
ONE = Decimal(1)
#: As many decimals as a line keeps of what one costs.
UNIT = Decimal("1e-18")
#: Lines that say what something costs; the others say what credit paid of it.
CHARGES = frozenset({"usage", "fee", "minimum", "commitment"})
#: What is taken off because less was delivered than was promised; usage says nothing of it.
SERVICE_CREDIT = "service_credit"
#: From the rater's words for what it charges to those of an invoice.
KINDS = {"flat": "fee", "fixed": "fee", "minimum": "minimum"}
#: By the name of a part of the customer: how much of a line falls to it, in proportion.
Shares = tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True, slots=True)
class UsedTokens:
    """The tokens of one part of an offer that one price applies to; of GPU-hours, the seconds."""

    offer_name: str
    part: str
    tokens: int
    unit_amount: Decimal
    price_id: UUID | None = None
    #: Whether it was answered by a batch, which has prices of its own.
    is_batch: bool = False
    #: The whole definition, where a token does not simply cost its unit amount.
    price: PriceDefinition | None = None
    #: What a token counts, by what its request was like.
    multiplier: Decimal = ONE
    #: All tokens of the price, each by what it counts; where the price is not plain.
    weighed: Decimal = ZERO
    #: What each part of the customer used of it, by the part's name; empty where nobody divides.
    shares: Shares = ()


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
    def tier(self) -> int | None:
        """Return which tier of it, where it has some."""

    @property
    def unit_amount(self) -> Decimal:
        """Return what one costs."""

    @property
    def section(self) -> str:
        """Return the part of the customer it belongs to."""

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
    tier: int | None = None
    #: The first instant of the month it belongs to, where that is not the invoice's own.
    corrects: datetime | None = None
    #: The part of the customer it belongs to, where the invoice is divided.
    section: str = ""
    #: Whose usage it is, where somebody else is invoiced.
    used_by: UUID | None = None
    #: By which it is going to be divided.
    shares: Shares = ()

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
    #: What was settled while it was used: at the dearest price, and what of it no credit paid.
    settled: Decimal = ZERO
    settled_uncovered: Decimal = ZERO
    #: What credit paid too much and came back already, when the period was closed before.
    returned_before: Decimal = ZERO
    #: What was used without a price, by name: no line tells of it, and nothing of it is in the sums.
    unpriced: tuple[str, ...] = ()

    @property
    def charged(self) -> Decimal:
        """What the period is worth, exactly, before credit."""
        return sum((it.exact_amount for it in self.lines if it.kind in CHARGES), ZERO)

    @property
    def due(self) -> Decimal:
        """What of it no credit paid, exactly."""
        return max(self._left, ZERO)

    @property
    def returned(self) -> Decimal:
        """What credit paid too much, because the period turned out cheaper than it was settled."""
        return max(-self._left, ZERO)

    @property
    def _left(self) -> Decimal:
        paid = self.settled - self.settled_uncovered - self.returned_before
        return self.charged - paid

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
        kinds = CHARGES - {"commitment"}
        return sum((it.exact_amount for it in self.lines if it.kind in kinds), ZERO)

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
    settled: Decimal | None = None,
    returned: Decimal = ZERO,
    extra: Sequence[DraftLine] = (),
) -> Draft:
    """Return the invoice of a period: a line per offer, part and price, less what credit paid.

    The period is rated at once, whatever was ``settled`` while it ran (as much, unless it says
    otherwise); ``extra`` are lines that no single price makes, and ``returned`` is credit that an
    earlier closing gave back.

    What is left to pay is what credit did not cover, rounded once; the coverage line takes the rest
    off the rounded lines. It never takes off more than they are.
    """
    ordered = sorted(used, key=lambda it: (it.offer_name, it.part, it.unit_amount, it.multiplier))
    lines = [line for item in _whole(ordered) for line in _lines(item, currency)]
    lines += extra
    charged = sum((line.exact_amount for line in lines), ZERO)
    settled = charged if settled is None else settled
    draft = Draft(
        tuple(lines),
        currency,
        tax_rate,
        settled=settled,
        settled_uncovered=uncovered,
        returned_before=returned,
    )
    covered = charged - draft.due
    if covered > 0:
        rounded = sum((line.amount for line in lines), ZERO)
        due = min(round_to_minor(draft.due, currency), rounded)
        coverage = _coverage(coverage_label, -covered, due - rounded)
        draft = replace(draft, lines=(*lines, coverage))
    return draft


def _whole(used: Sequence[UsedTokens]) -> list[UsedTokens]:
    """Return the used tokens, those of one price that is not plain weighed and put together."""
    found: list[UsedTokens] = []
    shaped: dict[tuple[str, str, UUID | None], UsedTokens] = {}
    for item in used:
        if item.price is None or item.price.is_plain:
            found.append(item)
            continue
        key = item.offer_name, item.part, item.price_id
        before = shaped.get(key, replace(item, shares=()))
        weighed = before.weighed + item.tokens * item.multiplier
        shares = dict(before.shares)
        for name, tokens in item.shares:
            shares[name] = shares.get(name, ZERO) + tokens * item.multiplier
        shaped[key] = replace(item, weighed=weighed, shares=tuple(shares.items()))
    return [it for it in found if it.tokens] + list(shaped.values())


def worth(used: Sequence[UsedTokens], *, currency: str, is_over: bool) -> Decimal:
    """Return what a period's usage comes to so far, exactly; its minimums only when it is over."""
    lines = [line for item in _whole(used) for line in _lines(item, currency)]
    counted = (line for line in lines if is_over or line.kind != "minimum")
    return sum((line.exact_amount for line in counted), ZERO)


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
    booked = _sums(it for it in invoiced if it.kind != SERVICE_CREDIT)
    lines = [
        replace(
            line,
            description=f"{line.description} · {label}",
            quantity=line.quantity - before.quantity,
            exact_amount=line.exact_amount - before.exact_amount,
            amount=line.amount - before.amount,
            corrects=corrects,
            shares=_beyond(line, before),
        )
        for line in [*computed.lines, *_vanished(computed, booked)]
        if line.kind in CHARGES
        and _worth(line) != _worth(before := booked.get(_key(line), _NOTHING))
    ]
    covered = computed.exact_net - sum((it.exact_amount for it in booked.values()), ZERO)
    covered -= sum((line.exact_amount for line in lines), ZERO)
    due = computed.net - sum((it.amount for it in booked.values()), ZERO)
    if computed.exact_net >= sum((it.exact_amount for it in booked.values()), ZERO):
        due = max(due, ZERO)
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
    #: What of the quantity stands in each section.
    sections: Mapping[str, Decimal] = field(default_factory=dict)


_NOTHING = _Sum()
_Key = tuple[str, str, str, UUID | None, int | None, Decimal]


def _key(line: Billed) -> _Key:
    # What a one-off costs is its amount; of usage, the unit tells two weights of a price apart.
    unit = line.unit_amount if line.kind == "usage" else ZERO
    return line.kind, line.offer_name, line.part, line.price_id, line.tier, unit


def _worth(line: "DraftLine | _Sum") -> tuple[Decimal, Decimal]:
    return line.quantity, line.exact_amount


def _beyond(line: DraftLine, before: _Sum) -> Shares:
    """Return by what a correction is divided: what each part used beyond what it was charged for.

    Where that does not say it (another division then, a price in tiers), as all of it is divided.
    """
    if not line.quantity:
        return tuple((name, abs(it)) for name, it in before.sections.items() if name)
    used = dict(line.shares)
    if sum(used.values(), ZERO) != counted(line.part, line.quantity):
        return line.shares
    booked = {name: counted(line.part, it) for name, it in before.sections.items()}
    names = {*used, *(name for name in booked if name)}
    rest = {name: used.get(name, ZERO) - booked.get(name, ZERO) for name in names}
    if all(it >= 0 for it in rest.values()) or all(it <= 0 for it in rest.values()):
        return tuple((name, abs(it)) for name, it in rest.items())
    return line.shares


def counted(part: str, quantity: Decimal) -> Decimal:
    """Return what was counted of a line's quantity: of hours, their seconds to the last one."""
    return units.seconds(quantity) if part == units.GPU_HOURS else quantity


def _vanished(computed: Draft, booked: Mapping[_Key, _Sum]) -> list[DraftLine]:
    """Return empty lines for what was booked and is no longer there: a tier that was left."""
    present = {_key(line) for line in computed.lines}
    return [
        DraftLine(
            kind,
            " · ".join(word for word in (offer, part.replace("_", " ")) if word) or kind,
            ZERO,
            unit,
            ZERO,
            ZERO,
            offer_name=offer,
            part=part,
            price_id=price_id,
            tier=tier,
        )
        for kind, offer, part, price_id, tier, unit in booked
        if kind in CHARGES and (kind, offer, part, price_id, tier, unit) not in present
    ]


def _sums(lines: Iterable[Billed]) -> dict[_Key, _Sum]:
    sums: dict[_Key, _Sum] = {}
    for line in lines:
        sum_ = sums.get(_key(line), _NOTHING)
        here = sum_.sections.get(line.section, ZERO) + line.quantity
        sums[_key(line)] = _Sum(
            sum_.quantity + line.quantity,
            sum_.exact_amount + line.exact_amount,
            sum_.amount + line.amount,
            {**sum_.sections, line.section: here},
        )
    return sums


def _lines(item: UsedTokens, currency: str) -> list[DraftLine]:
    if item.price is None or item.price.is_plain:
        return [_line(item, currency)]
    rated = rate_piece(item.price, Piece(item.weighed), currency=currency)
    told, exactly = (
        {(line.kind, line.tier): line for line in lines}
        for lines in (rated.lines, rated.exact_lines)
    )
    # A minimum that is missed by less than half a cent is exact, and rounds to nothing.
    return [
        _shaped(item, line, told.get(place), exactly.get(place))
        for place, line in (exactly | told).items()
    ]


def _shaped(item: UsedTokens, line: Line, told: Line | None, exactly: Line | None) -> DraftLine:
    tier = [f"tier {line.tier}"] if line.tier else []
    size = _hours_of(item, line)
    return DraftLine(
        kind=KINDS.get(line.kind, "usage"),
        description=_words(item, *tier, line.kind),
        quantity=exact(line.quantity * size),
        unit_amount=_unit(line.unit_amount / size),
        exact_amount=exactly.total if exactly else ZERO,
        amount=told.total if told else ZERO,
        offer_name=item.offer_name,
        part=item.part,
        price_id=item.price_id,
        tier=line.tier,
        shares=item.shares,
    )


def _hours_of(item: UsedTokens, line: Line) -> Decimal:
    """Return how many GPU-hours one unit of a line is: a package is as many as it holds.

    So a line of GPU-hours is always one of hours, whatever they are sold by.
    """
    price = item.price
    if price is None or item.part != units.GPU_HOURS or line.kind != "usage":
        return ONE
    size = price.tiers[line.tier - 1].package_size if line.tier else price.package_size
    return size or ONE


def _unit(amount: Decimal) -> Decimal:
    """Return it as a line keeps it: what is kept compares to what is computed again."""
    return amount.quantize(UNIT, ROUND_HALF_UP)


def _words(item: UsedTokens, *more: str) -> str:
    words = [item.offer_name, item.part.replace("_", " "), *(["batch"] if item.is_batch else [])]
    return " · ".join([*words, *(word for word in more if word != "usage")])


def _line(item: UsedTokens, currency: str) -> DraftLine:
    unit = item.unit_amount * item.multiplier
    amount = exact(item.tokens * unit)
    weight = [f"x {item.multiplier.normalize():f}"] if item.multiplier != ONE else []
    return DraftLine(
        kind="usage",
        description=_words(item, *weight),
        quantity=Decimal(item.tokens),
        unit_amount=_unit(unit),
        exact_amount=amount,
        amount=round_to_minor(amount, currency),
        offer_name=item.offer_name,
        part=item.part,
        price_id=item.price_id,
        shares=item.shares,
    )

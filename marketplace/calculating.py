"""What a day of requests costs, what a budget buys, and how many days each bundle lasts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from common.money import Money
from marketplace import showcase
from marketplace.forms.calculator import CalculatorForm
from marketplace.listing import Entry
from marketplace.models import Bundle, GrantUnit, TokenPart, TokenWeight

ONE = Decimal(1)
DAYS = 30


@dataclass(frozen=True, slots=True)
class Lasting:
    """A bundle that pays for the model, and how long it does; whatever is left then expires."""

    bundle: Bundle
    #: How many tokens of its class one token burns.
    input_weight: Decimal
    output_weight: Decimal
    #: Whether it pays for the model that was chosen, and not for another alone.
    pays: bool
    #: None: nothing is used.
    days: int | None

    @property
    def is_cut(self) -> bool:
        """Whether it expires before it is used up."""
        return self.days is not None and self.days > self.bundle.validity_days

    @property
    def for_scripts(self) -> dict[str, str]:
        """How much it grants and how its tokens burn, as programs read numbers."""
        facts = {
            "quantity": self.bundle.grant_quantity,
            "input": self.input_weight,
            "output": self.output_weight,
        }
        return {name: f"{amount.normalize():f}" for name, amount in facts.items()}


@dataclass(frozen=True, slots=True)
class Calculator:
    """What was asked, and the answers to it."""

    form: CalculatorForm
    entry: Entry
    day: Money
    month: Money
    tokens_a_day: int
    #: What the budget buys, and for how many days that is enough; None: for ever.
    requests: int
    tokens: int
    days: int | None
    #: All that pay for one of the models.
    bundles: list[Lasting]


def reckon(
    entries: Sequence[Entry],
    address: Mapping[str, str],
    typical: Entry | None = None,
    page: Iterable[str] | None = None,
) -> Calculator | None:
    """Return what the address asks of one of these models; what it does not say is as usual.

    ``typical`` is the model that is taken when none is named. Of many models those on the ``page``,
    by their names in the API, are proposed, beside the one that is chosen: any can be named.
    None: there is nothing to reckon with.
    """
    priced = [it for it in entries if it.input is not None]
    if not priced:
        return None
    first = typical if typical in priced else priced[0]
    proposed = priced
    if page is not None:
        names = {*page, first.api_name, address.get("offer", "")}
        proposed = [it for it in priced if it.api_name in names]
    form = CalculatorForm(address, entries=proposed, first=first)
    wish = form.wish()
    entry = next(it for it in priced if it.api_name == wish["offer"])
    sent, made = wish["input"], wish["output"] if entry.output is not None else 0
    each = (entry.input or Decimal(0)) * sent + (entry.output or Decimal(0)) * made
    affordable = int(wish["budget"] // each) if each else 0
    day = Money(each * wish["requests"], entry.currency)
    return Calculator(
        form=form,
        entry=entry,
        day=day,
        month=day * DAYS,
        tokens_a_day=(sent + made) * wish["requests"],
        requests=affordable,
        tokens=affordable * (sent + made),
        days=affordable // wish["requests"] if wish["requests"] and each else None,
        bundles=_bundles(
            priced, entry, day.amount, sent * wish["requests"], made * wish["requests"]
        ),
    )


def _bundles(
    entries: Sequence[Entry], entry: Entry, cost: Decimal, sent: int, made: int
) -> list[Lasting]:
    weights: dict[object, dict[str, Decimal]] = {}
    for row in TokenWeight.objects.all():
        weights.setdefault(row.token_class_id, {})[row.token_part] = row.weight
    found = []
    for bundle in showcase.bundles():
        if any(_pays_for(bundle, it) for it in entries):
            burns = weights.get(bundle.token_class_id, {})
            read, written = (burns.get(it, ONE) for it in (TokenPart.INPUT, TokenPart.OUTPUT))
            is_money = bundle.grant_unit == GrantUnit.MONEY
            a_day = cost if is_money else read * sent + written * made
            days = int(bundle.grant_quantity // a_day) if a_day else None
            found.append(Lasting(bundle, read, written, _pays_for(bundle, entry), days))
    return found


def _pays_for(bundle: Bundle, entry: Entry) -> bool:
    if bundle.grant_unit == GrantUnit.MONEY:
        return bundle.currency == entry.currency
    return bundle.token_class_id == entry.offer.token_class_id

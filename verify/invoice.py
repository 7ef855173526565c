#!/usr/bin/env python3
"""Makes an invoice again from the requests and prices it was made of, and compares to the last digit.

    python verify/invoice.py invoice.json events.csv prices.csv [commitments.csv] [earlier-invoice.json ...]

The files are what the API answers at /api/v1/organizations/{org}/invoices/{number} and, below it, at
/events.csv, /prices.csv and /commitments.csv. Where the invoice corrects earlier months, all invoices that
told of those months before are needed, too. Python's own library is enough; nothing of the portal is used.
docs/billing.md explains each step.
"""

import csv
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime, time, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

DIGITS = {
    "BHD": 3, "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "IQD": 3, "ISK": 0, "JOD": 3, "JPY": 0,
    "KMF": 0, "KRW": 0, "KWD": 3, "LYD": 3, "OMR": 3, "PYG": 0, "RWF": 0, "TND": 3, "UGX": 0,
    "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
}  # fmt: skip
ROUNDINGS = {"ceiling": ROUND_CEILING, "floor": ROUND_FLOOR, "half_up": ROUND_HALF_UP}
#: The parts of a request's tokens that are its prompt.
PROMPT = {"input", "cached_input", "cache_write", "image_input", "audio_input"}
#: What the charges of a price are called on an invoice; all others are usage.
KINDS = {"flat": "fee", "fixed": "fee", "minimum": "minimum"}
#: What is counted in seconds and priced by the hour.
GPU_HOURS, HOUR = "gpu_hours", "3600"
#: So many decimals has what is exact, and the price of one on a line.
EXACT, UNIT = 12, 18
#: Products are brought to so many before they are rounded: a third of an hour does not end.
SNAPPED = 60
ZERO, ONE = Decimal(0), Decimal(1)
#: A line that takes off what a missed service level is credited with.
SERVICE_CREDIT = "service_credit"

Price = dict[str, Any]
Event = dict[str, str]


class Key(NamedTuple):
    """What a line is about."""

    kind: str
    model: str
    part: str = ""
    price_id: str = ""
    tier: int | None = None
    #: Of usage: tokens that count for more stand on a line of their own.
    unit: Decimal = ZERO


class Sums(NamedTuple):
    """What a line comes to."""

    quantity: Decimal
    exact: Decimal
    amount: Decimal

    def less(self, other: "Sums") -> "Sums":
        """Return what is left when the other is taken off."""
        return Sums(*(mine - its for mine, its in zip(self, other, strict=True)))


class Month(NamedTuple):
    """A month's charges by line, and what of it credit paid: exactly, and off the rounded lines."""

    charges: dict[Key, Sums]
    covered: Sums

    def total(self, name: str) -> Decimal:
        """Return what all lines come to."""
        return sum((getattr(it, name) for it in [*self.charges.values(), self.covered]), ZERO)


class Charge(NamedTuple):
    """So much of something at an amount each, before rounding."""

    kind: str
    tier: int | None
    quantity: Decimal
    unit: Decimal


NOTHING = Sums(ZERO, ZERO, ZERO)


class Differs(Exception):
    """Where the invoice is not what its usage comes to."""


class NotComparable(Exception):
    """Why this invoice cannot be made again here."""


def rounded(amount: Decimal, digits: int) -> Decimal:
    """Round half up to so many decimals."""
    return amount.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


def snapped(amount: Decimal) -> Decimal:
    """Bring to the end what does not end, so that half of a last digit is seen as half."""
    places = amount.as_tuple().exponent
    is_short = isinstance(places, int) and places >= -SNAPPED
    return amount if is_short else rounded(amount, SNAPPED)


def number(price: Price, name: str, default: str = "0") -> Decimal:
    """Return what a price says, as a number."""
    return Decimal(price.get(name) or default)


# What a token counts, by what its request was like.


def weight(price: Price, is_batch: bool, at: datetime | None, prompt: int) -> Decimal:
    """Return what each token of such a request counts: one, unless the price says otherwise."""
    found = ONE
    for step in price.get("long_context", []):
        if prompt > Decimal(step["above"]):
            found = Decimal(step["multiplier"])
    if "time_of_day" in price and at is not None:
        found *= by_the_clock(price["time_of_day"], at)
    if is_batch:
        found *= number(price, "batch_multiplier", "1")
    return rounded(found, EXACT)


def by_the_clock(hours: Price, at: datetime) -> Decimal:
    """Return what the first window of the day says that the time lies in."""
    local = at.astimezone(ZoneInfo(hours["time_zone"]))
    for window in hours["windows"]:
        begins, ends = time.fromisoformat(window["from"]), time.fromisoformat(window["until"])
        # A window past midnight belongs to the day on which it began.
        is_past_midnight = ends < begins and local.time() < ends
        day = local - timedelta(days=1) if is_past_midnight else local
        is_in = begins <= local.time() < ends if begins < ends else local.time() >= begins
        if (is_in or is_past_midnight) and day.isoweekday() in window.get("days", range(1, 8)):
            return Decimal(window["multiplier"])
    return ONE


# What a period's total is charged.


def charges(price: Price, quantity: Decimal, values: Sequence[Decimal] = ()) -> list[Charge]:
    """Return what a whole period's quantity is charged by a price; values are of single events."""
    if conversion := price.get("unit_conversion"):
        quantity = converted(conversion, quantity)
    if price["model"] != "percentage":
        quantity = max(quantity - number(price, "free_quantity"), ZERO)
    found = SHAPES[price["model"]](price, quantity, values)
    return [charge for charge in found if charge.quantity * charge.unit]


def converted(conversion: Price, quantity: Decimal) -> Decimal:
    """Return the quantity in the unit that the price is for."""
    factor = Decimal(conversion["factor"])
    found = quantity / factor if conversion["operation"] == "divide" else quantity * factor
    if conversion.get("rounding", "none") == "none":
        return found
    step = Decimal(1).scaleb(-conversion.get("precision", 0))
    return found.quantize(step, rounding=ROUNDINGS[conversion["rounding"]])


def packages(quantity: Decimal, size: Decimal) -> Decimal:
    """Return how many packages the quantity opens."""
    return (quantity / size).to_integral_value(ROUND_CEILING)


def in_tier(tier: Price, quantity: Decimal) -> tuple[Decimal, Decimal]:
    """Return how much is charged in a tier, and what one costs: of a share, a unit of money."""
    if tier.get("package_size"):
        quantity = packages(quantity, Decimal(tier["package_size"]))
    return quantity, number(tier, "unit_amount") or number(tier, "rate") / 100


def graduated(price: Price, quantity: Decimal, _values: Sequence[Decimal]) -> Iterator[Charge]:
    """Each unit at the price of the tier it falls in; a tier's fee once it is entered."""
    lower = ZERO
    for place, tier in enumerate(price["tiers"], start=1):
        inside = max(min(quantity, number(tier, "up_to", "Infinity")) - lower, ZERO)
        if inside or (place == 1 and price.get("charge_first_flat_fee_at_zero")):
            yield Charge("flat", place, ONE, number(tier, "flat_amount"))
        yield Charge("usage", place, *in_tier(tier, inside))
        lower = number(tier, "up_to")


def volume(price: Price, quantity: Decimal, _values: Sequence[Decimal]) -> Iterator[Charge]:
    """All units at the price of the tier that their total reaches."""
    if not quantity and not price.get("charge_first_flat_fee_at_zero"):
        return
    bounds = (number(tier, "up_to", "Infinity") for tier in price["tiers"])
    place = next(place for place, bound in enumerate(bounds, start=1) if quantity <= bound)
    tier = price["tiers"][place - 1]
    yield Charge("flat", place, ONE, number(tier, "flat_amount"))
    yield Charge("usage", place, *in_tier(tier, quantity))


def percentage(price: Price, value: Decimal, events: Sequence[Decimal]) -> Iterator[Charge]:
    """A share of the value and a fee for each event, but for those that are free."""
    rate, fee = number(price, "rate") / 100, number(price, "fixed_amount")
    count, free = for_nothing(price, events)
    if price.get("minimum_per_event") is None and price.get("maximum_per_event") is None:
        yield Charge("percentage", None, max(value - free, ZERO), rate)
        yield Charge("fixed", None, Decimal(len(events) - count), fee)
        return
    least, most = number(price, "minimum_per_event"), number(price, "maximum_per_event", "Infinity")
    most_free, due = price.get("free_events") or len(events), ZERO
    # Where the free value runs out inside an event, its rest is paid for.
    left = number(price, "free_quantity") - sum(events[:count], ZERO) if count < most_free else ZERO
    for event in events[count:]:
        paid, left = max(event - left, ZERO), max(left - event, ZERO)
        due += min(max(paid * rate + fee, least), most) if paid else ZERO
    yield Charge("percentage", None, ONE, due)


def for_nothing(price: Price, events: Sequence[Decimal]) -> tuple[int, Decimal]:
    """Return how many of the first events are free, and how much value is."""
    most, free = price.get("free_events") or 0, number(price, "free_quantity")
    if not free:
        return min(most, len(events)), sum(events[:most], ZERO)
    count, value = 0, ZERO
    while count < min(most or len(events), len(events)) and value + events[count] <= free:
        value, count = value + events[count], count + 1
    return count, value if most else free


Shape = Callable[[Price, Decimal, Sequence[Decimal]], Iterable[Charge]]
SHAPES: dict[str, Shape] = {
    "per_unit": lambda price, quantity, _: [
        Charge("usage", None, quantity, number(price, "unit_amount"))
    ],
    "flat": lambda price, _quantity, _: [Charge("flat", None, ONE, number(price, "unit_amount"))],
    "package": lambda price, quantity, _: [
        Charge(
            "usage",
            None,
            packages(quantity, number(price, "package_size")),
            number(price, "package_amount"),
        )
    ],
    "graduated": graduated,
    "graduated_percentage": graduated,
    "volume": volume,
    "percentage": percentage,
}


def totals(price: Price, found: Sequence[Charge], digits: int) -> list[tuple[Charge, Decimal]]:
    """Return what each charge comes to: rounded, less its discount, within the most and the least."""
    told, billed = [], ZERO
    for charge in found:
        amount = rounded(snapped(charge.quantity * charge.unit), digits)
        amount -= rounded(amount * number(price, "discount_percent") / 100, digits)
        if price.get("maximum_amount") is not None:
            over = rounded(billed + amount - number(price, "maximum_amount"), digits)
            amount -= min(max(over, ZERO), amount)
        billed += amount
        told.append((charge, amount))
    missing = rounded(number(price, "minimum_amount") - billed, digits)
    if missing > 0:
        told.append((Charge("minimum", None, ONE, missing), missing))
    return told


def is_plain(price: Price) -> bool:
    """Whether each token costs its amount, however many there are of them."""
    limits = (price.get(it) for it in ("minimum_amount", "maximum_amount", "unit_conversion"))
    reductions = (number(price, it) for it in ("free_quantity", "discount_percent"))
    is_limited = any(limit is not None for limit in limits)
    return price["model"] == "per_unit" and not is_limited and not any(reductions)


def definition(row: dict[str, str]) -> Price:
    """Return what a price says; of GPU-hours, from the seconds that are counted."""
    price: Price = json.loads(row["definition"])
    if row["part"] == GPU_HOURS:
        price["unit_conversion"] = {"operation": "divide", "factor": HOUR}
    return price


def of_one(key: Key, price: Price, charge: Charge) -> Decimal:
    """Return how many GPU-hours a package of them holds; all else stands on its line as it is charged."""
    if key.part != GPU_HOURS or KINDS.get(charge.kind):
        return ONE
    sold = price["tiers"][charge.tier - 1] if charge.tier else price
    return number(sold, "package_size", "1")


class Book:
    """The versions of prices by their ids, and what requests come to at them."""

    def __init__(self, rows: Iterable[dict[str, str]], currency: str) -> None:
        self.prices = {row["price_id"]: definition(row) for row in rows}
        self.batches = {row["price_id"] for row in rows if row["service_tier"] == "batch"}
        self.digits = DIGITS.get(currency, 2)

    def rate(self, events: Sequence[Event]) -> dict[Key, Sums]:
        """Rate requests at once: by model, part and price, each line rounded once."""
        tokens: defaultdict[Key, defaultdict[Decimal, Decimal]]
        tokens = defaultdict(lambda: defaultdict(Decimal))
        prompts = self._prompts(events)
        for event in events:
            key = Key("usage", event["model"], event["part"], event["price_id"])
            counts = self._weight(event, prompts[request_of(event)])
            tokens[key][counts] += Decimal(event["tokens"])
        found: dict[Key, Sums] = {}
        for key, by_weight in tokens.items():
            found |= self._lines(key, by_weight)
        return found

    def _prompts(self, events: Iterable[Event]) -> dict[tuple[str, str], int]:
        found: defaultdict[tuple[str, str], int] = defaultdict(int)
        for event in events:
            read = int(event["tokens"]) if event["part"] in PROMPT else 0
            found[request_of(event)] += read
        return found

    def _weight(self, event: Event, prompt: int) -> Decimal:
        price_id = event["price_id"]
        if event["part"] == "requests":
            return ONE
        price, is_batch = self.prices[price_id], price_id in self.batches
        return weight(price, is_batch, instant(event["occurred_at"]), prompt)

    def _lines(self, key: Key, by_weight: dict[Decimal, Decimal]) -> dict[Key, Sums]:
        price, digits = self.prices[key.price_id], self.digits
        if is_plain(price):
            units = {counts: number(price, "unit_amount") * counts for counts in by_weight}
            return {
                key._replace(unit=rounded(units[counts], UNIT)): Sums(
                    quantity,
                    exact := rounded(quantity * units[counts], EXACT),
                    rounded(exact, digits),
                )
                for counts, quantity in by_weight.items()
            }
        weighed = sum((counts * quantity for counts, quantity in by_weight.items()), ZERO)
        found = charges(price, weighed)
        lines: dict[Key, Sums] = {}
        for places in (EXACT, digits):
            for charge, amount in totals(price, found, places):
                kind = KINDS.get(charge.kind, "usage")
                size = of_one(key, price, charge)
                unit = rounded(charge.unit / size, UNIT) if kind == "usage" else ZERO
                line = key._replace(kind=kind, tier=charge.tier, unit=unit)
                before = lines.get(line, NOTHING)
                is_exact = places == EXACT
                lines[line] = Sums(
                    rounded(charge.quantity * size, EXACT),
                    amount if is_exact else before.exact,
                    before.amount if is_exact else amount,
                )
        return lines


def request_of(event: Event) -> tuple[str, str]:
    """Return which request of which meter it is about."""
    return event["source"], event["request_id"]


class Usage(NamedTuple):
    """What is known of an organization's month."""

    events: Sequence[Event]
    #: What those used whose usage counts towards its commitments.
    others: Sequence[Event]
    commitments: Sequence[dict[str, str]]

    def known(self, at: datetime) -> "Usage":
        """Return the same as it was known then."""
        own, others = (
            [event for event in events if instant(event["recorded_at"]) <= at]
            for events in (self.events, self.others)
        )
        return Usage(own, others, self.commitments)

    def paid(self) -> Decimal:
        """Return what credit paid while the requests were made."""
        paid = (Decimal(it["amount"]) - Decimal(it["uncovered"]) for it in self.events)
        return sum(paid, ZERO)


def rate(usage: Usage, book: Book, closings: Sequence[datetime] = ()) -> Month:
    """Rate a month: its usage, what that misses of commitments, and what of both credit paid."""
    found = charged(usage, book)
    worth = sum((line.exact for line in found.values()), ZERO)
    asked = sum((line.amount for line in found.values()), ZERO)
    # Requests were settled at the dearest price; what the month comes to at once is what is due.
    # Where that was too much, credit came back each time the month was closed.
    came_back = ZERO
    for closing in closings:
        known = usage.known(closing)
        its = sum((line.exact for line in charged(known, book).values()), ZERO)
        came_back = max(came_back, known.paid() - its)
    exactly_due = max(worth - usage.paid() + came_back, ZERO)
    if worth <= exactly_due:
        return Month(found, NOTHING)
    due = min(rounded(exactly_due, book.digits), asked)
    return Month(found, Sums(ZERO, exactly_due - worth, due - asked))


def charged(usage: Usage, book: Book) -> dict[Key, Sums]:
    """Return what a month's usage comes to, and what it misses of commitments."""
    found = book.rate(usage.events)
    for row in usage.commitments:
        missing = missed(row, usage, book)
        if missing:
            key = Key("commitment", row["contract"])
            found[key] = Sums(ONE, missing, rounded(missing, book.digits))
    return found


def missed(row: dict[str, str], usage: Usage, book: Book) -> Decimal:
    """Return what usage misses of what a contract asks for, by the days on which it held."""
    share = Decimal(row["committed"]) * Decimal(row["days"]) / Decimal(row["of_days"])
    start, end, closes = (instant(row[name]) for name in ("from", "until", "month_ends"))
    used = worth_until(end, usage, book, is_over=end == closes)
    used -= worth_until(start, usage, book, is_over=False)
    return max(rounded(share, EXACT) - used, ZERO)


def worth_until(end: datetime, usage: Usage, book: Book, *, is_over: bool) -> Decimal:
    """Return what the month's usage comes to so far; its minimums only when it is over."""
    by_user: defaultdict[str, list[Event]] = defaultdict(list)
    for event in [*usage.events, *usage.others]:
        if is_over or instant(event["occurred_at"]) < end:
            by_user[event["used_by"]].append(event)
    rated = (line for events in by_user.values() for line in book.rate(events).items())
    return sum((line.exact for key, line in rated if is_over or key.kind != "minimum"), ZERO)


def told(lines: Iterable[dict[str, Any]]) -> Month:
    """Return what lines of invoices say of one month."""
    found: defaultdict[Key, Sums] = defaultdict(lambda: NOTHING)
    covered = NOTHING
    for line in lines:
        its = Sums(*(Decimal(line[name]) for name in ("quantity", "exact_amount", "amount")))
        if line["kind"] == SERVICE_CREDIT:
            # What was measured says it, not what was used; the customer's page of it has the numbers.
            continue
        if line["kind"] == "prepaid":
            covered = Sums(ZERO, covered.exact + its.exact, covered.amount + its.amount)
            continue
        unit = Decimal(line["unit_amount"]) if line["kind"] == "usage" else ZERO
        key = Key(
            line["kind"], line["offer_name"], line["part"], line["price_id"] or "",
            line["tier"], unit,
        )  # fmt: skip
        found[key] = Sums(*(a + b for a, b in zip(found[key], its, strict=True)))
    return Month(dict(found), covered)


def correct(now: Month, before: Month) -> Month:
    """Return what a month comes to now, less what earlier invoices said of it."""
    changed = {}
    for key in {**now.charges, **before.charges}:
        line = now.charges.get(key, NOTHING).less(before.charges.get(key, NOTHING))
        if line.quantity or line.exact:
            changed[key] = line
    exact = now.total("exact") - before.total("exact")
    due = now.total("amount") - before.total("amount")
    if exact >= 0:
        due = max(due, ZERO)
    exact -= sum((line.exact for line in changed.values()), ZERO)
    return Month(
        changed, Sums(ZERO, exact, due - sum((it.amount for it in changed.values()), ZERO))
    )


def same(name: str, found: object, expected: object) -> None:
    """Stop unless both are the same."""
    if found != expected:
        raise Differs(f"{name}: the invoice says {found}, its usage comes to {expected}")


def month_of(line: dict[str, Any], invoice: dict[str, Any]) -> str:
    """Return the month that a line belongs to where its customer lives, as files name it."""
    # Time zones are less than a day apart: two weeks on it is that month everywhere.
    start = instant(line["corrects"] or invoice["period_start"])
    return f"{start + timedelta(days=14):%Y-%m}"


def whose(line: dict[str, Any]) -> str:
    """Return the organization that used what a line tells of; empty where it is the invoice's own."""
    user: str = line.get("used_by") or ""
    return user


def compare_month(
    user: str,
    label: str,
    invoice: dict[str, Any],
    events: Sequence[Event],
    commitments: Sequence[dict[str, str]],
    book: Book,
    earlier: Sequence[dict[str, Any]],
) -> None:
    """Compare what an organization used in a month."""
    lines = list(lines_about(label, user, [invoice]))
    own = [event for event in events if event["used_by"] == user]
    # What members of a group use counts towards what who pays for them committed to.
    others = [] if user else [event for event in events if event["used_by"]]
    asked = [row for row in commitments if row["used_by"] == user]
    before = [it for it in earlier if any(lines_about(label, user, [it]))]
    closings = sorted(instant(it["issued_at"]) for it in before)
    usage = Usage(of_month(own, label), of_month(others, label), of_month(asked, label))
    expected = rate(usage, book, closings)
    if any(it["corrects"] for it in lines):
        expected = correct(expected, told(lines_about(label, user, before)))
    found = told(lines)
    for key in {**found.charges, **expected.charges}:
        name = " ".join([label, *map(str, filter(None, key[:-1]))]).replace(" usage", "")
        same(name, found.charges.get(key), expected.charges.get(key))
    same(f"{label} covered by credit", found.covered, expected.covered)
    total = sum((Decimal(it["amount"]) for it in lines), ZERO)
    if (credits := service_credits(lines)) and total < 0:
        raise Differs(f"{label} service credits: {credits} is more than the month comes to")


def service_credits(lines: Iterable[dict[str, Any]]) -> Decimal:
    """Return what service credits take off; none of them asks for anything."""
    credits = [Decimal(it["amount"]) for it in lines if it["kind"] == SERVICE_CREDIT]
    if any(it > 0 for it in credits):
        raise Differs(f"service credit: the invoice asks for {max(credits)}; credits take off")
    return sum(credits, ZERO)


def compare(
    invoice: dict[str, Any],
    events: Sequence[Event],
    prices: Sequence[dict[str, str]],
    commitments: Sequence[dict[str, str]],
    earlier: Sequence[dict[str, Any]],
    also: Sequence[str] = (),
    apart: Collection[tuple[str, str]] = (),
) -> int:
    """Compare every line and every total; return how many lines there are.

    Where the invoice is divided, the lines of all sections together are what was rated at once. Where
    it is for several organizations, each was rated by itself. Of its own organization the months that
    are named in ``also`` are compared whether or not a line tells of them; those of users that are
    ``apart`` are left to who calls.
    """
    if not invoice["period_start"]:
        raise NotComparable(f"{invoice['number']} is of a purchase; no usage was made into it")
    if any(line["kind"] == "commitment" for line in invoice["lines"]) and not commitments:
        raise NotComparable(f"{invoice['number']} asks for a commitment; name its commitments.csv")
    book = Book(prices, invoice["currency"])
    told_of = {(whose(line), month_of(line, invoice)) for line in invoice["lines"]}
    for user, label in sorted((told_of | {("", label) for label in also}) - {*apart}):
        compare_month(user, label, invoice, events, commitments, book, earlier)
    compare_totals(invoice)
    return len(invoice["lines"])


def compare_totals(invoice: dict[str, Any]) -> None:
    """Compare net, tax and total with the lines."""
    net = sum((Decimal(line["amount"]) for line in invoice["lines"]), ZERO)
    same("net", Decimal(invoice["net"]), net)
    tax = rounded(net * Decimal(invoice["tax_rate"]), DIGITS.get(invoice["currency"], 2))
    same("tax", Decimal(invoice["tax"]), tax)
    same("total", Decimal(invoice["total"]), net + tax)


def of_month(rows: Sequence[dict[str, str]], label: str) -> list[dict[str, str]]:
    """Return the rows of one month."""
    return [row for row in rows if row["month"] == label]


def lines_about(
    label: str, user: str, invoices: Iterable[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Return what invoices said of an organization's month."""
    for invoice in invoices:
        if invoice["kind"] == "usage":
            its = (line for line in invoice["lines"] if whose(line) == user)
            yield from (it for it in its if month_of(it, invoice) == label)


def instant(text: str) -> datetime:
    """Return an instant, however it is written."""
    return datetime.fromisoformat(text)


def table(name: str) -> list[dict[str, str]]:
    """Return the lines of a CSV file by the names of its columns."""
    with Path(name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def main(invoice_file: str, events_file: str, prices_file: str, *more: str) -> None:
    """Read the files, compare, and tell."""
    commitments = [row for name in more if name.endswith(".csv") for row in table(name)]
    others = [name for name in more if not name.endswith(".csv")]
    invoice, *earlier = (json.loads(Path(it).read_text("utf-8")) for it in (invoice_file, *others))
    events = table(events_file)
    with localcontext(prec=120):
        lines = compare(invoice, events, table(prices_file), commitments, earlier)
    requests = len({request_of(event) for event in events})
    print(
        f"{invoice['number']}: {lines} lines from {requests} requests, the same to the last digit"
    )
    print(f"  net {invoice['net']}, tax {invoice['tax']}, total {invoice['total']}")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except Differs as difference:
        sys.exit(f"DIFFERS: {difference}")
    except NotComparable as reason:
        sys.exit(f"NOT COMPARED: {reason}")
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        OSError,
        TypeError,
        ValueError,
    ) as problem:
        sys.exit(f"NOT COMPARED: a file is not what it should be ({problem!r})")

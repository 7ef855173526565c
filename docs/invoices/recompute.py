#!/usr/bin/env python3
"""Makes an invoice again from the requests and prices it was made of, and compares to the last digit.

    python recompute.py invoice.json events.csv prices.csv [earlier-invoice.json ...]

The files are what the API answers at /api/v1/organizations/{org}/invoices/{number} and, below it, at
/events.csv and /prices.csv. Where the invoice corrects earlier months, all invoices that told of those
months before are needed, too. Python's own library is enough; nothing of the portal is used. docs/billing.md
explains each step.
"""

import csv
import json
import sys
from collections import defaultdict
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path
from typing import Any, NamedTuple

DIGITS = {
    "BHD": 3, "CLP": 0, "IQD": 3, "ISK": 0, "JOD": 3, "JPY": 0, "KRW": 0, "KWD": 3,
    "LYD": 3, "OMR": 3, "PYG": 0, "RWF": 0, "TND": 3, "UGX": 0, "VND": 0, "XAF": 0, "XOF": 0,
}  # fmt: skip
ZERO = Decimal(0)


class Key(NamedTuple):
    """What a line of usage is about."""

    model: str
    part: str
    price_id: str


class Sums(NamedTuple):
    """What a line comes to."""

    quantity: Decimal
    exact: Decimal
    amount: Decimal

    def less(self, other: "Sums") -> "Sums":
        """Return what is left when the other is taken off."""
        return Sums(*(mine - its for mine, its in zip(self, other, strict=True)))


class Month(NamedTuple):
    """A month's usage by line, and what of it credit paid: exactly, and off the rounded lines."""

    usage: dict[Key, Sums]
    covered: Sums


NOTHING = Sums(ZERO, ZERO, ZERO)


class Differs(Exception):
    """Where the invoice is not what its usage comes to."""


class NotComparable(Exception):
    """Why this invoice cannot be made again here."""


def rounded(amount: Decimal, digits: int) -> Decimal:
    """Round half up to so many decimals."""
    return amount.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


def unit_amounts(prices: list[dict[str, str]]) -> dict[str, Decimal]:
    """Return the price of one token by the version's id; refuse shapes that need a period's total."""
    found = {}
    for price in prices:
        definition = json.loads(price["definition"])
        if definition["model"] != "per_unit":
            raise Differs(f"price {price['price_id']} is {definition['model']}, not per unit")
        found[price["price_id"]] = Decimal(definition["unit_amount"])
    return found


def rate(events: list[dict[str, str]], units: dict[str, Decimal], digits: int) -> Month:
    """Rate a month's requests: tokens by model, part and price, each line rounded once."""
    tokens: defaultdict[Key, Decimal] = defaultdict(Decimal)
    for event in events:
        tokens[Key(event["model"], event["part"], event["price_id"])] += Decimal(event["tokens"])
    usage = {}
    for key, quantity in tokens.items():
        exact = rounded(quantity * units[key.price_id], 12)
        usage[key] = Sums(quantity, exact, rounded(exact, digits))
    uncovered = sum((Decimal(event["uncovered"]) for event in events), ZERO)
    worth = sum((line.exact for line in usage.values()), ZERO)
    if worth <= uncovered:
        return Month(usage, NOTHING)
    asked = sum((line.amount for line in usage.values()), ZERO)
    due = min(rounded(uncovered, digits), asked)
    return Month(usage, Sums(ZERO, uncovered - worth, due - asked))


def told(lines: list[dict[str, Any]]) -> Month:
    """Return what lines of invoices say of one month."""
    usage: defaultdict[Key, Sums] = defaultdict(lambda: NOTHING)
    covered = NOTHING
    for line in lines:
        exact, amount = Decimal(line["exact_amount"]), Decimal(line["amount"])
        if line["kind"] == "usage":
            key = Key(line["offer_name"], line["part"], line["price_id"])
            before = usage[key]
            quantity = before.quantity + Decimal(line["quantity"])
            usage[key] = Sums(quantity, before.exact + exact, before.amount + amount)
        else:
            covered = Sums(ZERO, covered.exact + exact, covered.amount + amount)
    return Month(dict(usage), covered)


def correct(now: Month, before: Month) -> Month:
    """Return what a month comes to now, less what earlier invoices said of it."""
    usage = {
        key: line.less(before.usage.get(key, NOTHING))
        for key, line in now.usage.items()
        if line.quantity != before.usage.get(key, NOTHING).quantity
    }
    booked = [*before.usage.values(), before.covered]
    worth = sum((it.exact for it in [*now.usage.values(), now.covered]), ZERO)
    asked = sum((it.amount for it in [*now.usage.values(), now.covered]), ZERO)
    exact = worth - sum((it.exact for it in booked), ZERO)
    exact -= sum((line.exact for line in usage.values()), ZERO)
    due = max(asked - sum((it.amount for it in booked), ZERO), ZERO)
    return Month(usage, Sums(ZERO, exact, due - sum((it.amount for it in usage.values()), ZERO)))


def same(name: str, found: object, expected: object) -> None:
    """Stop unless both are the same."""
    if found != expected:
        raise Differs(f"{name}: the invoice says {found}, its usage comes to {expected}")


def month_of(line: dict[str, Any], invoice: dict[str, Any]) -> str:
    """Return the first instant of the month that a line belongs to."""
    start: str = line["corrects"] or invoice["period_start"]
    return start


def whose(line: dict[str, Any]) -> str:
    """Return the organization that used what a line tells of; empty where it is the invoice's own."""
    user: str = line.get("used_by") or ""
    return user


def compare_usage(
    user: str,
    invoice: dict[str, Any],
    events: list[dict[str, str]],
    units: dict[str, Decimal],
    earlier: list[dict[str, Any]],
) -> None:
    """Compare what an organization used, month by month."""
    digits = DIGITS.get(invoice["currency"], 2)
    lines = [line for line in invoice["lines"] if whose(line) == user]
    months: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    for event in events:
        months[event["month"]].append(event)
    starts = sorted({month_of(line, invoice) for line in lines}, key=instant)
    for start, label in zip(starts, sorted(months), strict=True):
        found = told([it for it in lines if month_of(it, invoice) == start])
        expected = rate(months[label], units, digits)
        if instant(start) != instant(invoice["period_start"]):
            before = [
                line
                for other in earlier
                for line in other["lines"]
                if whose(line) == user
                and other["kind"] == "usage"
                and instant(month_of(line, other)) == instant(start)
            ]
            expected = correct(expected, told(before))
        for key in {*found.usage, *expected.usage}:
            name = f"{label} {key.model} {key.part} {key.price_id}"
            same(name, found.usage.get(key), expected.usage.get(key))
        same(f"{label} covered by credit", found.covered, expected.covered)


def compare(
    invoice: dict[str, Any],
    events: list[dict[str, str]],
    prices: list[dict[str, str]],
    earlier: list[dict[str, Any]],
) -> int:
    """Compare every line and every total; return how many lines there are.

    Where the invoice is divided, the lines of all sections together are what was rated at once. Where
    it is for several organizations, each was rated by itself.
    """
    if not invoice["period_start"]:
        raise NotComparable(f"{invoice['number']} is of a purchase; no usage was made into it")
    digits, units = DIGITS.get(invoice["currency"], 2), unit_amounts(prices)
    for user in sorted({whose(line) for line in invoice["lines"]} | {""}):
        compare_usage(user, invoice, [it for it in events if it["used_by"] == user], units, earlier)
    net = sum((Decimal(line["amount"]) for line in invoice["lines"]), ZERO)
    same("net", Decimal(invoice["net"]), net)
    same("tax", Decimal(invoice["tax"]), rounded(net * Decimal(invoice["tax_rate"]), digits))
    same("total", Decimal(invoice["total"]), net + Decimal(invoice["tax"]))
    return len(invoice["lines"])


def instant(text: str) -> datetime:
    """Return an instant, however it is written."""
    return datetime.fromisoformat(text)


def table(name: str) -> list[dict[str, str]]:
    """Return the lines of a CSV file by the names of its columns."""
    with Path(name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def main(invoice_file: str, events_file: str, prices_file: str, *earlier_files: str) -> None:
    """Read the files, compare, and tell."""
    invoice, *earlier = (
        json.loads(Path(name).read_text("utf-8")) for name in (invoice_file, *earlier_files)
    )
    events = table(events_file)
    with localcontext(prec=60):
        lines = compare(invoice, events, table(prices_file), earlier)
    requests = len({(event["source"], event["request_id"]) for event in events})
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

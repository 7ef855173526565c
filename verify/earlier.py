"""Invoices that told before of months which this one corrects: unsigned, to be compared with papers."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from verify import invoice as invoices
from verify.files import Files
from verify.findings import Unproven, Word, need
from verify.invoice import instant, month_of, whose
from verify.months import Month, lines_of

Facts = dict[str, Any]


def is_part(invoice: Facts) -> bool:
    """Whether it is what an invoice to somebody else told of months that are to be read here."""
    return bool(invoice.get("is_part"))


def read(
    files: Files,
    asked: Facts,
    chain: Mapping[int, Facts],
    months: Mapping[str, Sequence[Month]],
) -> list[Facts]:
    """Return the earlier invoices, oldest first, once each is one and its sums hold."""
    found: list[Facts] = []
    for name in files.names():
        if not name.startswith("earlier-"):
            continue
        one = files.json(name)
        number, is_own = one["number"], one["organization_id"] == asked["organization_id"]
        need(
            (one["kind"], one["currency"], is_own) == ("usage", asked["currency"], not is_part(one))
            and instant(one["issued_at"]) < instant(asked["issued_at"]),
            f"{name} is no earlier invoice of the same organization",
        )
        need(
            name == f"earlier-{number}.json" and number not in {it["number"] for it in found},
            f"{name} is invoice {number}, or that is there twice",
        )
        if is_own:
            invoices.compare_totals(one)
        else:
            _check_part(one, months)
        seal = chain.get(one["seal_number"])
        need(
            seal is None or seal["hash"] == one["seal_hash"],
            f"invoice {number} names another seal {one['seal_number']} than that of the chain",
        )
        found.append(one)
    return sorted(found, key=_issued)


def _check_part(one: Facts, months: Mapping[str, Sequence[Month]]) -> None:
    """A part has only lines of months that are here; it has no sums of its own."""
    known = {(it.used_by, it.label) for its in months.values() for it in its if not it.elsewhere}
    for line in one["lines"]:
        need(
            bool(line["corrects"]) and (whose(line), month_of(line, one)) in known,
            f"earlier invoice {one['number']}, to somebody else, tells of a month that is not here",
        )


def told(
    before: Sequence[Facts], months: Mapping[str, Sequence[Month]], asked: Facts
) -> Iterator[str]:
    """Yield which earlier invoices there are, and where one is missed."""
    for it in before:
        if is_part(it):
            net = sum(Decimal(line["amount"]) for line in it["lines"])
            yield Word(
                f"earlier invoice {it['number']} was issued to organization {it['organization_id']}: "
                f"its lines of these months come to {net} {it['currency']}, seal {it['seal_number']} "
                f"{it['seal_hash']}: compare them with its paper"
            )
            continue
        yield Word(
            f"earlier invoice {it['number']}: net {it['net']}, total {it['total']} {it['currency']}, "
            f"seal {it['seal_number']} {it['seal_hash']}: compare it with its paper"
        )
    for month in (month for its in months.values() for month in its if month.is_told):
        is_told_before = bool(month.elsewhere) or any(any(lines_of(month, it)) for it in before)
        need(
            is_told_before == month.is_told_before,
            f"{month.name}: an earlier invoice that told of it is missing"
            if month.is_told_before
            else f"{month.name}: an earlier invoice told of it, though none is said to have",
        )
        lines = list(lines_of(month, asked))
        corrects = any(it["corrects"] for it in lines)
        need(
            not lines or corrects == all(it["corrects"] for it in lines),
            f"{month.name}: some lines correct it, and others do not",
        )
        if corrects and not is_told_before:
            yield Unproven(
                f"{month.name} is told of here for the first time, as the operator says: no earlier "
                "invoice is in the export. Compare it with those that you have"
            )
        if is_told_before and not corrects:
            need(not lines, f"{month.name}: is told of again, as if no earlier invoice had")
            yield Unproven(
                f"{month.name} has no line here: an earlier invoice has told of it. Compare it"
            )


def compared(
    before: Sequence[Facts],
    months: Mapping[str, Sequence[Month]],
    events: Sequence[invoices.Event],
    sealed_prices: Mapping[str, Facts],
    commitments: Sequence[dict[str, str]],
) -> Iterator[str]:
    """Yield where an earlier invoice is not what the receipts that were known then come to."""
    for place, one in enumerate(before):
        book = invoices.Book(prices(sealed_prices), one["currency"])
        known = [it for it in events if instant(it["recorded_at"]) <= _issued(one)]
        for month in (month for its in months.values() for month in its):
            is_committed = any(it["month"] == month.label for it in commitments)
            if month.elsewhere or not any(lines_of(month, one)):
                continue
            if is_committed:
                yield Word(f"what invoice {one['number']} told of {month.name} was not made again")
                continue
            about = month.used_by, month.label, one
            try:
                invoices.compare_month(*about, known, (), book, before[:place])
            except invoices.Differs as difference:
                yield Unproven(
                    f"earlier invoice {one['number']} is not what the receipts of then come to: "
                    f"{difference}"
                )


def prices(sealed: Mapping[str, Facts]) -> list[dict[str, str]]:
    """Return sealed prices as invoices are made again from them."""
    return [
        {
            "price_id": price["price_id"],
            "part": price["part"],
            "service_tier": price["service_tier"],
            "definition": json.dumps(price["definition"]),
        }
        for price in sealed.values()
    ]


def _issued(invoice: Facts) -> datetime:
    return instant(invoice["issued_at"])

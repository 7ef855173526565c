"""Corrections of a month that somebody else was invoiced for before: made of what came late alone.

What the others were invoiced for is theirs to read: their receipts are hashes here, and their invoices
only named. A price that asks the same for each token is compared all the same; of tiers, minimums and
credit an export cannot say what they come to, for that depends on what is not in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from verify import invoice as invoices
from verify.findings import Unproven, Word, need
from verify.invoice import instant
from verify.months import HOUR, Month

Facts = dict[str, Any]


def told(month: Month, chain: Mapping[int, Facts]) -> Iterator[str]:
    """Yield which invoices to others told of a month before, once their seals are those of the chain."""
    for it in month.elsewhere:
        seal = chain.get(it.seal_number or 0)
        need(
            seal is None
            or (seal["hash"] == it.seal_hash and instant(seal["hour"]) + HOUR <= it.issued),
            f"{month.name}: invoice {it.number}, to somebody else, names a seal that it cannot have",
        )
        yield Word(
            f"{month.name}: invoice {it.number} of {it.issued:%Y-%m-%d %H:%M:%S} UTC, to somebody else, "
            f"told of it before, as the operator says, seal {it.seal_number} {it.seal_hash}: let them "
            "compare it"
        )


def compare(
    month: Month,
    invoice: Facts,
    events: Sequence[invoices.Event],
    book: invoices.Book,
    earlier: Sequence[Facts],
) -> Iterator[str]:
    """Compare what the organization's invoices say of a month with what it was to pay of it."""
    about = month.label, month.used_by
    lines = list(invoices.lines_about(*about, [invoice, *earlier]))
    invoices.service_credits(lines)
    expected = book.rate(events)
    found = invoices.told(lines)
    named = {it["price_id"] for it in events}
    left: list[str] = []
    for key in {**found.charges, **expected}:
        name = " ".join([month.label, *map(str, filter(None, key[:-1]))]).replace(" usage", "")
        need(
            not key.price_id or key.price_id in named,
            f"{name}: no receipt that came late names that price",
        )
        if _depends(key, book):
            left.append(name)
        else:
            its, right = (of.get(key, invoices.NOTHING) for of in (found.charges, expected))
            _near(name, its, right, book.digits)
    if left or found.covered != invoices.NOTHING:
        amount = sum(
            (it.amount for key, it in found.charges.items() if _depends(key, book)),
            found.covered.amount,
        )
        yield Unproven(
            f"{month.name}: {amount} {invoice['currency']} in all ({', '.join([*left, 'credit'])}) was "
            "not made again: it depends on what others were invoiced for"
        )
    else:
        yield Word(
            f"{month.name}: each line was made again from what came late, to the last digit but one "
            "that rounding with what others were invoiced for can turn"
        )


def _depends(key: invoices.Key, book: invoices.Book) -> bool:
    """Whether a line depends on all that was used in the month."""
    return not key.price_id or not invoices.is_plain(book.prices[key.price_id])


def _near(name: str, found: invoices.Sums, expected: invoices.Sums, digits: int) -> None:
    """Stop unless a line is what it comes to; sums that are rounded apart differ by a last digit."""
    invoices.same(f"{name} quantity", found.quantity, expected.quantity)
    for its, right, places in (
        (found.exact, expected.exact, invoices.EXACT),
        (found.amount, expected.amount, digits),
    ):
        if abs(its - right) > Decimal(1).scaleb(-places):
            invoices.same(name, its, right)

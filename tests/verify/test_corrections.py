"""Corrections are checked with what was told before of their months, and by whom."""

import pytest

from tests.verify.exports import (
    ACME,
    BEFORE,
    GLOBEX,
    HOUR,
    ISSUED,
    NEW_YEAR,
    VOLUME,
    export_of,
    hidden,
    invoice,
    january,
    line,
    moment,
    price,
    sealed,
    used,
)

CORRECTS = "2026-01-01T00:00:00Z"
FEBRUARY = {"period_start": "2026-02-01T00:00:00Z", "period_end": "2026-03-01T00:00:00Z"}


def correction(chain, *earlier, **facts):
    """Return February's invoice, which corrects January by the last of its receipts."""
    months = [
        january(is_told_before=bool(earlier), **facts),
        january(label="2026-02", start=FEBRUARY["period_start"], end=FEBRUARY["period_end"]),
    ]
    left = {0: "3", 1: "1"}[len(earlier)]
    found = export_of(chain, line(left, corrects=CORRECTS), months=months, **FEBRUARY)
    found.earlier = list(earlier)
    return found


@pytest.fixture
def first(chain):
    """January's invoice, issued when two receipts were known."""
    issued = NEW_YEAR + 3 * HOUR
    return invoice(line("2"), seal=chain.at(issued - 2 * HOUR), issued=issued, number="T-1")


def test_a_correction_holds_with_what_it_corrects(check, chain, first):
    code, told = check(correction(chain, first))

    assert code == 0, told
    assert (
        f"NOT PROVEN: earlier invoice T-1: net 2, total 2.4 EUR, seal 6 {first['seal_hash']}"
        in told
    )


def test_a_month_is_not_corrected_without_its_invoice(check, chain, first):
    found = correction(chain, first)
    found.earlier = []
    found.invoice = invoice(line("3", corrects=CORRECTS), seal=chain.at(BEFORE), **FEBRUARY)

    code, told = check(found)

    assert code == 1
    assert "an earlier invoice that told of it is missing" in told


def test_a_month_that_was_never_invoiced_is_told(check, chain):
    code, told = check(correction(chain))

    assert code == 3, told
    assert (
        "NOT PROVEN: month 2026-01 of organization acme is told of here for the first time" in told
    )


def test_an_earlier_invoice_is_made_again(check, chain, first):
    less = invoice(line("1.5"), seal=None, issued=NEW_YEAR + 3 * HOUR, number="T-1")
    found = correction(chain, less)
    found.invoice = invoice(line("1.5", corrects=CORRECTS), seal=chain.at(BEFORE), **FEBRUARY)

    code, told = check(found)

    assert code == 3, told
    assert "NOT PROVEN: earlier invoice T-1 is not what the receipts of then come to" in told


@pytest.mark.parametrize(
    "facts",
    [{"net": "1"}, {"organization_id": GLOBEX}, {"currency": "USD"}, {"issued_at": "2027-01-01T00:00:00Z"},
     {"kind": "purchase"}, {"seal_hash": "ff"}],
)  # fmt: skip
def test_an_earlier_invoice_is_whole(check, chain, first, facts):
    code, _told = check(correction(chain, first | facts))

    assert code == 1


def test_a_month_that_a_later_invoice_told_of_has_no_lines(check, chain):
    issued = NEW_YEAR + 5 * HOUR
    later = invoice(
        line("3", corrects=CORRECTS), seal=None, issued=issued, number="T-1", **FEBRUARY
    )
    found = export_of(chain, months=[january(is_told_before=True)])
    found.earlier = [later]

    code, told = check(found)

    assert code == 3, told
    assert "has no line here: an earlier invoice has told of it" in told


def elsewhere(issued, **facts):
    """Return an invoice to somebody else that told of January when it was issued."""
    return {
        "number": "G-1", "since": None, "issued_at": moment(issued), "seal_number": None,
        "seal_hash": None,
    } | facts  # fmt: skip


@pytest.fixture
def joined():
    """Return Acme's invoice of February, with what came late of Globex' January.

    Globex was invoiced for its first two receipts itself: Acme gets their hashes alone.
    """

    def joined(*lines, prices=(), issued=NEW_YEAR + 3 * HOUR, is_shown=False, **facts):
        prices = list(prices) or [price()]
        chain = sealed(used(1, 2, 4, 8, organization=GLOBEX), prices, ISSUED + 3 * HOUR)
        told = [elsewhere(issued, **facts)]
        months = [
            january(GLOBEX, is_told_before=True, told_elsewhere=told),
            january(label="2026-02", start=FEBRUARY["period_start"], end=FEBRUARY["period_end"]),
        ]
        lines = [line(it, corrects=CORRECTS, used_by=GLOBEX) if isinstance(it, str) else it for it in lines]  # fmt: skip
        found = export_of(chain, *lines, organizations=(GLOBEX,), months=months, prices=prices, tax_rate="0", **FEBRUARY)  # fmt: skip
        if not is_shown:
            found.receipts[:2] = [hidden(it) for it in found.receipts[:2]]
        return found

    return joined


def test_what_came_late_of_a_month_that_others_paid_holds(check, joined):
    code, told = check(joined("1"))

    assert code == 0, told
    assert "NOT PROVEN: month 2026-01 of organization globex: invoice G-1 of 2026-01-01 03:00:00" in told  # fmt: skip
    assert "NOT PROVEN: 2 more belong to other months of others" in told
    assert "each line was made again from what came late" in told


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["3"], "quantity: the invoice says 3000"),
        ([line("1", exact_amount="1.1", corrects=CORRECTS, used_by=GLOBEX)], "the invoice says 1.1"),
        ([line("1", exact_amount="1", corrects=CORRECTS, used_by=GLOBEX)
          | {"amount": "1.02"}], "the invoice says 1.02"),
        ([line("1", quantity="2000", corrects=CORRECTS, used_by=GLOBEX)], "the invoice says 2000"),
        (["1", line("5", price_id="Q", corrects=CORRECTS, used_by=GLOBEX)],
         "no receipt that came late names that price"),
        (["1", line("5", kind="service_credit", price_id=None, corrects=CORRECTS, used_by=GLOBEX)],
         "credits take off"),
    ],
)  # fmt: skip
def test_no_more_is_asked_for_than_what_came_late(check, joined, lines, problem):
    code, told = check(joined(*lines))

    assert (code, problem in told) == (1, True), told


def test_sums_that_were_rounded_apart_differ_by_a_last_digit(check, joined):
    near = line("1", exact_amount="1.000000000001", corrects=CORRECTS, used_by=GLOBEX)
    near |= {"amount": "1.01"}

    assert check(joined(near))[0] == 0


def test_what_others_were_invoiced_for_is_not_invoiced_twice(check, joined):
    code, told = check(joined("3", is_shown=True))

    assert code == 1
    assert "receipt g1 (gateway) of hour 2026-01-01T01:00:00.000000Z" in told
    assert "was invoiced to somebody else, on ['G-1']" in told


def test_what_depends_on_others_receipts_is_not_proven(check, joined):
    prices = [price(definition=VOLUME)]
    cheaper = line("-1", unit_amount="0.001", tier=2, corrects=CORRECTS, used_by=GLOBEX)

    code, told = check(joined(cheaper, prices=prices))

    assert code == 3, told
    assert "month 2026-01 of organization globex: -1 EUR in all (2026-01 m input P" in told


def test_credit_that_depends_on_others_receipts_is_not_proven(check, joined):
    paid = line("9", kind="prepaid", price_id=None, part="", corrects=CORRECTS, used_by=GLOBEX)

    code, told = check(joined("1", paid))

    assert code == 3, told
    assert "month 2026-01 of organization globex: 9 EUR in all (credit) was not made again" in told


@pytest.mark.parametrize(
    "facts",
    [{"seal_number": 1, "seal_hash": "ff"}, {"issued_at": moment(ISSUED + HOUR)}],
)
def test_an_invoice_to_others_was_issued_before_and_beside_the_chain(check, joined, facts):
    code, told = check(joined("1", **facts))

    assert code == 1, told


def test_ones_own_month_was_not_invoiced_to_others_out_of_sight(check, chain):
    months = [january(told_elsewhere=[elsewhere(NEW_YEAR + 2 * HOUR)], is_told_before=True)]

    code, told = check(export_of(chain, line("2"), months=months))

    assert code == 1
    assert "cannot have been invoiced to somebody else before" in told


@pytest.fixture
def part(chain):
    """What Globex was asked for of Acme's January, when it paid for it."""
    issued = NEW_YEAR + 3 * HOUR
    whole = invoice(
        line("2", corrects=CORRECTS), seal=chain.at(issued - 2 * HOUR), issued=issued,
        number="T-1", organization_id=GLOBEX,
    )  # fmt: skip
    names = ("number", "kind", "currency", "organization_id", "issued_at", "seal_number", "seal_hash", "lines")  # fmt: skip
    return {name: whole[name] for name in names} | {"is_part": True}


def test_what_another_was_asked_for_of_ones_month_is_taken_off(check, chain, part):
    code, told = check(correction(chain, part))

    assert code == 0, told
    assert "NOT PROVEN: earlier invoice T-1 was issued to organization globex: its lines of" in told


@pytest.mark.parametrize(
    "facts",
    [{"is_part": False}, {"organization_id": ACME}, {"seal_hash": "ff"}, {"kind": "purchase"},
     {"lines": [line("2", corrects=CORRECTS, used_by="other")]},
     {"lines": [line("2", corrects=None)]}],
)  # fmt: skip
def test_a_part_is_what_it_says(check, chain, part, facts):
    code, _told = check(correction(chain, part | facts))

    assert code == 1

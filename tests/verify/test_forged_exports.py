"""An export whose seals are untouched is forged in all that is not sealed: the command names it."""

import json
from datetime import UTC, datetime

import pytest

from tests.verify import exports
from tests.verify.exports import (
    ACME,
    FIRST,
    GLOBEX,
    HOUR,
    ISSUED,
    MINUTES,
    NEW_YEAR,
    VOLUME,
    commitment,
    export_of,
    hidden,
    invoice,
    january,
    line,
    moment,
    price,
    receipt,
    sealed,
    used,
)

CORRECTS = "2026-01-01T00:00:00Z"
FEBRUARY = {"period_start": "2026-02-01T00:00:00Z", "period_end": "2026-03-01T00:00:00Z"}


def test_an_honest_export_holds(check, honest):
    code, told = check(honest)

    assert code == 0, told
    assert (
        "acme: 3 receipts; months of UTC: 2026-01 (2026-01-01 00:00 until 2026-02-01 00:00" in told
    )
    assert (
        "NOT PROVEN: that it was issued at 2026-01-01T06:30:00.000000Z and is taxed at 0.2" in told
    )
    assert "its last hours" not in told


def test_what_counts_towards_a_commitment_holds(check, group):
    code, told = check(group)

    assert code == 0, told
    assert "globex: 1 receipts" in told
    assert "compare them with C-1. Besides its own organization's usage that of globex" in told


def test_hours_are_there_once(check, honest):
    honest.hours += honest.hours
    honest.receipts += honest.receipts
    honest.invoice = invoice(line("6"), seal=None)

    code, told = check(honest)

    assert code == 1
    assert "is there twice, or not in its order" in told


def test_receipts_are_there_once(check, chain):
    twice = used(3)[0] | {"recorded_at": moment(NEW_YEAR + 4 * HOUR + MINUTES)}
    chain = sealed([*used(-4, 1, 2, 3), twice], [price()])

    code, told = check(export_of(chain, line("4")))

    assert (code, "receipt a3 (gateway)" in told) == (1, True)
    assert "is there twice" in told


def test_a_month_is_told_of_once(check, honest):
    honest.months *= 2
    honest.invoice = invoice(line("6"), seal=None)

    assert check(honest) == (1, "DIFFERS: month 2026-01 of organization acme: is told of twice\n")


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"start": "2025-12-01T00:00:00.000000Z"}, "is no calendar month of UTC"),
        ({"start": "2026-01-01T03:00:00.000000Z"}, "is no calendar month of UTC"),
        ({"end": "2026-03-01T00:00:00.000000Z"}, "is no calendar month of UTC"),
        ({"time_zone": "Europe/Paris"}, "is no calendar month of Europe/Paris"),
        ({"label": "2026-02"}, "is no calendar month of UTC"),
        (
            {
                "time_zone": "Europe/Paris",
                "start": "2025-12-31T23:00:00Z",
                "end": "2026-01-31T23:00:00Z",
            },
            "that is no month of its organization in the export",
        ),
        ({"is_told": False}, "that is no month of its organization in the export"),
    ],
)
def test_a_month_is_cut_where_its_calendar_cuts_it(check, honest, facts, problem):
    honest.months[0] |= facts

    code, told = check(honest)

    assert (code, problem in told) == (1, True), told


@pytest.mark.parametrize("facts", [{}, {"used_by": ""}, {"is_told": False}])
def test_nobody_elses_usage_is_invoiced(check, chain, facts):
    months = [january(), january(GLOBEX, **facts)]

    code, told = check(export_of(chain, line("4"), organizations=(ACME, GLOBEX), months=months))

    assert code == 1
    assert told.startswith("DIFFERS: month 2026-01 of organization globex: ")


def test_the_usage_is_that_of_the_invoiced_organization(check, chain):
    months = [january(GLOBEX, used_by="")]

    code, told = check(export_of(chain, line("1"), organizations=(GLOBEX,), months=months))

    assert code == 1
    assert "is counted as if it were of acme" in told


def test_lines_of_others_need_their_month(check, honest):
    honest.invoice = invoice(line("3"), line("1", used_by=GLOBEX), seal=None)

    code, told = check(honest)

    assert code == 1
    assert "a line tells of 2026-01 of globex: that month is not in the export" in told


def test_the_currency_is_the_one_that_was_sealed(check, honest):
    honest.invoice["currency"] = "USD"

    code, told = check(honest)

    assert code == 1
    assert "is in EUR, its price P in EUR, the invoice in USD" in told


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"currency": "USD"}, "is in EUR, its price P in USD, the invoice in EUR"),
        ({"part": "output"}, "names price P of output for input"),
    ],
)
def test_a_price_is_one_of_that_part_in_that_currency(check, facts, problem):
    chain = sealed(used(-4, 1, 2, 3), [price(**facts)])

    code, told = check(export_of(chain, line("3"), prices=[price(**facts)]))

    assert (code, problem in told) == (1, True)


def test_a_price_of_later_is_told(check):
    later = price(effective_from="2030-01-01T00:00:00.000000Z")
    chain = sealed(used(-4, 1, 2, 3), [later])

    code, told = check(export_of(chain, line("3"), prices=[later]))

    assert code == 0
    assert "NOT PROVEN: 3 receipts are of before the price they name took effect" in told


def test_no_receipt_of_ones_own_is_hidden(check, honest):
    honest.receipts[1] = hidden(honest.receipts[1])
    honest.invoice = invoice(line("2"), seal=None)

    code, told = check(honest)

    assert code == 1
    assert "is hidden: it is the invoice's own" in told


def test_hidden_receipts_of_others_are_counted(check, group):
    group.receipts[-1] = hidden(group.receipts[-1])
    group.invoice["lines"] = [line("3"), commitment("7")]
    group.invoice = invoice(*group.invoice["lines"], seal=group.seals[9])

    code, told = check(group)

    assert code == 0, told
    assert "NOT PROVEN: 1 more belong to other months of others, of organization globex" in told


def test_a_service_credit_takes_off(check, honest):
    credit = line("1", kind="service_credit", price_id=None, part="")
    honest.invoice = invoice(line("3"), credit, seal=honest.seals[9])

    code, told = check(honest)

    assert code == 1
    assert "service credit: the invoice asks for 1; credits take off" in told


def test_service_credits_are_told_and_no_more_than_their_month(check, honest):
    for amount, expected in (("-3", 0), ("-3.01", 1)):
        credit = line(amount, kind="service_credit", price_id=None, part="")
        honest.invoice = invoice(line("3"), credit, seal=honest.seals[9])

        code, told = check(honest)

        assert code == expected, told
    assert "2026-01 service credits: -3.01 is more than the month comes to" in told


def test_the_invoices_own_month_is_compared_without_lines(check, honest):
    honest.invoice = invoice(seal=honest.seals[9])

    code, told = check(honest)

    assert code == 1
    assert "2026-01 m input P: the invoice says None" in told


@pytest.mark.parametrize(
    ("facts", "code", "problem"),
    [
        ({"seal_number": None, "seal_hash": None}, 3, "NOT PROVEN: no seal is printed"),
        ({"seal_number": 0, "seal_hash": "ff"}, 1, "seal 0, printed on the invoice, is not in"),
        ({"seal_hash": "ff"}, 1, "printed on the invoice is ff"),
        ({"issued_at": "2026-01-01T03:01:00Z"}, 1, "ended after it was issued"),
    ],
)
def test_the_printed_seal_is_one_of_shortly_before(check, honest, facts, code, problem):
    honest.invoice |= facts

    found, told = check(honest)

    assert (found, problem in told) == (code, True), told


def test_an_old_seal_proves_little(check, honest):
    old = honest.seals[1]
    honest.invoice |= {"seal_number": 2, "seal_hash": old["hash"]}

    code, told = check(honest)

    assert code == 3
    assert "is of 8:30:00 before the invoice was issued: all seals since are" in told


def test_before_any_seal_there_was_none_to_print(check):
    chain = sealed(used(-4), [price()], ISSUED)
    honest = export_of(chain, months=[january(label="2025-12", start="2025-12-01T00:00:00Z",
                                              end="2026-01-01T00:00:00Z")])  # fmt: skip
    honest.hours[0]["is_before"], honest.receipts = False, chain.receipts
    honest.invoice = invoice(
        line("1"), seal=None, issued=FIRST + HOUR + MINUTES,
        period_start="2025-12-01T00:00:00Z", period_end="2026-01-01T00:00:00Z",
    )  # fmt: skip

    code, told = check(honest)

    assert code == 0, told
    assert "it was issued before there were any" in told


def test_a_missing_last_hour_is_seen_by_the_one_after(check, chain):
    prices = [price(definition=VOLUME)]
    chain = sealed(used(-4, 1, 2, 3, 8), prices, ISSUED + 3 * HOUR)
    dearer = line("4", unit_amount="0.002", tier=1, quantity="2000")
    export = export_of(chain, dearer, prices=prices)
    gone = export.hours.pop(3)
    export.receipts.pop()

    code, told = check(export)

    assert json.loads(gone["document"])["number"] == 4
    assert code == 1
    assert "hour before it, number 4, is missing" in told


def test_without_an_hour_after_the_last_may_be_missing(check, chain):
    chain = sealed(used(-4, 1, 2, 3), [price()])
    export = export_of(chain, line("2"))
    export.hours.pop()
    export.receipts.pop()

    code, told = check(export)

    assert code == 0
    assert "NOT PROVEN: no later hour of organization acme is sealed yet" in told


def test_an_hour_after_the_invoice_is_of_after_it(check, honest):
    honest.hours[3]["is_after"] = True

    code, told = check(honest)

    assert code == 1
    assert "its receipts are missing" in told


def test_a_members_hours_are_all_there(check, group):
    group.hours = [it for it in group.hours if GLOBEX not in it["document"] or it["is_after"]]
    group.receipts = [it for it in group.receipts if it["organization_id"] == ACME]
    group.invoice = invoice(line("3"), commitment("7"), seal=group.seals[9])

    code, told = check(group)

    assert code == 1
    assert "organization globex: the organization's hour before it, number 1, is missing" in told


def test_a_member_without_hours_is_told(check, group):
    group.hours = [it for it in group.hours if GLOBEX not in it["document"]]
    group.receipts = [it for it in group.receipts if it["organization_id"] == ACME]
    group.invoice = invoice(line("3"), commitment("7"), seal=group.seals[9])

    code, told = check(group)

    assert code == 0
    assert "globex: 0 receipts" in told
    assert "NOT PROVEN: no later hour of organization globex is sealed yet" in told


def test_who_else_counts_towards_a_commitment_is_told(check, group):
    group.months.pop()
    group.hours = [it for it in group.hours if GLOBEX not in it["document"]]
    group.receipts = [it for it in group.receipts if it["organization_id"] == ACME]
    group.invoice = invoice(line("3"), commitment("7"), seal=group.seals[9])

    code, told = check(group)

    assert code == 0
    assert "that of nobody else counts towards them: compare that, too" in told


def test_hours_without_numbers_prove_less(check):
    hours = [NEW_YEAR + it * HOUR for it in (-4, 1, 2, 3)]
    chain = sealed(used(-4, 1, 2, 3), [price()], old=hours)
    export = export_of(chain, line("3"))
    export.hours.pop(0)

    code, told = check(export)

    assert code == 3, told
    assert "NOT PROVEN: 3 hours are older than seals over prices: others like them" in told


@pytest.mark.parametrize("is_between", [True, False])
def test_an_hour_has_a_number_once_one_before_had(check, is_between):
    old = [NEW_YEAR + (2 if is_between else 3) * HOUR]
    chain = sealed(used(-4, 1, 2, 3), [price()], old=old)

    code, told = check(export_of(chain, line("3")))

    assert code == 1
    assert "has no number, though an hour before it has" in told


def test_a_price_that_no_receipt_names_is_not_needed(check):
    other = price(price_id="Q")
    chain = sealed(used(-4, 1, 2, 3), [price(), other])

    assert check(export_of(chain, line("3")))[0] == 0


def test_a_price_is_there_once(check, honest):
    honest.prices *= 2

    code, told = check(honest)

    assert code == 1
    assert "price P is there twice" in told


@pytest.mark.parametrize("kind", ["flat", "purchase"])
def test_what_is_no_invoice_of_usage_proves_nothing(check, kind):
    chain = sealed(used(-4, 8), [price()], ISSUED + 3 * HOUR)

    code, told = check(export_of(chain, line("1000"), kind=kind))

    assert (code, told) == (1, f"DIFFERS: the invoice is of {kind}, not of usage\n")


def test_all_hours_without_numbers_may_be_missing(check):
    old = [NEW_YEAR + it * HOUR for it in (1, 2)]
    chain = sealed(used(1, 2, 3, 8), [price()], ISSUED + 3 * HOUR, old=old)
    assert check(export_of(chain, line("3")))[0] == 3
    found = export_of(chain, line("1"))
    found.hours = [it for it in found.hours if json.loads(it["document"])["version"] == 2]
    found.receipts = chain.receipts_of(found.hours)

    code, told = check(found)

    assert code == 0
    assert "NOT PROVEN: the hours of organization acme are numbered from 2026-01-01T03" in told


def test_the_hour_in_which_the_month_begins_is_of_the_month(check, monkeypatch):
    monkeypatch.setattr(exports, "FIRST", FIRST - 3 * HOUR)
    start, end = (datetime(*it, 31, 18, 30, tzinfo=UTC) for it in ((2025, 12), (2026, 1)))
    hours = [receipt(f"a{it}", start + it * HOUR + MINUTES) for it in (0, 1, 2, 15)]
    prices = [price(definition=VOLUME)]
    chain = sealed(hours, prices, ISSUED + 3 * HOUR)
    month = january(time_zone="Asia/Kolkata", start=moment(start), end=moment(end))
    period = {"period_start": moment(start), "period_end": moment(end)}
    whole = export_of(
        chain, line("3", tier=2, quantity="3000"), months=[month], prices=prices, **period
    )
    dearer = line("4", unit_amount="0.002", tier=1, quantity="2000")
    part = export_of(chain, dearer, months=[month], prices=prices, **period)
    part.hours[0]["is_before"] = True
    part.receipts = chain.receipts_of(part.hours)

    assert check(whole)[0] == 0
    code, told = check(part)

    assert code == 1
    assert "hour 2025-12-31T18:00:00.000000Z of organization acme: its receipts are missing" in told


def test_what_a_fast_clock_put_into_the_hour_before_is_told(check):
    chain = sealed(used(-1, 1, 2, 3, 8), [price()], ISSUED + 3 * HOUR)
    found = export_of(chain, line("3"))
    found.hours[0]["is_before"] = True
    found.receipts = chain.receipts_of(found.hours)

    code, told = check(found)

    assert code == 0, told
    assert "NOT PROVEN: the receipts of hour 2025-12-31T23:00:00.000000Z of organization" in told

"""A month's statement of account: every movement, and balances that are the ledger's."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import override

from billing import account_statements, periods
from billing.account_statements import Account, Month, Row, Statement
from billing.models import CreditNote, IncomingPayment, Invoice
from billing.services import credit_notes, invoicing, receiving
from common.database import service
from common.money import Money
from tenants.scope import scope

JANUARY = periods.month(2026, 1, "UTC")
INSIDE = timedelta(days=9)


@pytest.fixture
def stated(acme):
    """Return Acme's statement of the running month."""

    def stated():
        with scope(acme):
            label = periods.containing(timezone.now(), acme.time_zone).label
            [found] = account_statements.month(acme, label).statements
        assert found.agrees
        return found

    return stated


def movements(account):
    return [(row.words, row.amount.amount) for row in account.rows]


async def test_documents_and_money_come_to_what_the_ledger_says(acme, price, use, stated):
    await use(price("0.000333333333"), 10_000, JANUARY.start + INSIDE)
    invoice = invoicing.finalize(acme, JANUARY)
    with service():
        note = credit_notes.issue(
            invoice,
            key="k",
            reason=CreditNote.Reason.DISPUTE,
            words="",
            by=None,
            amount=Decimal("1.00"),
        )
        receiving.receive(
            invoice,
            Decimal("2.00"),
            source=IncomingPayment.Source.MANUAL,
            key="p",
            by=None,
        )
    await use(price("0.001"), 500, timezone.now())

    found = stated()

    assert movements(found.owed) == [
        ("Invoice", Decimal("4.00")),
        ("Credit note", Decimal("-1.20")),
        ("Payment", Decimal("-2.00")),
    ]
    assert [row.invoice or row.credit_note for row in found.owed.rows] == [
        invoice.number,
        note.number,
        invoice.number,
    ]
    assert (found.owed.opening.amount, found.owed.closing.amount) == (0, Decimal("0.80"))
    assert found.uninvoiced.amount == Decimal("0.5")
    assert found.receivable.amount == Decimal("1.30")


async def test_an_invoice_without_tax_and_rounding_stands_on_it_too(acme, price, use, stated):
    await use(price("0.001"), 1000, JANUARY.start + INSIDE)
    invoicing.finalize(acme, JANUARY)
    with service():
        invoice = Invoice.objects.get()

    assert movements(stated().owed) == [("Invoice", invoice.total)]


async def test_credit_that_was_given_and_used_stands_apart(
    acme, price, use, give, take, conn, stated
):
    give("5")
    await use(price("0.001"), 2000, timezone.now(), leases=await take(conn, "2"))

    found = stated()

    assert movements(found.credit) == [
        ("Credit granted", Decimal(5)),
        ("Used in the month", Decimal(-2)),
    ]
    assert (found.credit.closing.amount, found.receivable.amount) == (3, 0)


async def test_a_month_opens_with_what_the_last_one_closed_with(acme, price, use, stated):
    await use(price("0.001"), 1000, JANUARY.start + INSIDE)
    invoicing.finalize(acme, JANUARY)
    this = periods.containing(timezone.now(), acme.time_zone)
    following = periods.containing(this.end, acme.time_zone)

    with scope(acme):
        [later] = [account_statements._statement(acme, following, "EUR")]

    assert later.owed.opening == stated().owed.closing
    assert later.owed.rows == []
    assert later.agrees


async def test_the_page_the_pdf_and_the_csv_say_the_same(acme, price, use, alice_client):
    await use(price("0.001"), 1000, JANUARY.start + INSIDE)
    invoice = invoicing.finalize(acme, JANUARY)
    label = periods.containing(timezone.now(), acme.time_zone).label
    address = f"/o/acme/billing/statements/{label}/"

    listed = alice_client.get("/o/acme/billing/statements/").content.decode()
    page = alice_client.get(address).content.decode()
    pdf = alice_client.get(f"{address}pdf/").content
    rows = list(csv.DictReader(io.StringIO(alice_client.get(f"{address}csv/").content.decode())))

    assert address in listed
    assert invoice.number in page
    assert "please tell us" not in page
    assert pdf.startswith(b"%PDF")
    assert [(row["what"], row["balance"]) for row in rows] == [
        ("opening", "0"),
        ("Invoice", "1.2"),
        ("opening", "0"),
        ("not invoiced yet", "0"),
        ("ledger", "1.2"),
    ]


@pytest.mark.parametrize("month", ["2026-13", "2999-01", "never"])
def test_there_is_no_statement_of_what_is_no_month(acme, alice_client, month):
    assert alice_client.get(f"/o/acme/billing/statements/{month}/").status_code == 404


def test_who_may_not_read_billing_sees_no_statement(acme, bob_client):
    assert bob_client.get("/o/acme/billing/statements/").status_code == 403


def test_days_are_those_of_the_customers_time_zone(acme):
    acme.time_zone = "Asia/Tokyo"
    nothing = Money(Decimal(0), "EUR")
    row = Row(datetime(2026, 11, 30, 20, tzinfo=UTC), "Payment", nothing)
    account = Account(nothing, [row])
    statement = Statement("EUR", account, nothing, nothing, Account(nothing, []))
    month = Month(acme, periods.month(2026, 12, acme.time_zone), True, [statement])  # noqa: FBT003

    page = render_to_string("billing/statement_body.html", {"month": month})

    assert ("1 Dec 2026" in page, "30 Nov 2026" in page) == (True, False)


async def test_what_was_used_stands_on_the_last_day_of_its_month(
    acme, price, use, give, take, conn
):
    give("5")
    await use(price("0.001"), 2000, timezone.now(), leases=await take(conn, "2"))
    ended = timezone.now()
    period = periods.Period("2026-01", ended - timedelta(days=1), ended)

    with scope(acme):
        statement = account_statements._statement(acme, period, "EUR")

    (used,) = [row for row in statement.credit.rows if row.words == "Used in the month"]
    assert used.at < ended


def test_every_word_of_a_statement_is_translated():
    with override("ar"):
        words = [str(it) for it in account_statements.WORDS.values()]

    assert [it for it in words if it.isascii()] == []

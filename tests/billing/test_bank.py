"""Bank statements: nothing lost, nothing twice; what no rule can match waits for a person."""

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connections
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from billing.bank import camt, csv_file
from billing.bank.lines import UnreadableStatement
from billing.models import BankLine, BankStatement, IncomingPayment, Invoice, ManualPayment
from billing.services import invoicing, receiving, statements
from common.database import service
from common.errors import Conflict, DomainError, Forbidden
from tenants.models import WebhookEvent

DESK = "/staff/bank/"
IBAN = "FR7630006000011234567890189"
CAMT = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>
<Acct><Id><IBAN>{iban}</IBAN></Id></Acct>{entries}</Stmt></BkToCstmrStmt></Document>"""
ENTRY = """<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd>
<Sts><Cd>{state}</Cd></Sts><BookgDt><Dt>2026-11-20</Dt></BookgDt>
<AcctSvcrRef>{id}</AcctSvcrRef><NtryDtls><TxDtls><RltdPties><Dbtr><Pty><Nm>ACME SAS</Nm></Pty>
</Dbtr></RltdPties><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"""


@pytest.fixture
def sam(person):
    return person("sam-of-accounts@operator.example", is_staff=True)


@pytest.fixture
def kim(person):
    return person("kim-of-accounts@operator.example", is_staff=True)


@pytest.fixture
def invoice(acme):
    """An open invoice over 120 euros, booked as invoices are."""

    def invoice(total="120", number="T-2026-000001", currency="EUR"):
        now = timezone.now()
        with service():
            issuer = invoicing.default_issuer()
            return Invoice.objects.create(
                organization=acme,
                issuer=issuer,
                kind=Invoice.Kind.USAGE,
                status=Invoice.Status.OPEN,
                number=number,
                period_start=now.replace(microsecond=len(number) * 1000 + int(number[-6:])),
                currency=currency,
                seller=issuer.snapshot("EUR"),
                buyer={"legal_name": "Acme", "address": "", "country": "FR", "vat_id": ""},
                net=Decimal(total),
                tax_rate=0,
                tax=0,
                total=Decimal(total),
                exact_net=Decimal(total),
                issued_at=now,
                due_at=now,
            )

    return invoice


def entry(**facts):
    usual = {"currency": "EUR", "amount": "120.00", "side": "CRDT", "state": "BOOK", "id": "B1"}
    return ENTRY.format(**(usual | {"text": "RF"} | facts))


def file_of(*entries):
    return CAMT.format(iban=IBAN, entries="".join(entries)).encode()


@pytest.fixture
def take(sam):
    """Import a file; answers its lines in order."""

    def take(data, name="november.xml"):
        with service():
            statements.import_file(data, name=name, by=sam)
            rows = BankLine.objects.select_related("payment")
            return list(rows.order_by("created_at", "position"))

    return take


def status(invoice):
    with service():
        return Invoice.objects.get(pk=invoice.pk).status


def test_a_transfer_with_the_reference_pays_its_invoice(invoice, take, books):
    open_one = invoice()

    (line,) = take(file_of(entry(text=f"Thank you {open_one.payment_reference}")))

    assert (line.state, line.payment.amount) == ("matched", 120)
    assert status(open_one) == "paid"
    assert books() == {"payments_clearing": 120, "receivable": -120}
    with service():
        assert WebhookEvent.objects.filter(type="invoice.paid").count() == 1


@pytest.mark.parametrize("text", ["T-2026-000001", "invoice t 2026 000001", "T/2026/000001"])
def test_a_transfer_that_names_the_number_pays_it_too(invoice, take, text):
    open_one = invoice()

    take(file_of(entry(text=text)))

    assert status(open_one) == "paid"


def test_a_part_leaves_the_invoice_open_until_the_rest_comes(invoice, take):
    open_one = invoice()
    text = open_one.payment_reference
    take(file_of(entry(text=text, amount="20.00")))
    assert status(open_one) == "open"

    take(file_of(entry(text=text, amount="100.00", id="B2")))

    assert status(open_one) == "paid"


def test_statements_that_overlap_pay_once(invoice, take):
    open_one = invoice()
    first = entry(text=open_one.payment_reference, amount="20.00")
    take(file_of(first))

    lines = take(file_of(first, entry(text="gift", id="B2")), name="again.xml")

    assert [line.state for line in lines] == ["matched", "waiting"]
    with service():
        assert IncomingPayment.objects.count() == 1


def test_a_movement_is_taken_once_however_its_account_is_typed(invoice, sam):
    open_one = invoice()
    movement = f"date;amount;text\n2026-11-20;60;{open_one.payment_reference}\n".encode()

    with service():
        statements.import_file(movement, name="a.csv", by=sam, account="FR76 3000 6000")
        again = movement + b"2026-11-21;1;something else\n"
        statements.import_file(again, name="b.csv", by=sam, account="fr7630006000")

    assert status(open_one) == "open"
    with service():
        assert [it.amount for it in IncomingPayment.objects.all()] == [60]


@pytest.mark.parametrize("day", ["0001-01-01", "1999-12-31", "2100-01-01", "9999-12-31"])
def test_a_movement_of_another_century_waits(invoice, take, day):
    open_one = invoice()
    text = open_one.payment_reference

    (line,) = take(f"date;amount;text\n{day};60;{text}\n".encode())
    (_line, same) = take(file_of(entry(text=text)).replace(b"2026-11-20", day.encode()))

    assert {(it.state, it.words) for it in (line, same)} == {("waiting", "its day cannot be read")}


@pytest.mark.parametrize(
    "amount", ["1e400", "1E3", "1_000", "NaN", "-1", "9" * 19, "0.0000000000001", "\u0661\u0662"]
)
def test_an_amount_that_no_bank_writes_waits(take, amount):
    (line,) = take(file_of(entry(amount=amount)))

    assert (line.state, line.words) == ("waiting", "its amount cannot be read")


def test_the_very_same_file_is_refused(invoice, take):
    take(file_of(entry()))

    with pytest.raises(Conflict):
        take(file_of(entry()))


def test_imports_at_once_pay_once(invoice, sam):
    open_one = invoice()
    data, gate = file_of(entry(text=open_one.payment_reference)), threading.Barrier(4)

    def work(number):
        gate.wait()
        try:
            with service():
                statements.import_file(data + b" " * number, name="x", by=sam)
        except (Conflict, IntegrityError):
            return
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        [each.result() for each in [pool.submit(work, n) for n in range(4)]]

    with service():
        assert IncomingPayment.objects.count() == BankLine.objects.count() == 1


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"text": "thanks"}, "names no open invoice"),
        ({"amount": "121.00"}, "more than the invoice"),
        ({"amount": "abc"}, "amount cannot be read"),
        ({"amount": "-5"}, "amount cannot be read"),
        ({"amount": "NaN"}, "amount cannot be read"),
        ({"amount": "١٢٠"}, "amount cannot be read"),
        ({"currency": "USD"}, "names no open invoice"),
        ({"state": "PDNG"}, "not booked"),
        ({"amount": "1.001"}, ""),
    ],
)
def test_what_does_not_fit_waits_for_a_person(invoice, take, facts, why):
    open_one = invoice()

    (line,) = take(file_of(entry(**({"text": open_one.payment_reference} | facts))))

    assert line.state == "waiting"
    assert why in line.words
    assert status(open_one) == "open"


def test_a_transfer_that_names_two_invoices_waits(invoice, take):
    both = invoice(), invoice(number="T-2026-000002")
    text = " ".join(it.payment_reference for it in both)

    (line,) = take(file_of(entry(text=text)))

    assert (line.state, "several" in line.words) == ("waiting", True)


def test_what_goes_out_is_kept_and_pays_nothing(invoice, take):
    invoice()

    (line,) = take(file_of(entry(side="DBIT")))

    assert (line.state, line.amount) == ("outgoing", -120)


def test_an_entry_of_many_transfers_is_read_one_by_one():
    one = '<TxDtls><Amt Ccy="EUR">{}</Amt><RmtInf><Ustrd>{}</Ustrd></RmtInf></TxDtls>'
    many = (
        '<Ntry><Amt Ccy="EUR">30</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>'
        "2026-11-20</Dt></BookgDt><AcctSvcrRef>B9</AcctSvcrRef><NtryDtls>"
        f"{one.format(10, 'a')}{one.format(20, 'b')}</NtryDtls></Ntry>"
    )

    lines = camt.read(file_of(many)).lines

    assert [(it.amount, it.text, it.bank_id) for it in lines] == [
        (10, "a", "B9#0"),
        (20, "b", "B9#1"),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<a/>",
        b"<a",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b"<Document><BkToCstmrStmt><Stmt/></BkToCstmrStmt></Document>",
        b"\xff\xfe",
        b"a;b\n1;2",
        b"date;amount\n2026-01-01;5",
    ],
)
def test_a_file_that_is_no_statement_is_refused_whole(take, db, data):
    with pytest.raises(DomainError) as refused:
        take(data)

    assert refused.value.field_errors["file"]
    with service():
        assert BankStatement.objects.count() == 0


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("1 234,56", "1234.56"),
        ("+120", "120"),
        ("-3.5", "-3.5"),
        ("", None),
        ("abc", None),
        ("1e5", None),
        ("NaN", None),
        ("١٢", None),
    ],
)
def test_amounts_of_a_csv(written, meant):
    data = f"Date;Amount;Text\n2026-11-20;{written};hello\n".encode()

    (line,) = csv_file.read(data, account="A", currency="EUR").lines

    assert line.amount == (Decimal(meant) if meant else None)
    assert bool(line.problem) == (meant is None)


def test_a_csv_pays_and_its_unreadable_lines_wait(invoice, take):
    open_one = invoice()
    data = (
        "Buchungstag;Betrag;Währung;Auftraggeber;Verwendungszweck\n"
        f"20.11.2026;120,00;EUR;Acme;{open_one.payment_reference}\n"
        "someday;12;EUR;X;y\n"
        "20.11.2026;7,00;EUR;Z;same\n"
        "20.11.2026;7,00;EUR;Z;same\n"
    ).encode()

    lines = take(data, name="x.csv")

    assert [line.state for line in lines] == ["matched", "waiting", "waiting", "waiting"]
    assert "someday" in lines[1].text
    assert status(open_one) == "paid"


@given(st.binary(max_size=300))
def test_no_file_makes_the_readers_fail(data):
    for read in (camt.read, lambda it: csv_file.read(it, account="A", currency="EUR")):
        try:
            read(data)
        except UnreadableStatement:
            continue


def test_a_person_assigns_or_settles_what_waits(invoice, take, staff_client):
    open_one = invoice()
    paying, other = take(file_of(entry(text="thanks"), entry(text="interest", id="B2")))

    staff_client.post(f"{DESK}lines/{paying.pk}/assign/", {"number": open_one.number})
    staff_client.post(f"{DESK}lines/{other.pk}/settle/", {"words": "Interest of our bank"})

    assert status(open_one) == "paid"
    with service():
        assert BankLine.objects.waiting().count() == 0
    assert staff_client.post(
        f"{DESK}lines/{paying.pk}/assign/", {"number": open_one.number}
    ).status_code in (302, 409)
    with service():
        assert IncomingPayment.objects.count() == 1


def test_what_is_paid_already_takes_no_other_payment_and_says_so(invoice, sam, staff_client):
    paid = invoice()
    with service():
        Invoice.objects.update(status=Invoice.Status.PAID)

    entered = staff_client.post(
        f"{DESK}payments/", {"number": paid.number, "amount": "120", "words": "cheque"}
    )

    why = f"Invoice {paid.number} asks for no payment: its state is “Paid”."
    assert (entered.status_code, why in entered.content.decode()) == (422, True)
    with pytest.raises(receiving.NotOpen), service():
        receiving.propose(paid, Decimal(1), words="x", by=sam)
    with service():
        assert not ManualPayment.objects.exists()


def test_a_payment_to_approve_reads_as_an_amount(invoice, sam, staff_client):
    with service():
        receiving.propose(invoice(), Decimal(24), words="cheque 12", by=sam)

    page = staff_client.get(DESK).content.decode()

    assert "24.00" in page
    assert "24.000" not in page.replace('value="24.000000000000"', "")


def test_the_desk_imports_and_shows(invoice, staff_client):
    open_one = invoice()
    data = file_of(entry(text=open_one.payment_reference), entry(text="who?", id="B2"))

    reply = staff_client.post(DESK, {"file": SimpleUploadedFile("a.xml", data)}, follow=True)

    assert "who?" in reply.content.decode()
    assert status(open_one) == "paid"
    broken = SimpleUploadedFile("a.xml", b"<a/>")
    assert staff_client.post(DESK, {"file": broken}).status_code == 422


def test_a_payment_that_staff_enters_needs_four_eyes(invoice, sam, kim, books):
    open_one = invoice()
    with service():
        proposed = receiving.propose(open_one, Decimal(120), words="cheque 12", by=sam)
    with pytest.raises(Forbidden), service():
        receiving.approve(proposed, by=sam)
    assert (status(open_one), books()) == ("open", {})

    with service():
        receiving.approve(proposed, by=kim)

    assert status(open_one) == "paid"
    with pytest.raises(Conflict), service():
        receiving.approve(proposed, by=kim)


def test_the_database_refuses_two_eyes(invoice, sam):
    open_one = invoice()
    with service():
        proposed = receiving.propose(open_one, Decimal(1), words="x", by=sam)

    with pytest.raises(IntegrityError), service():
        ManualPayment.objects.filter(pk=proposed.pk).update(status="approved", decided_by=sam)


def test_more_than_is_due_is_not_entered(invoice, sam):
    open_one = invoice()

    with pytest.raises(receiving.MoreThanDue), service():
        receiving.propose(open_one, Decimal(121), words="x", by=sam)


def test_the_database_refuses_more_than_is_due(invoice, acme):
    open_one = invoice()

    with pytest.raises(IntegrityError, match="beyond"), service():
        IncomingPayment.objects.create(
            organization=acme,
            invoice=open_one,
            source="bank",
            operation_key="x",
            amount=121,
            currency="EUR",
        )


def test_no_customer_sees_the_bank(alice_client, acme):
    assert alice_client.get(DESK).status_code == 404


@pytest.mark.parametrize("amount", ["-5", "12.345", "200.001"])
def test_a_person_assigns_no_money_that_cannot_be(invoice, take, sam, books, amount):
    open_one = invoice()
    (line,) = take(file_of(entry(text="hello")))
    with service():
        BankLine.objects.update(amount=Decimal(amount))

    with pytest.raises(Conflict), service():
        statements.assign(line, open_one, by=sam)

    assert (status(open_one), books()) == ("open", {})


def test_a_number_within_anothers_number_pays_nothing(invoice, take):
    # Of two legal entities, and the second transfer for the one that is paid.
    other, paid = invoice(), invoice(number="AT-2026-000001")
    with service():
        Invoice.objects.filter(pk=paid.pk).update(status="paid")

    lines = take(
        file_of(
            entry(text=f"invoice {paid.number}", id="B1"),
            entry(text=f"invoice {other.number}", id="B2"),
        )
    )

    assert [it.state for it in lines] == ["waiting", "matched"]

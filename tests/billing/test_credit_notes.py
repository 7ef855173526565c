"""Credit notes: never more than the invoice, whoever writes them and however many at once."""

import threading
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import Error, connections
from hypothesis import given
from hypothesis import strategies as st

from billing.crediting import Left, spread, tax_on
from billing.models import CreditNote, Invoice, InvoiceSequence
from billing.services import credit_notes
from common.database import service
from common.errors import Conflict, DomainError
from common.ids import uuid7
from tests.billing.paper import invoice_of

CORRECTION = CreditNote.Reason.CORRECTION


@pytest.fixture
def invoice(acme):
    """An open invoice of two lines: 10.00 and 5.01 before tax, 20 per cent."""
    return invoice_of(acme, "10.00", "5.01")


@pytest.fixture
def credit(invoice):
    """Take something back of the invoice."""

    def credit(amount=None, *, line=None, key="", reason=CORRECTION):
        with service():
            return credit_notes.issue(
                invoice,
                key=key or f"test:{uuid7()}",
                reason=reason,
                words="A mistake of ours",
                amount=amount and Decimal(amount),
                line=line and invoice.lines.get(position=line),
                by=None,
            )

    return credit


def parts(note):
    """Return what the note takes back of each line."""
    with service():
        return [(line.invoice_line.position, line.amount) for line in note.lines.all()]


def status(invoice):
    """Return where the invoice stands now."""
    with service():
        return Invoice.objects.get(pk=invoice.pk).status


def test_all_of_an_invoice_goes_back_with_its_tax(invoice, credit, books):
    note = credit()

    assert (note.net, note.tax, note.total) == (Decimal("15.01"), invoice.tax, invoice.total)
    assert parts(note) == [(1, Decimal("10.00")), (2, Decimal("5.01"))]
    assert note.number == f"TES-CN{note.issued_at.year}-000001"
    assert status(invoice) == "void"
    assert books() == {}


def test_a_part_is_spread_over_the_lines(credit, books):
    note = credit("3.00")

    assert parts(note) == [(1, Decimal("2.00")), (2, Decimal("1.00"))]
    assert (note.tax, note.total) == (Decimal("0.60"), Decimal("3.60"))
    assert books()["receivable"] == Decimal("18.01") - Decimal("3.60")


def test_one_line_goes_back(invoice, credit):
    note = credit(line=2)

    assert parts(note) == [(2, Decimal("5.01"))]
    assert status(invoice) == "open"


def test_what_is_taken_off_by_credit_is_not_given_back_twice(acme):
    with_credit = invoice_of(acme, "10.00", "-8.00")
    with service():
        note = credit_notes.issue(
            with_credit, key="k", reason=CORRECTION, words="", by=None, amount=Decimal(1)
        )

    assert parts(note) == [(1, Decimal("5.00")), (2, Decimal("-4.00"))]


def test_many_small_notes_give_back_the_tax_of_one(invoice, credit):
    notes = [credit("1.00") for _ in range(15)] + [credit()]

    assert sum(note.total for note in notes) == invoice.total
    assert sum(note.tax for note in notes) == invoice.tax


@pytest.mark.parametrize("amount", ["0", "-1", "15.02", "0.001"])
def test_what_cannot_go_back_is_refused_with_its_field(credit, amount):
    with pytest.raises(DomainError) as refusal:
        credit(Decimal(amount))

    assert set(refusal.value.field_errors) == {"amount"}
    with service():
        assert not CreditNote.objects.exists()


def test_more_than_a_line_is_refused(credit):
    credit("5.00", line=2)

    with pytest.raises(DomainError):
        credit("0.02", line=2)


def test_nothing_goes_back_twice(credit):
    credit()

    with pytest.raises(Conflict):
        credit()


def test_the_same_operation_gives_the_same_note(credit):
    assert credit("1.00", key="one") == credit("1.00", key="one")
    with service():
        assert CreditNote.objects.count() == 1
        assert InvoiceSequence.objects.get(series__startswith="CN").last_number == 1


def test_racing_credit_notes_never_exceed_the_invoice(invoice, credit):
    refused = []

    def race():
        try:
            credit("4.00")
        except DomainError as error:
            refused.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with service():
        notes = list(CreditNote.objects.order_by("number"))
    assert sum(note.net for note in notes) == Decimal("12.00")
    assert len(refused) == 5
    assert [note.number[-1] for note in notes] == ["1", "2", "3"]


def insert(invoice, net, tax):
    """Write a note behind the service's back, as PostgreSQL sees it."""
    now = datetime.now(UTC)
    facts = {"net": net, "tax": tax, "total": net + tax, "tax_rate": 0, "tax_category": "S"}
    return CreditNote.objects.create(
        organization=invoice.organization,
        invoice=invoice,
        issuer=invoice.issuer,
        operation_key=f"test:{uuid7()}",
        number=f"X-{uuid7()}",
        reason="correction",
        currency="EUR",
        seller={},
        buyer={},
        issued_at=now,
        **facts,
    )


def test_the_database_itself_refuses_more_than_the_invoice(invoice, credit):
    credit("15.00")

    with pytest.raises(Error, match="exceed invoice"), service():
        insert(invoice, Decimal("0.02"), Decimal(0))


def test_the_database_refuses_a_note_that_is_not_its_lines(invoice):
    with pytest.raises(Error, match="not the sum of its lines"), service():
        insert(invoice, Decimal("0.02"), Decimal(0))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE billing_creditnote SET total = total + 1, net = net + 1",
        "DELETE FROM billing_creditnote",
        "UPDATE billing_creditnoteline SET amount = 1",
        "TRUNCATE billing_creditnote CASCADE",
    ],
)
@pytest.mark.parametrize("alias", ["service", "owner", "default"])
def test_a_credit_note_never_changes(credit, alias, statement):
    credit("1.00")

    with pytest.raises(Error), connections[alias].cursor() as cursor:
        cursor.execute(statement)
    connections[alias].close()
    with service():
        assert CreditNote.objects.get().net == 1


CENTS = st.integers(-500, 2000).map(lambda cents: Decimal(cents) / 100)


@given(st.lists(CENTS, min_size=1, max_size=6), st.lists(st.integers(1, 100), max_size=5))
def test_any_pieces_close_every_line_and_the_tax_exactly(amounts, percents):
    left = [Left(at, amount) for at, amount in enumerate(amounts)]
    net = sum(amounts)
    tax = max(round(net * Decimal("0.2"), 2), Decimal(0))
    before, tax_left = Decimal(0), tax

    for percent in [*percents, 100]:
        piece = round((net - before) * percent / 100, 2)
        if not 0 < piece <= net - before:
            continue
        shares = spread(left, piece, "EUR")
        assert sum(share.amount for share in shares) == piece
        taken = {share.line: share.amount for share in shares}
        left = [Left(it.line, it.amount - taken.get(it.line, 0)) for it in left]
        assert all(it.amount * amounts[it.line] >= 0 for it in left)
        is_all = before + piece == net
        tax_left -= tax_on(
            piece, before=before, rate=Decimal("0.2"), left=tax_left, is_all=is_all, currency="EUR"
        )
        assert tax_left >= 0
        before += piece

    assert net <= 0 or (before, tax_left) == (net, 0)
    assert net <= 0 or not any(it.amount for it in left)

"""Electronic invoices: Factur-X and UBL from one dictionary, and the rules of EN 16931."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing.einvoice import facts, rules, xml
from billing.einvoice.sheets import failures
from billing.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from common.money import round_to_minor

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SELLER = {
    "legal_name": "Operator SA",
    "address": "1 rue du Port\n13002 Marseille",
    "country": "FR",
    "vat_id": "FR40303265045",
    "registration_id": "303265045",
    "email": "invoices@operator.example",
    "iban": "FR7630006000011234567890189",
    "bic": "AGRIFRPP",
}
BUYER = {
    "legal_name": "Ačme \x0bŞirket & Co <SARL>",
    "address": "",
    "line1": "2 avenue Habib",
    "city": "Tunis",
    "postal_code": "1000",
    "country": "FR",
    "vat_id": "FR83404833048",
}
ODD = {"AE": {"country": "DE", "vat_id": "DE136695976"}}


def paper(currency="EUR", category="S", rate="0.2", reason="", buyer=(), **facts_):
    """Return an invoice of three lines that nobody stored, and its lines."""
    lines = [
        InvoiceLine(
            position=position,
            kind=kind,
            description=f"Line {position}",
            quantity=Decimal(quantity),
            unit_amount=Decimal(unit),
            amount=round_to_minor(Decimal(amount), currency),
        )
        for position, (kind, quantity, unit, amount) in enumerate(
            [
                ("usage", "123456789", "0.0000005", "61.728"),
                ("usage", "-1000", "0.001", "-1"),
                ("prepaid", "1", "-10", "-10"),
            ],
            start=1,
        )
    ]
    net = sum(line.amount for line in lines)
    tax = round_to_minor(net * Decimal(rate), currency)
    invoice = Invoice(
        number="TES-2026-000001",
        status="open",
        currency=currency,
        net=net,
        tax=tax,
        total=net + tax,
        tax_rate=Decimal(rate),
        tax_category=category,
        tax_reason=reason,
        seller=SELLER,
        buyer=BUYER | dict(buyer),
        purchase_order="PO-17",
        buyer_reference="Service 4",
        issued_at=NOW,
        due_at=NOW,
        period_start=datetime(2026, 1, 31, 23, tzinfo=UTC),
        period_end=datetime(2026, 2, 28, 23, tzinfo=UTC),
        **facts_,
    )
    return invoice, lines


def broken(made):
    """Return the rules that a document breaks, looked at before if need be."""
    rules.look(made)
    return rules.broken(made)


CASES = [
    ("EUR", "S", "0.2", "", {}),
    ("JPY", "S", "0.1", "", {}),
    ("EUR", "AE", "0", "Reverse charge", {"country": "DE", "vat_id": "DE136695976"}),
    ("EUR", "E", "0", "Exempt from VAT", {}),
    ("EUR", "Z", "0", "", {}),
]


@pytest.mark.parametrize(("currency", "category", "rate", "reason", "buyer"), CASES)
def test_every_kind_of_invoice_keeps_the_rules(currency, category, rate, reason, buyer):
    made = facts.of_invoice(
        *paper(currency, category, rate, reason, buyer), time_zone="Europe/Paris"
    )

    assert broken(made) == []
    assert rules._form(made) in rules._looked_at


def test_the_rules_have_no_room_for_three_decimals():
    made = facts.of_invoice(*paper("TND", "S", "0.055"), time_zone="Europe/Paris")

    codes = {failure.code for failure in broken(made)}

    # So nothing in millimes is written as an electronic invoice: it would be cut short.
    assert {code for code in codes if code.startswith("BR-DEC-")}


def test_both_files_say_the_same():
    made = facts.of_invoice(*paper(), time_zone="Europe/Paris")

    for written in (xml.facturx(made).decode(), xml.ubl(made).decode()):
        for words in ("TES-2026-000001", "PO-17", "Service 4", "RF", "60.88", "50.73", "0.5"):
            assert words in written
        assert "Ačme  Şirket &amp; Co &lt;SARL&gt;" in written
    assert (made["BT-73"].isoformat(), made["BT-74"].isoformat()) == ("2026-02-01", "2026-02-28")


def test_a_credit_note_keeps_the_rules_and_names_its_invoice():
    invoice, _lines = paper()
    note = CreditNote(
        invoice=invoice,
        number="TES-CN2026-000001",
        currency="EUR",
        net=Decimal("5"),
        tax=Decimal("1"),
        total=Decimal("6"),
        tax_rate=Decimal("0.2"),
        tax_category="S",
        seller=SELLER,
        buyer=BUYER,
        words="A mistake of ours",
        issued_at=NOW,
    )
    taken = [
        CreditNoteLine(position=1, description="Line 1", amount=Decimal("6")),
        CreditNoteLine(position=2, description="Line 3", amount=Decimal("-1")),
    ]

    made = facts.of_credit_note(note, taken)

    assert broken(made) == []
    assert "<cbc:CreditNoteTypeCode>381<" in xml.ubl(made).decode()
    assert "TES-2026-000001" in xml.facturx(made).decode()


def test_a_wrong_sum_is_named_by_its_rule():
    invoice, lines = paper()
    invoice.total += 1
    made = facts.of_invoice(invoice, lines)

    assert [failure.code for failure in broken(made)] == ["BR-CO-15"]
    [found] = failures([{"ubl": xml.ubl(made)}])
    assert "BR-CO-15" in {failure.code for failure in found}


def test_reverse_charge_without_the_buyers_number_is_named():
    made = facts.of_invoice(*paper("EUR", "AE", "0", "Reverse charge", {"vat_id": ""}))

    found = broken(made)

    assert any(failure.code.startswith("BR-AE-") for failure in found)
    assert all(failure.words for failure in found)


def test_a_seller_without_any_number_is_named():
    invoice, lines = paper()
    invoice.seller = SELLER | {"vat_id": "", "registration_id": ""}

    codes = {failure.code for failure in broken(facts.of_invoice(invoice, lines))}

    assert "BR-S-02" in codes

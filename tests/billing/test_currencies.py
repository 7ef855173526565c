"""Currencies with no, two and three decimals, from the price to the payment, to the last digit."""

import io
import json
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from pypdf import PdfReader

from billing import periods, queries
from billing.models import (
    BankLine,
    Contract,
    Correction,
    CreditGrant,
    CreditNote,
    IncomingPayment,
    Invoice,
    Issuer,
    ManualPayment,
    Order,
    PurchaseOrder,
    Surplus,
    TopUpRule,
    VoucherCampaign,
)
from billing.payments.stripe.events import chargeable, to_minor
from billing.services import collecting, corrections, invoicing, orders, top_ups
from common.database import service
from common.errors import DomainError
from common.ids import uuid7
from common.money import Money, minor_digits
from marketplace.models import Bundle, Offer, Price, PriceBook
from tenants.models import Organization
from tenants.scope import scope
from tests.billing.terms import electronic, profile
from tests.billing.test_bank import entry, file_of
from tests.support.meters import catalogue, event, meter_key, report

__all__ = ["catalogue", "electronic", "meter_key", "profile", "report"]
IBAN = "FR7630006000011234567890189"
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
DESK = "/staff/customers/acme/"
API = "/api/v1/staff/customers/acme/"


@dataclass(frozen=True)
class Case:
    """What a thousand tokens in at ``unit`` and a hundred out at ``other`` come to."""

    currency: str
    unit: str
    other: str
    credit: str
    lines: tuple
    net: str
    tax: str
    total: str
    #: A bundle, what it costs with tax, and what a card is charged for it.
    bundle: tuple
    fine: str

    def __str__(self):
        return self.currency


def of_none(currency):
    lines = ("1235", "200", "-123")
    bundle = ("1001", "1201", "1201")
    facts = (currency, "1.23457", "2", "123", lines, "1312", "262", "1574", bundle, "0.1")
    return Case(*facts)


def of_three(currency):
    lines = ("12.346", "2.000", "-1.234")
    bundle = ("10.005", "12.006", "12.010")
    facts = (currency, "0.0123457", "0.02", "1.234", lines, "13.112", "2.622", "15.734", bundle)
    return Case(*facts, "0.0001")


EURO = Case(
    "EUR", "0.0123457", "0.02", "1.23", ("12.35", "2.00", "-1.23"), "13.12", "2.62", "15.74",
    ("10.01", "12.01", "12.01"), "0.001",
)  # fmt: skip
CASES = [of_none("JPY"), of_none("KRW"), EURO, *map(of_three, ("KWD", "BHD", "TND"))]
every_currency = pytest.mark.parametrize("case", CASES, ids=str)


@pytest.fixture
def acme(acme, staff_client, catalogue, electronic, profile):
    """Acme, whose seller writes electronic invoices with 20 % VAT, before it pays in anything."""
    profile()
    with service():
        Issuer.objects.update(vat_rate=Decimal("0.2"), iban=IBAN, words_language="")
    return acme


@pytest.fixture
def begin(acme, staff_client):
    """Let Acme pay in the currency, by a price book of its own, with a contract."""

    def begin(case):
        terms = {"tax_treatment": "automatic", "currency": case.currency}
        assert staff_client.post(f"{DESK}terms/", terms).status_code == 302
        acme.refresh_from_db(using="service")
        assert acme.currency == case.currency
        facts = {"name": "Own", "code": "own", "currency": case.currency, "audience": "customer"}
        staff_client.post("/staff/books/new/", {**facts, "organization": "acme"})
        with service():
            book, offer = PriceBook.objects.get(code="own"), Offer.objects.get(name="atlas-mini")
            for part, unit in (("input", case.unit), ("output", case.other)):
                Price.objects.create(
                    book=book,
                    offer=offer,
                    token_part=part,
                    definition={"model": "per_unit", "unit_amount": unit},
                    effective_from=LONG_AGO,
                )
        return offer

    return begin


def sign(staff_client, case):
    """Draft and sign a contract whose amounts use every decimal of the currency."""
    tomorrow = timezone.now().date() + timedelta(days=1)
    facts = {
        "number": "C-1", "starts_on": tomorrow.isoformat(), "time_zone": "UTC",
        "commitment": case.net, "overage": "credit_then_invoice", "credit_limit": case.total,
        "net_days": "30", "grace_days": "0", "late_days": "90", "tax_treatment": "automatic",
        "collection": "choice",
    }  # fmt: skip
    too_fine = staff_client.post(f"{DESK}contracts/new/", facts | {"commitment": case.fine})
    assert "commitment" in too_fine.context["form"].errors
    assert staff_client.post(f"{DESK}contracts/new/", facts).status_code == 302
    with service():
        contract = Contract.objects.get()
    assert (contract.currency, contract.commitment) == (case.currency, Decimal(case.net))
    shown = staff_client.get(f"{DESK}contracts/").content.decode()
    assert f'value="{Decimal(case.net):.12f}"' in shown


def order_with_them(staff_client, case):
    """Note a purchase order on the page and by the API."""
    today = timezone.now().date()
    facts = {"starts_on": today.isoformat()}
    facts["lapses_on"] = (today + timedelta(days=30)).isoformat()
    fine = staff_client.post(f"{DESK}orders/", facts | {"number": "P-0", "amount": case.fine})
    sent = staff_client.post(f"{DESK}orders/", facts | {"number": "P-1", "amount": case.total})
    by_api = staff_client.post(
        f"{API}purchase-orders",
        json.dumps(facts | {"number": "P-2", "amount": case.net}),
        content_type="application/json",
        headers={"Idempotency-Key": "p-2"},
    )
    assert (fine.status_code, sent.status_code, by_api.status_code) == (422, 302, 201)
    assert by_api.json()["amount"] == case.net.rstrip("0").rstrip(".") or case.net
    with service():
        amounts = set(PurchaseOrder.objects.values_list("amount", flat=True))
    assert amounts == {Decimal(case.total), Decimal(case.net)}


def give_credit(staff_client, case):
    """Give credit over the API, to the smallest unit and no finer."""

    def give(quantity):
        return staff_client.post(
            f"{API}credits",
            json.dumps({"unit": "money", "quantity": quantity, "reason": "Welcome"}),
            content_type="application/json",
            headers={"Idempotency-Key": f"credit-{quantity}"},
        )

    assert give(case.fine).json()["field_errors"].keys() == {"quantity"}
    assert give(case.credit).status_code == 201


def use(report, period):
    at = (period.end - timedelta(hours=1)).isoformat()
    answer = report(event("r1", time=at))
    assert answer.json()["events"][0]["status"] == "accepted", answer.json()


@every_currency
def test_usage_is_priced_credited_invoiced_credited_back_and_paid(
    acme, alice, begin, staff_client, colleague_client, alice_client, report, stripe, person, case
):
    begin(case)
    sign(staff_client, case)
    order_with_them(staff_client, case)
    give_credit(staff_client, case)
    period = last_month()
    use(report, period)

    invoice = invoicing.finalize(acme, period)

    assert amounts_of(invoice) == (case.lines, case.net, case.tax, case.total)
    assert_documents_agree(alice_client, invoice, case)
    smallest = Decimal(1).scaleb(-minor_digits(case.currency))
    taken_back = credit_back(invoice, smallest, person)
    pay_part_by_hand(staff_client, colleague_client, invoice, smallest)
    pay_rest_by_card(stripe, alice_client, acme, invoice)
    with service():
        invoice.refresh_from_db()
        paid = sum(IncomingPayment.objects.values_list("amount", flat=True))
    assert (invoice.status, paid) == ("paid", Decimal(case.total) - taken_back)


def last_month():
    return periods.before(periods.containing(timezone.now(), "UTC"), "UTC")


def amounts_of(invoice):
    digits = minor_digits(invoice.currency)
    with service():
        lines = list(invoice.lines.order_by("position").values_list("amount", flat=True))
    written = [f"{it:.{digits}f}" for it in (*lines, invoice.net, invoice.tax, invoice.total)]
    return tuple(written[:-3]), *written[-3:]


def assert_documents_agree(alice_client, invoice, case):
    """Page, PDF, CSV, workbook and electronic invoice say the same, or why there is none."""
    own = f"/o/acme/billing/invoices/{invoice.number}/"
    page = alice_client.get(own).content.decode()
    assert f'value="{Decimal(case.total):.12f}"' in page
    paper = alice_client.get(f"{own}pdf/").content
    words = " ".join(it.extract_text() for it in PdfReader(io.BytesIO(paper)).pages)
    assert case.total in words.replace("\N{NARROW NO-BREAK SPACE}", "")
    listed = alice_client.get("/o/acme/billing/invoices.csv").content.decode()
    assert f"{case.net},0.2,{case.tax},{case.total}" in listed
    lines = alice_client.get(f"{own}as/csv/").content.decode()
    assert all(f",{it},{case.currency}" in lines for it in case.lines)
    book = zipfile.ZipFile(io.BytesIO(alice_client.get(f"{own}as/xlsx/").content))
    cells = book.read("xl/worksheets/sheet2.xml").decode()
    assert f"<v>{Decimal(case.total).normalize():f}</v>" in cells
    assert_electronic_where_it_can_be(alice_client, own, page, case, paper)


def assert_electronic_where_it_can_be(alice_client, own, page, case, paper):
    """EN 16931 writes two decimals at most: what is finer is on paper, and the page says so."""
    ubl, attached = alice_client.get(f"{own}as/ubl/"), PdfReader(io.BytesIO(paper)).attachments
    can_be = minor_digits(case.currency) <= 2
    assert (ubl.status_code == 200, "factur-x.xml" in attached) == (can_be, can_be)
    assert ("have three decimals" in page) is not can_be
    assert (f">{case.total}</cbc:PayableAmount>" in ubl.content.decode()) is can_be


def credit_back(invoice, amount, person):
    """Take the smallest unit back under four eyes, and no smaller part of it."""
    sam, kim = (person(f"{it}-of-notes@operator.example", is_staff=True) for it in ("s", "k"))
    with service():
        facts = {"kind": Correction.Kind.CREDIT, "words": "One too many", "by": sam}
        with pytest.raises(DomainError):
            corrections.propose(invoice, amount=amount / 10, **facts)
        proposed = corrections.propose(invoice, amount=amount, **facts)
        corrections.approve(proposed, by=kim)
        note = CreditNote.objects.get()
    assert (note.net, note.currency) == (amount, invoice.currency)
    assert note.total == note.net + note.tax
    return note.total


def pay_part_by_hand(staff_client, colleague_client, invoice, amount):
    facts = {"number": invoice.number, "words": "Cash"}
    fine = staff_client.post("/staff/bank/payments/", facts | {"amount": f"{amount / 10:f}"})
    staff_client.post("/staff/bank/payments/", facts | {"amount": f"{amount:f}"})
    assert "amount" in fine.context["payment_form"].errors
    with service():
        entered = ManualPayment.objects.get()
    colleague_client.post(f"/staff/bank/payments/{entered.pk}/", {"decision": "approve"})
    with service():
        assert IncomingPayment.objects.get().amount == amount


def pay_rest_by_card(stripe, alice_client, acme, invoice):
    """Pay on the provider's page; what it takes beyond the rest is the customer's."""
    alice_client.post(f"/o/acme/billing/invoices/{invoice.number}/pay/")
    with service():
        attempt = invoice.charges.get()
    stripe.control(f"checkout/sessions/{attempt.session_id}/pay")
    assert alice_client.get(f"/o/acme/billing/invoices/{invoice.number}/pay/?returned=yes")
    collecting.sweep()
    orders.reconcile()
    with service():
        rest = sum(Surplus.objects.values_list("amount", flat=True))
        paid = IncomingPayment.objects.filter(source="provider").get().amount
    assert paid + rest == attempt.amount
    assert attempt.worth == chargeable(attempt.worth)
    assert rest < Decimal("0.01")


def on_sale(staff_client, case):
    """Put a bundle on sale in the currency, and none whose price is finer than that."""
    net = case.bundle[0]
    facts = {
        "name": "Purse", "slug": "purse", "currency": case.currency, "net_amount": net,
        "grant_unit": "money", "grant_quantity": net, "validity_days": "90",
    }  # fmt: skip
    fine = staff_client.post("/staff/bundles/new/", facts | {"net_amount": case.fine})
    assert "net_amount" in fine.context["form"].errors
    assert staff_client.post("/staff/bundles/new/", facts).status_code == 302
    with service():
        return Bundle.objects.get(slug="purse")


def live(acme):
    with scope(acme):
        return queries.balance(acme).live.amount


def buy(alice_client, way):
    facts = {"bundle": "purse", "operation_key": str(uuid7()), "way": way}
    alice_client.post("/o/acme/billing/checkout/", facts)
    with service():
        return Order.objects.order_by("-created_at").first()


@every_currency
def test_a_bundle_is_bought_by_transfer_by_card_and_by_itself(
    acme, alice, begin, staff_client, alice_client, stripe, save, case
):
    begin(case)
    on_sale(staff_client, case)
    net, total, charged = map(Decimal, case.bundle)

    by_transfer = buy(alice_client, "transfer")
    transfer(staff_client, by_transfer, case)
    assert (by_transfer.total, live(acme)) == (total, net)

    by_card = buy(alice_client, "page")
    stripe.control(f"checkout/sessions/{by_card.session_id}/pay")
    orders.reconcile()
    assert live(acme) == 2 * net
    session = stripe.client.v1.checkout.sessions.retrieve(by_card.session_id)
    assert session.amount_total == to_minor(Money(charged, case.currency))

    save()
    buy_when_low(alice_client, case)
    assert (top_ups.sweep(), live(acme)) == (1, 3 * net)
    with service():
        rests = list(Surplus.objects.values_list("amount", flat=True))
        assert Order.objects.filter(status="paid").count() == 3
        assert {it.total for it in Invoice.objects.filter(kind="purchase")} <= {total}
    assert rests == [charged - total] * (2 if charged > total else 0)


def transfer(staff_client, order, case):
    words = order.transfer_reference
    moved = entry(currency=case.currency, amount=case.bundle[1], text=words)
    file = SimpleUploadedFile("november.xml", file_of(moved), content_type="text/xml")
    assert staff_client.post("/staff/bank/", {"file": file}).status_code == 302
    with service():
        assert BankLine.objects.get().currency == case.currency
        order.refresh_from_db()
        assert order.status == "paid"


def buy_when_low(alice_client, case):
    """Set the rule on the page, with every decimal of the currency."""
    with service():
        bundle = Bundle.objects.get(slug="purse")
    most = f"{Decimal(case.bundle[1]) * 10:f}"
    facts = {"rule": "", "is_on": "on", "bundle": bundle.pk, "monthly_cap": most}
    page = "/o/acme/billing/automatic/"
    fine = alice_client.post(page, facts | {"below": case.fine})
    assert "below" in fine.context["form"].errors
    below = f"{Decimal(case.bundle[0]) * 3:f}"
    assert alice_client.post(page, facts | {"below": below}).status_code == 302
    with service():
        assert TopUpRule.objects.get().below == Decimal(below)


@every_currency
def test_what_people_type_is_as_fine_as_the_currency(acme, begin, staff_client, alice_client, case):
    begin(case)
    campaign = {
        "name": "Spring", "unit": "money", "currency": case.currency, "validity_days": "30",
        "last_day": (timezone.now().date() + timedelta(days=9)).isoformat(), "codes": "1",
        "uses": "1",
    }  # fmt: skip
    fine = staff_client.post("/staff/vouchers/new/", campaign | {"quantity": case.fine})
    issued = staff_client.post("/staff/vouchers/new/", campaign | {"quantity": case.credit})
    assert ("quantity" in fine.context["form"].errors, issued.status_code) == (True, 201)
    redeemed = alice_client.post("/o/acme/billing/redeem/", {"code": issued.context["codes"]})
    assert (redeemed.status_code, live(acme)) == (302, Decimal(case.credit))
    with service():
        assert VoucherCampaign.objects.get().currency == case.currency
        assert CreditGrant.objects.get().wallet.currency == case.currency

    budget = {"name": "All", "window": "month", "is_hard": "True", "of": ""}
    for amount, status in ((case.fine, 422), (case.credit, 302)):
        sent = alice_client.post("/o/acme/billing/budgets/new/", budget | {"amount": amount})
        assert sent.status_code == status


def test_a_currency_is_chosen_before_there_is_anything_in_it(acme, staff_client, give):
    def choose(code):
        return staff_client.put(
            f"{API}currency", json.dumps({"currency": code}), content_type="application/json"
        )

    assert choose("KWD").json() == {"currency": "KWD", "is_fixed": False}
    assert [choose(it).status_code for it in ("kwd", "KW", "", "K٣D")] == [400] * 4
    with service():
        give("1", organization=Organization.objects.get(pk=acme.pk))

    refused = choose("EUR")

    assert (refused.status_code, refused.json()["code"]) == (409, "currency_fixed")
    assert staff_client.get(f"{API}currency").json() == {"currency": "KWD", "is_fixed": True}
    terms = {"tax_treatment": "automatic", "currency": "EUR"}
    assert staff_client.post(f"{DESK}terms/", terms).status_code == 302
    acme.refresh_from_db(using="service")
    assert acme.currency == "KWD"


def test_nobody_else_chooses_it(acme, alice_client):
    facts = json.dumps({"currency": "KWD"})

    sent = alice_client.put(f"{API}currency", facts, content_type="application/json")

    assert sent.status_code in (403, 404)
    acme.refresh_from_db(using="service")
    assert acme.currency == "EUR"

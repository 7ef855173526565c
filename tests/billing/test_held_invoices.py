"""Invoices that break a rule or look wrong get no number until a person decides."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.utils import timezone

from billing import bounds, periods
from billing.einvoice import rules
from billing.models import Invoice, InvoiceHold, InvoiceSequence, Order
from billing.services import closing, holding, invoicing, late_usage, orders
from common.database import service
from common.errors import Conflict
from marketplace import demo
from marketplace.models import Bundle
from tests.billing.paper import invoice_of
from tests.billing.terms import electronic, profile
from tests.billing.test_invoicing import FEBRUARY, INSIDE, JANUARY, MARCH, lines

__all__ = ["electronic", "profile"]


@pytest.fixture
def sam(person):
    """One of the operator's staff."""
    return person("kim@operator.example", is_staff=True)


def only_hold():
    """Return the only held invoice."""
    with service():
        return InvoiceHold.objects.get()


def codes(hold):
    """Return what was found."""
    return [finding["code"] for finding in hold.findings]


def decide(decision, hold, **facts):
    """Decide about a held invoice as staff."""
    with service():
        decision(hold, **facts)


async def test_an_absurd_jump_waits_for_a_person_and_is_not_tried_again(acme, sam, price, use):
    invoice_of(acme, "1.00")
    await use(price("1"), 1100, FEBRUARY.start + INSIDE)

    assert invoicing.finalize(acme, FEBRUARY) is None
    assert invoicing.finalize(acme, FEBRUARY) is None
    assert codes(only_hold()) == ["jump"]
    decide(holding.release, only_hold(), by=sam, words="They trained a model")

    assert invoicing.finalize(acme, FEBRUARY).net == 1100


async def test_what_is_held_books_nothing_and_takes_no_number(acme, price, use, books):
    invoice_of(acme, "1.00")
    await use(price("1"), 1100, FEBRUARY.start + INSIDE)
    before = books()

    invoicing.finalize(acme, FEBRUARY)

    assert books() == before
    with service():
        assert InvoiceSequence.objects.get().last_number == 1


async def test_no_later_invoice_tells_of_a_month_that_is_held(acme, sam, price, use):
    one = price("1")
    invoice_of(acme, "1.00")
    await use(one, 1100, FEBRUARY.start + INSIDE)
    invoicing.finalize(acme, FEBRUARY)
    await use(one, 7, MARCH.start + INSIDE)

    march = invoicing.finalize(acme, MARCH)
    decide(holding.release, only_hold(), by=sam, words="True")
    invoicing.write_held()

    assert lines(march) == [("llama-8b · input", 7, 7)]
    with service():
        february = Invoice.objects.get(period_start=FEBRUARY.start)
    assert lines(february) == [("llama-8b · input", 1100, 1100)]


async def test_usage_reported_before_a_held_month_was_let_go_is_not_lost(
    acme, sam, price, use, monkeypatch
):
    monkeypatch.setattr(late_usage, "OVERLAP", timedelta(0))
    one = price("1")
    invoice_of(acme, "1.00")
    await use(one, 1100, FEBRUARY.start + INSIDE)
    invoicing.finalize(acme, FEBRUARY)
    await use(one, 7, MARCH.start + INSIDE)
    invoicing.finalize(acme, MARCH)
    await use(one, 5, MARCH.start + INSIDE)
    decide(holding.release, only_hold(), by=sam, words="True")

    april = invoicing.finalize(acme, periods.month(2026, 4, "UTC"))

    assert lines(april) == [("llama-8b · input · 2026-03", 5, 5)]


async def test_a_month_that_a_later_invoice_told_of_is_not_billed_again(acme, price, use):
    await use(price("0.0003"), 1000, JANUARY.start + INSIDE)
    march = invoicing.finalize(acme, MARCH)

    assert invoicing.finalize(acme, JANUARY) is None
    assert march.net == Decimal("0.30")


def test_the_same_usage_twice_is_found():
    class Line:
        kind, usage_key = "usage", ("a",)

    found = bounds.findings([Line(), Line()], net=Decimal(1), currency="EUR", before=[])

    assert [finding.code for finding in found] == ["billed_twice"]


@pytest.mark.parametrize(("currency", "net"), [("EUR", "1001"), ("TND", "1001"), ("JPY", "100001")])
def test_a_jump_begins_above_a_floor_of_the_currency(currency, net):
    def found(amount):
        return bounds.findings([], net=amount, currency=currency, before=[Decimal(1)])

    assert [finding.code for finding in found(Decimal(net))] == ["jump"]
    assert found(Decimal(net) - 1) == []


async def test_an_invoice_that_breaks_the_rules_waits_with_their_words(
    acme, profile, electronic, price, use
):
    profile(tax_treatment="reverse_charge")
    await use(price("0.01"), 1000, JANUARY.start + INSIDE)

    assert invoicing.finalize(acme, JANUARY) is None
    [first, *_more] = only_hold().findings
    assert first["code"].startswith("BR-AE-")
    assert first["words"]


async def test_what_was_put_right_goes_through_when_it_is_checked_again(
    acme, sam, profile, electronic, price, use
):
    profile(tax_treatment="reverse_charge")
    await use(price("0.01"), 1000, JANUARY.start + INSIDE)
    invoicing.finalize(acme, JANUARY)
    profile(vat_id="DE136695976", country="DE", vat_state="verified")

    decide(holding.check_again, only_hold(), by=sam)
    invoicing.write_held()

    with service():
        invoice = Invoice.objects.get()
    assert (invoice.tax_category, invoice.seller["is_electronic"]) == ("AE", True)


async def test_what_is_still_wrong_is_held_again(acme, sam, profile, electronic, price, use):
    profile(tax_treatment="reverse_charge")
    await use(price("0.01"), 1000, JANUARY.start + INSIDE)
    invoicing.finalize(acme, JANUARY)

    decide(holding.check_again, only_hold(), by=sam)
    invoicing.write_held()

    with service():
        assert InvoiceHold.objects.waiting().count() == 1
        assert not Invoice.objects.exists()


async def test_let_go_with_broken_rules_it_is_a_document_on_paper(
    acme, sam, profile, electronic, price, use
):
    profile(tax_treatment="reverse_charge")
    await use(price("0.01"), 1000, JANUARY.start + INSIDE)
    invoicing.finalize(acme, JANUARY)

    decide(holding.release, only_hold(), by=sam, words="A branch without a number")
    invoicing.write_held()

    with service():
        assert Invoice.objects.get().seller["is_electronic"] is False


def test_a_hold_is_decided_once(acme, sam):
    with service():
        hold = InvoiceHold.objects.create(
            organization=acme, period_start=JANUARY.start, period_end=JANUARY.end,
            findings=[], currency="EUR", total="1",
        )  # fmt: skip
    decide(holding.check_again, hold, by=sam)

    with pytest.raises(Conflict):
        decide(holding.release, hold, by=sam, words="Again")


async def test_two_finalizations_that_check_the_rules_give_one_number(
    acme, profile, electronic, price, use, monkeypatch
):
    monkeypatch.setattr(rules, "_looked_at", {})
    profile()
    await use(price("0.01"), 1000, JANUARY.start + INSIDE)
    made = []

    def finalize():
        made.append(invoicing.finalize(acme, JANUARY).number)
        connections.close_all()

    threads = [threading.Thread(target=finalize) for _each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)

    assert made == ["TES-2026-000001"] * 4


async def test_no_transaction_is_open_while_the_sheets_are_looked_at(
    acme, profile, electronic, price, use, monkeypatch
):
    monkeypatch.setattr(rules, "_looked_at", {})
    profile()
    await use(price("0.01"), 1000, JANUARY.start + INSIDE)
    seen = []
    look = rules.look

    def watched(facts):
        seen.append(connections["service"].in_atomic_block)
        look(facts)

    monkeypatch.setattr(rules, "look", watched)
    invoicing.finalize(acme, JANUARY)

    assert seen == [False]


async def test_a_worker_that_dies_before_the_commit_leaves_the_month_and_the_number(
    acme, profile, electronic, price, use, monkeypatch
):
    profile()
    await use(price("0.01"), 1000, JANUARY.start + INSIDE)
    with monkeypatch.context() as dying:
        dying.setattr(closing.parts_of_group, "keep", lambda _invoice, _parts: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            invoicing.finalize(acme, JANUARY)

    assert invoicing.finalize(acme, JANUARY).number == "TES-2026-000001"


@pytest.fixture
def buy(acme, alice):
    """Have Acme pay an order of a bundle."""
    demo.seed()

    def buy():
        with service():
            bundle = Bundle.objects.filter(currency="EUR", grant_unit="money").first()
            order = Order.objects.create(
                organization=acme,
                operation_key="one",
                bundle=bundle,
                placed_by=alice,
                status=Order.Status.PAID,
                paid_at=timezone.now(),
                **orders.terms(acme, bundle),
            )
            invoicing.invoice_purchase(order)
        return order

    return buy


def test_a_purchase_is_invoiced_electronically_by_a_worker(acme, profile, electronic, buy):
    profile(country="DE", vat_id="DE136695976", vat_state="verified")

    order = buy()

    with service():
        invoice = Invoice.objects.get()
    assert (invoice.order_id, invoice.tax_category, invoice.tax) == (order.pk, "AE", 0)
    assert (invoice.tax_reason, invoice.total) == ("Reverse charge", order.net)
    assert invoicing.invoice_orders() == 0


def test_a_purchase_whose_invoice_breaks_the_rules_waits_and_is_written_once_put_right(
    acme, sam, profile, electronic, buy, staff_client
):
    profile(tax_treatment="reverse_charge")
    order = buy()
    hold = only_hold()
    assert (hold.order_id, hold.period_start) == (order.pk, None)
    assert order.bundle_name in staff_client.get(f"/staff/holds/{hold.pk}/").content.decode()
    profile(vat_id="DE136695976", country="DE", vat_state="verified")

    staff_client.post(f"/staff/holds/{hold.pk}/check/")

    with service():
        assert Invoice.objects.get().order_id == order.pk


def test_the_desk_tells_why_in_plain_words_and_lets_it_go(acme, staff_client):
    with service():
        hold = InvoiceHold.objects.create(
            organization=acme, period_start=JANUARY.start, period_end=JANUARY.end,
            findings=[
                {"code": "jump", "words": "…"},
                {"code": "BR-S-02", "words": "[BR-S-02] An Invoice shall contain"},
                {"code": "BR-99", "words": "A rule of its own"},
            ],
            currency="EUR", total="5000",
        )  # fmt: skip
    assert f"/staff/holds/{hold.pk}/" in staff_client.get("/staff/corrections/").content.decode()
    page = f"/staff/holds/{hold.pk}/"
    shown = staff_client.get(page).content.decode()
    for words in ("ten times", "no VAT number", "An Invoice shall contain", "A rule of its own"):
        assert words in shown

    assert staff_client.post(page, {"words": ""}).status_code == 422
    staff_client.post(page, {"words": "They trained a model"})

    assert only_hold().status == "released"
    assert "They trained a model" in staff_client.get(page).content.decode()


def test_customers_see_nothing_of_what_is_held(acme, alice_client):
    with service():
        hold = InvoiceHold.objects.create(
            organization=acme, period_start=JANUARY.start, period_end=JANUARY.end,
            findings=[], currency="EUR", total="1",
        )  # fmt: skip

    assert alice_client.get(f"/staff/holds/{hold.pk}/").status_code == 404
    assert alice_client.post(f"/staff/holds/{hold.pk}/check/").status_code == 404

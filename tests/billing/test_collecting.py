"""Invoices charged to a saved method: one attempt at a time, one charge, whoever dies when."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.core import mail
from django.db import IntegrityError, connections
from django.db.models import F
from django.utils import timezone

from billing.models import Dispute, IncomingPayment, Invoice, InvoiceCharge, Surplus
from billing.services import charges, collecting, dunning, methods, orders, receiving
from common.database import service
from common.errors import Conflict
from common.ids import uuid7
from tenants.models import AuditEntry, WebhookEvent
from tenants.services import organizations


@pytest.fixture
def automatic(acme, alice):
    """Let Acme's invoices be charged."""

    def automatic(*, is_automatic=True):
        with service():
            collecting.choose(acme, is_automatic=is_automatic, by=alice)

    return automatic


def attempts():
    with service():
        return list(InvoiceCharge.objects.order_by("created_at"))


def states():
    return [it.status for it in attempts()]


def status(invoice):
    with service():
        return Invoice.objects.get(pk=invoice.pk).status


def pass_time(**span):
    """Let what was written be so much older."""
    span = timedelta(**span)
    with service():
        InvoiceCharge.objects.update(
            created_at=F("created_at") - span, ended_at=F("ended_at") - span
        )


def transfer(invoice, amount):
    """Let the money come by bank meanwhile."""
    with service():
        receiving.receive(
            invoice, Decimal(amount), source=IncomingPayment.Source.BANK, key="bank:1", by=None
        )


def together(work, times=5):
    """Do it so many times at once."""
    gate = threading.Barrier(times)

    def one():
        gate.wait()
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(times) as pool:
        return [each.result() for each in [pool.submit(one) for _ in range(times)]]


def test_an_open_invoice_is_charged_once(stripe, save, automatic, bill, books):
    save()
    automatic()
    invoice = bill()

    paid = [collecting.sweep() for _ in range(3)]

    assert paid == [1, 0, 0]
    assert (states(), status(invoice)) == (["paid"], "paid")
    assert books() == {"payments_clearing": 120, "receivable": -120}
    (intent,) = stripe.client.v1.payment_intents.list().data
    assert (intent.amount, intent.description) == (12000, invoice.number)
    with service():
        told = WebhookEvent.objects.values_list("type", flat=True)
        assert sorted(told) == ["invoice.paid", "payment.succeeded"]


def test_who_chose_nothing_is_charged_nothing(save, bill):
    save()
    bill()

    assert collecting.sweep() == 0
    assert states() == []


def test_without_a_method_it_cannot_be_chosen(acme, alice):
    with pytest.raises(Conflict, match="payment method first"), service():
        collecting.choose(acme, is_automatic=True, by=alice)


@pytest.mark.parametrize(
    ("collection", "chosen", "paid"),
    [("automatic", False, 1), ("transfer", True, 0), ("choice", True, 1), ("choice", False, 0)],
)
def test_the_contract_comes_before_the_choice(
    save, automatic, bill, held, collection, chosen, paid
):
    save()
    automatic(is_automatic=chosen)
    held(collection=collection)
    bill()

    assert collecting.sweep() == paid


def test_sweeps_at_once_charge_once(stripe, save, automatic, bill, books):
    save()
    automatic()
    bill()

    together(collecting.sweep)

    assert states() == ["paid"]
    assert len(stripe.client.v1.payment_intents.list().data) == 1
    assert books() == {"payments_clearing": 120, "receivable": -120}


def test_the_database_allows_one_attempt_in_flight(bill):
    invoice = bill()
    place = partial(charges.place, invoice, Decimal(120), method_id="pm_1")
    with service():
        place()

    with pytest.raises(IntegrityError, match="one_charge_of_an_invoice_in_flight"), service():
        place()


def test_a_worker_that_died_before_charging_is_made_up_for_once(stripe, save, automatic, bill):
    save()
    automatic()
    invoice = bill()
    placed = collecting._place(invoice.pk, timezone.now())

    assert collecting.sweep() == 0
    pass_time(minutes=2)
    assert [collecting.sweep(), collecting.sweep()] == [1, 0]
    assert [it.pk for it in attempts()] == [placed.pk]
    assert len(stripe.client.v1.payment_intents.list().data) == 1


def test_a_worker_that_died_after_charging_charges_no_second_time(
    stripe, save, automatic, bill, books
):
    save()
    automatic()
    placed = collecting._place(bill().pk, timezone.now())
    methods.charge(
        placed.organization_id,
        placed.pk,
        amount=placed.worth,
        description="T-2026-000001",
        method_id=placed.method_id,
    )
    pass_time(minutes=2)

    collecting.sweep()
    orders.reconcile()

    assert states() == ["paid"]
    assert len(stripe.client.v1.payment_intents.list().data) == 1
    assert books() == {"payments_clearing": 120, "receivable": -120}


def test_what_was_lost_for_a_day_is_not_charged_any_more(stripe, save, automatic, bill):
    save()
    automatic()
    collecting._place(bill().pk, timezone.now())
    automatic(is_automatic=False)

    pass_time(hours=24)

    assert (collecting.sweep(), states()) == (0, ["expired"])
    assert stripe.client.v1.payment_intents.list().data == []


def test_a_decline_rests_longer_each_time_and_then_for_good(save, automatic, bill):
    save("pm_card_chargeCustomerFail")
    automatic()
    bill()
    collecting.sweep()
    assert collecting.sweep() == 0
    assert states() == ["failed"]

    for days in (0.05, 1.1, 3.1, 5.1, 30, 300):
        pass_time(days=days)
        collecting.sweep()
        collecting.sweep()

    assert states() == ["failed"] * 5
    assert attempts()[0].failure == "generic_decline"
    assert "could not be charged" in mail.outbox[0].subject
    assert "generic_decline" in mail.outbox[0].body


def test_another_method_is_charged_an_hour_later(save, automatic, bill):
    save("pm_card_chargeCustomerFail")
    automatic()
    invoice = bill()
    collecting.sweep()
    save()

    assert collecting.sweep() == 0
    pass_time(minutes=61)
    assert collecting.sweep() == 1
    assert (states(), status(invoice)) == (["failed", "paid"], "paid")


def test_a_declined_invoice_goes_on_to_dunning(save, automatic, bill):
    save("pm_card_chargeCustomerFail")
    automatic()
    invoice = bill(overdue=30)
    collecting.sweep()

    dunning.sweep()

    with service():
        acts = [step.act for step in invoice.dunning_steps.order_by("position")]
    assert acts == ["mail", "mail", "restrict", "suspend"]


def test_a_disputed_invoice_is_not_charged(acme, alice, save, automatic, bill):
    save()
    automatic()
    invoice = bill()
    with service():
        Dispute.objects.create(organization=acme, invoice=invoice, reason="no", opened_by=alice)

    assert collecting.sweep() == 0
    assert states() == []


@pytest.mark.parametrize("before", ["refused", "withdrawn"])
def test_an_objection_made_again_in_vain_puts_no_charge_off(
    acme, alice, save, automatic, bill, before
):
    save()
    automatic()
    invoice = bill()
    with service():
        for status in (before, "open"):
            Dispute.objects.create(
                organization=acme, invoice=invoice, reason="no", opened_by=alice, status=status
            )

    assert collecting.sweep() == 1


def test_only_what_is_still_asked_for_is_charged(stripe, save, automatic, bill):
    save()
    automatic()
    transfer(bill(), "100")

    collecting.sweep()

    (intent,) = stripe.client.v1.payment_intents.list().data
    assert intent.amount == 2000


def test_a_bank_that_asks_for_the_payer_is_answered_on_a_page(
    stripe, alice_client, save, automatic, bill
):
    save("pm_card_authenticationRequired")
    automatic()
    invoice = bill()
    collecting.sweep()
    collecting.sweep()
    orders.reconcile()
    (attempt,) = attempts()
    assert (attempt.status, attempt.failure) == ("pending", "authentication_required")
    link = f"/o/acme/billing/invoices/{invoice.number}/pay/"
    assert link in mail.outbox[0].body

    page, again = alice_client.get(link), alice_client.get(link)

    assert page["Location"] == again["Location"]
    (attempt,) = attempts()
    stripe.control(f"checkout/sessions/{attempt.session_id}/pay")
    back = alice_client.get(f"{link}?returned=yes")
    assert back["Location"] == f"/o/acme/billing/invoices/{invoice.number}/"
    assert (states(), status(invoice)) == (["paid"], "paid")


def test_an_unanswered_bank_gives_up_after_a_day(save, automatic, bill):
    save("pm_card_authenticationRequired")
    automatic()
    bill()
    collecting.sweep()

    pass_time(hours=25)
    collecting.sweep()

    # It counts as a decline: nothing is charged before it has rested.
    assert states() == ["expired"]


def test_a_debit_arrives_days_later(stripe, save, automatic, bill):
    save("pm_sepaDebit")
    automatic()
    invoice = bill()

    assert collecting.sweep() == 0
    (attempt,) = attempts()
    pass_time(days=3)
    assert (attempt.status, collecting.sweep(), states()) == ("pending", 0, ["pending"])
    stripe.control(f"payment_intents/{attempt.payment_reference}/settle", outcome="succeeded")
    orders.reconcile()

    assert (states(), status(invoice)) == (["paid"], "paid")


def test_a_debit_that_bounces_leaves_the_invoice_open(stripe, save, automatic, bill, books):
    save("pm_sepaDebit")
    automatic()
    invoice = bill()
    collecting.sweep()
    (attempt,) = attempts()

    stripe.control(f"payment_intents/{attempt.payment_reference}/settle", outcome="failed")
    orders.reconcile()
    orders.reconcile()

    assert (states(), status(invoice)) == (["failed"], "open")
    assert books() == {}
    assert collecting.sweep() == 0


def test_money_that_comes_after_the_transfer_is_kept_for_the_customer(
    stripe, save, automatic, bill, books
):
    save("pm_sepaDebit")
    automatic()
    invoice = bill()
    collecting.sweep()
    (attempt,) = attempts()
    transfer(invoice, "120")

    stripe.control(f"payment_intents/{attempt.payment_reference}/settle", outcome="succeeded")
    orders.reconcile()
    orders.reconcile()

    with service():
        surplus = Surplus.objects.get()
    assert (surplus.left, surplus.payment_reference) == (120, attempt.payment_reference)
    assert books() == {"payments_clearing": 240, "receivable": -240}


def test_money_that_comes_after_it_was_given_up_still_pays(stripe, save, automatic, bill):
    save("pm_sepaDebit")
    automatic()
    invoice = bill()
    collecting.sweep()
    (attempt,) = attempts()
    with service():
        InvoiceCharge.objects.update(status="expired", ended_at=timezone.now())

    stripe.control(f"payment_intents/{attempt.payment_reference}/settle", outcome="succeeded")
    orders.reconcile()

    assert (states(), status(invoice)) == (["paid"], "paid")


def test_while_stripe_is_away_nothing_is_lost(stripe, save, automatic, bill, settings):
    save()
    automatic()
    bill()
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    assert collecting.sweep() == 0
    settings.STRIPE_API_BASE = stripe.url

    pass_time(minutes=2)
    assert (collecting.sweep(), states()) == (1, ["paid"])


def test_whoever_may_pays_an_open_invoice_on_the_page(stripe, alice_client, bill):
    invoice = bill()
    link = f"/o/acme/billing/invoices/{invoice.number}/pay/"

    first, second = alice_client.post(link), alice_client.post(link)

    assert first["Location"] == second["Location"]
    (attempt,) = attempts()
    stripe.control(f"checkout/sessions/{attempt.session_id}/pay")
    orders.reconcile()
    assert (states(), status(invoice)) == (["paid"], "paid")


def test_clicks_at_once_open_one_page(stripe, acme, alice, bill):
    invoice = bill()

    pages = together(lambda: charges.open_page(invoice, by=alice))

    assert len(set(pages)) == 1
    assert states() == ["pending"]


def test_an_invoice_is_not_paid_on_a_page_while_the_method_is_charged(
    alice_client, save, automatic, bill
):
    save("pm_sepaDebit")
    automatic()
    invoice = bill()
    collecting.sweep()
    link = f"/o/acme/billing/invoices/{invoice.number}/pay/"

    assert "being charged" in alice_client.post(link, follow=True).content.decode()
    assert states() == ["pending"]


def test_a_developer_neither_chooses_nor_pays(bob_client, bill):
    invoice = bill()

    assert bob_client.post(f"/o/acme/billing/invoices/{invoice.number}/pay/").status_code == 403
    assert bob_client.post("/o/acme/billing/automatic/", {"paying": "yes"}).status_code == 403


def test_the_page_switches_it_on_and_off(alice_client, save, acme):
    save()
    page = "/o/acme/billing/automatic/"

    assert alice_client.post(page, {"paying": "yes", "is_automatic": "on"}).status_code == 302
    with service():
        assert acme.payment_choice.is_automatic
    assert alice_client.post(page, {"paying": "yes"}).status_code == 302
    with service():
        acme.payment_choice.refresh_from_db()
        assert not acme.payment_choice.is_automatic


def test_trouble_with_one_customer_leaves_the_others_charged(
    stripe, save, automatic, bill, alice, acme
):
    save()
    automatic()
    invoice = bill()
    other = organizations.found(name="Other", owner=alice, country="FR")
    with service():
        # One whom the provider does not know.
        theirs = Invoice.objects.get(pk=invoice.pk)
        theirs.pk, theirs.number, theirs.organization = uuid7(), "T-2026-000002", other
        theirs.save(force_insert=True)
        charges.place(theirs, Decimal(5), method_id="pm_1")
    pass_time(minutes=2)

    assert collecting.sweep() == 1
    assert status(invoice) == "paid"


def test_what_the_provider_never_charges_is_a_decline(save, automatic, bill):
    save()
    automatic()
    bill("0.30")

    collecting.sweep()
    pass_time(minutes=2)
    collecting.sweep()

    # Nobody waits a day for it, and a page or a transfer may pay it at once.
    assert [(it.status, it.failure) for it in attempts()] == [("failed", "amount_too_small")]


def test_staff_are_told_of_a_payment_that_its_payer_takes_back(stripe, save, automatic, bill):
    save()
    automatic()
    bill()
    collecting.sweep()
    (attempt,) = attempts()

    stripe.control("disputes", payment_intent=attempt.payment_reference)
    orders.reconcile()
    orders.reconcile()

    with service():
        told = AuditEntry.objects.filter(action="chargeback.open")
        assert [it.after["amount"] for it in told] == ["120"]


def test_a_page_asks_for_what_is_still_due(stripe, alice_client, bill):
    invoice = bill()
    link = f"/o/acme/billing/invoices/{invoice.number}/pay/"
    first = alice_client.post(link)["Location"]
    transfer(invoice, "100")

    second = alice_client.post(link)["Location"]

    assert second != first
    old, new = attempts()
    assert (old.status, new.status, new.amount) == ("expired", "pending", 20)
    sessions = stripe.client.v1.checkout.sessions
    assert sessions.retrieve(old.session_id).status == "expired"
    assert sessions.retrieve(new.session_id).amount_total == 2000


def test_a_page_that_was_paid_meanwhile_is_booked(stripe, alice_client, bill):
    invoice = bill()
    link = f"/o/acme/billing/invoices/{invoice.number}/pay/"
    alice_client.post(link)
    (attempt,) = attempts()
    transfer(invoice, "100")
    stripe.control(f"checkout/sessions/{attempt.session_id}/pay")

    alice_client.post(link)

    assert (states(), status(invoice)) == (["paid"], "paid")
    with service():
        assert Surplus.objects.get().left == 100

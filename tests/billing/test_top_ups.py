"""Automatic top-up: one in flight, within its cap, resting after a decline, stopping when wild."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core import mail
from django.db import connections
from django.db.models import F
from django.utils import timezone

from billing import queries
from billing.models import CreditGrant, Order, PaymentMethod, TopUpRule
from billing.payments.provider import Charge
from billing.payments.stripe.events import to_minor
from billing.services import chargebacks, methods, orders, top_ups
from common.database import service
from marketplace import demo
from marketplace.models import Bundle
from tenants.models import AuditEntry, WebhookEvent
from tenants.scope import scope
from tenants.services import organizations

PAGE = "/o/acme/billing/automatic/"


@pytest.fixture
def bundle(db):
    demo.seed()
    with service():
        return Bundle.objects.filter(currency="EUR", grant_unit="money").first()


@pytest.fixture
def rule(acme, alice, bundle):
    """Acme's rule: below five euros, for a thousand a month at most."""

    def rule(**terms):
        terms = {
            "is_on": True,
            "below": Decimal(5),
            "bundle": bundle,
            "monthly_cap": Decimal(1000),
        } | terms
        with scope(acme):
            return top_ups.set_rule(acme, by=alice, **terms)

    return rule


def live(acme):
    with scope(acme):
        return queries.balance(acme).live.amount


def automatic():
    with service():
        return list(Order.objects.filter(is_automatic=True).order_by("created_at"))


def states():
    return [order.status for order in automatic()]


def pass_time(**span):
    """Let what was written be so much older: PostgreSQL's clock cannot be moved."""
    span = timedelta(**span)
    with service():
        Order.objects.update(created_at=F("created_at") - span)
        TopUpRule.objects.update(paused_until=F("paused_until") - span)


def empty():
    """Let the credit be used up."""
    with service():
        CreditGrant.objects.update(remaining=0)


def test_a_low_balance_buys_the_bundle_once(acme, save, rule, bundle):
    save()
    rule()

    bought = [top_ups.sweep() for _ in range(3)]

    assert bought == [1, 0, 0]
    assert states() == ["paid"]
    assert live(acme) == bundle.grant_quantity


def test_sweeps_at_once_buy_once(stripe, acme, save, rule):
    save()
    rule()
    gate = threading.Barrier(5)

    def sweep():
        gate.wait()
        try:
            return top_ups.sweep()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as pool:
        [each.result() for each in [pool.submit(sweep) for _ in range(5)]]

    assert states() == ["paid"]
    assert len(stripe.client.v1.payment_intents.list().data) == 1


def test_what_is_paid_between_two_looks_is_not_bought_again(monkeypatch, acme, save, rule):
    save()
    first = top_ups._place(rule().pk)
    read = queries.balance

    def balance_and_meanwhile_the_payment(*asked):
        found = read(*asked)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: (top_ups._charge(first), connections.close_all())).result()
        return found

    monkeypatch.setattr(queries, "balance", balance_and_meanwhile_the_payment)

    top_ups.sweep()

    assert len(automatic()) == 1


def test_a_balance_that_is_not_low_buys_nothing(acme, save, rule, give):
    give("5")
    save()
    rule()

    assert top_ups.sweep() == 0
    assert states() == []


def test_a_rule_that_is_off_buys_nothing(save, rule):
    save()
    rule(is_on=False)

    assert top_ups.sweep() == 0


def test_without_a_method_nothing_is_bought(stripe, rule):
    rule()

    assert top_ups.sweep() == 0
    assert states() == []


def test_after_a_decline_nothing_is_tried_for_an_hour(acme, save, rule):
    save("pm_card_chargeCustomerFail")
    rule()

    top_ups.sweep()
    top_ups.sweep()

    assert states() == ["failed"]
    assert automatic()[0].failure == "generic_decline"
    assert [message.to for message in mail.outbox] == [["alice@acme.example"]]
    with service():
        told = WebhookEvent.objects.get(type="payment.failed")
        pause = TopUpRule.objects.get().paused_until - timezone.now()
    assert told.data["reason"] == "generic_decline"
    assert timedelta(minutes=59) < pause <= timedelta(hours=1)

    save()
    pass_time(minutes=61)
    assert top_ups.sweep() == 1
    assert states() == ["failed", "paid"]


def test_a_declined_payment_cannot_be_paid_afterwards(stripe, save, rule):
    save("pm_card_chargeCustomerFail")
    rule()

    top_ups.sweep()

    (intent,) = stripe.client.v1.payment_intents.list().data
    assert intent.status == "canceled"


def test_the_cap_is_never_passed_and_the_rule_rests_until_the_month_ends(acme, save, rule, bundle):
    save()
    rule(monthly_cap=Decimal("0.01"))

    assert top_ups.sweep() == 0

    with service():
        rested = TopUpRule.objects.get()
        told = WebhookEvent.objects.get(type="top_up.paused")
    assert rested.paused_until > timezone.now()
    assert told.data["reason"] == "cap"
    assert states() == []
    assert "could not buy" in mail.outbox[0].subject


def test_three_within_ten_minutes_stop_the_rule(save, rule):
    save()
    rule(monthly_cap=Decimal(1_000_000))
    for _ in range(5):
        top_ups.sweep()
        empty()

    assert states() == ["paid"] * 3
    with service():
        assert TopUpRule.objects.get().stopped_at is not None
        assert AuditEntry.objects.filter(action="top_up.paused").count() == 1
    rule()
    with service():
        assert TopUpRule.objects.get().stopped_at is None


def test_what_a_bank_takes_back_is_not_bought_again(stripe, save, rule):
    save()
    rule()
    top_ups.sweep()
    [bought] = automatic()
    dispute = stripe.control("disputes", payment_intent=bought.payment_reference)["id"]
    orders.reconcile()
    stripe.control(f"disputes/{dispute}/close", status="lost")
    orders.reconcile()
    chargebacks.settle()

    assert top_ups.sweep() == 0

    assert states() == ["paid"]
    with service():
        assert TopUpRule.objects.get().stopped_at is not None
        assert WebhookEvent.objects.get(type="top_up.paused").data["reason"] == "chargeback"
    assert "takes a payment back" in mail.outbox[-1].body
    rule()
    assert top_ups.sweep() == 1


def test_a_worker_that_died_before_charging_is_made_up_for_once(acme, save, rule, bundle):
    save()
    made = rule()
    order = top_ups._place(made.pk)

    assert top_ups.sweep() == 0
    pass_time(minutes=2)
    assert [top_ups.sweep(), top_ups.sweep()] == [1, 0]
    assert [it.pk for it in automatic()] == [order.pk]
    assert live(acme) == bundle.grant_quantity


def test_a_worker_that_died_after_charging_charges_no_second_time(stripe, acme, save, rule):
    save()
    made = rule()
    order = top_ups._place(made.pk)
    with service():
        customer = acme.provider_customer.customer_id
    orders.provider.charge(
        Charge(order.pk, order.bundle_name, order.gross, customer, order.method_id)
    )

    pass_time(minutes=2)
    top_ups.sweep()

    assert states() == ["paid"]
    assert len(stripe.client.v1.payment_intents.list().data) == 1


def test_what_was_lost_for_a_day_is_not_charged_any_more(stripe, save, rule):
    save()
    made = rule()
    top_ups._place(made.pk)
    with service():
        TopUpRule.objects.update(is_on=False)

    pass_time(hours=24)

    assert top_ups.sweep() == 0
    assert states() == ["expired"]
    assert stripe.client.v1.payment_intents.list().data == []


def test_a_second_payment_of_an_order_is_told_and_its_refund_takes_nothing_away(
    stripe, acme, save, rule, bundle
):
    method = save()
    rule()
    top_ups.sweep()
    (order,) = automatic()
    orders.reconcile()
    with service():
        customer = acme.provider_customer.customer_id
    second = stripe.client.v1.payment_intents.create(
        {
            "amount": to_minor(order.gross),
            "currency": "eur",
            "customer": customer,
            "payment_method": method.method_id,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "metadata": {"order": str(order.pk)},
            "confirm": True,
            "off_session": True,
        }
    )

    orders.reconcile()
    orders.reconcile()

    assert states() == ["paid"]
    with service():
        assert AuditEntry.objects.filter(action="order.paid_twice").count() == 1
    stripe.client.v1.refunds.create({"payment_intent": second.id})
    orders.reconcile()
    assert states() == ["paid"]
    assert live(acme) == bundle.grant_quantity


def test_while_stripe_is_away_nothing_is_lost(stripe, save, rule, settings):
    save()
    rule()
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    assert top_ups.sweep() == 0
    settings.STRIPE_API_BASE = stripe.url

    pass_time(minutes=2)
    assert top_ups.sweep() == 1
    assert states() == ["paid"]


def test_a_bank_that_asks_for_the_payer_is_answered_on_a_page(
    stripe, acme, alice_client, save, rule, bundle
):
    save("pm_card_authenticationRequired")
    rule()
    top_ups.sweep()
    top_ups.sweep()
    (order,) = automatic()
    assert (order.status, order.failure) == ("pending", "authentication_required")
    link = f"/o/acme/billing/orders/{order.pk}/recover/"
    assert link in mail.outbox[0].body

    page = alice_client.get(link)
    again = alice_client.get(link)

    assert page["Location"] == again["Location"]
    (order,) = automatic()
    stripe.control(f"checkout/sessions/{order.session_id}/pay")
    orders.fulfil(order.session_id)
    assert states() == ["paid"]
    assert live(acme) == bundle.grant_quantity


def test_an_unanswered_bank_gives_up_after_a_day(save, rule):
    save("pm_card_authenticationRequired")
    rule()
    top_ups.sweep()

    with service():
        TopUpRule.objects.update(is_on=False)
    pass_time(hours=25)
    top_ups.sweep()

    assert states() == ["expired"]


def test_a_debit_arrives_days_later(stripe, acme, save, rule, bundle):
    save("pm_sepaDebit")
    rule()

    assert top_ups.sweep() == 0
    (order,) = automatic()
    assert (order.status, top_ups.sweep()) == ("pending", 0)
    stripe.control(f"payment_intents/{order.payment_reference}/settle", outcome="succeeded")
    orders.reconcile()

    assert states() == ["paid"]
    assert live(acme) == bundle.grant_quantity


def test_a_debit_that_bounces_fails_its_order_and_rests_the_rule(stripe, acme, save, rule):
    save("pm_sepaDebit")
    rule()
    top_ups.sweep()
    (order,) = automatic()

    stripe.control(f"payment_intents/{order.payment_reference}/settle", outcome="failed")
    orders.reconcile()

    assert states() == ["failed"]
    assert live(acme) == 0
    assert top_ups.sweep() == 0


def test_a_forgotten_method_is_charged_no_more(stripe, alice_client, acme, save, rule):
    method = save()
    rule()

    alice_client.post(f"/o/acme/billing/methods/{method.pk}/forget/")

    assert top_ups.sweep() == 0
    with service():
        assert PaymentMethod.objects.get().removed_at is not None


def test_a_method_that_an_older_list_took_for_removed_comes_back(acme, save):
    save()
    with service():
        PaymentMethod.objects.update(removed_at=timezone.now(), is_default=False)

    methods.sync(acme)

    with service():
        method = PaymentMethod.objects.get()
    assert (method.removed_at, method.is_default) == (None, True)


def test_the_page_saves_alert_and_rule(alice_client, acme, save, bundle):
    save()
    rule = {"rule": "yes", "is_on": "on", "below": "7", "bundle": bundle.pk, "monthly_cap": "90"}

    assert alice_client.post(PAGE, rule).status_code == 302
    assert alice_client.post(PAGE, {"alert_below": "3"}).status_code == 302

    shown = alice_client.get(PAGE).content.decode()
    assert "4242" in shown
    with service():
        assert (acme.top_up_rule.below, acme.balance_watch.below) == (7, 3)


def test_a_rule_without_a_method_is_not_switched_on(alice_client, acme, bundle):
    rule = {"rule": "yes", "is_on": "on", "below": "7", "bundle": bundle.pk, "monthly_cap": "90"}

    reply = alice_client.post(PAGE, rule)

    assert (reply.status_code, "payment method first" in reply.content.decode()) == (422, True)


@pytest.mark.parametrize("text", ["0", "-1", "NaN", "1e30", "abc"])
def test_amounts_that_cannot_be_meant_are_refused(alice_client, acme, text):
    assert alice_client.post(PAGE, {"alert_below": text}).status_code == 422


def test_saving_leads_to_the_providers_page(stripe, alice_client, acme):
    reply = alice_client.post("/o/acme/billing/methods/add/")

    assert reply["Location"].startswith(stripe.url)


def test_a_developer_changes_nothing(bob_client, acme):
    assert bob_client.get(PAGE).status_code == 403
    assert bob_client.post("/o/acme/billing/methods/add/").status_code == 403


def test_trouble_with_one_customer_leaves_the_others_topped_up(acme, alice, save, rule, bundle):
    save()
    rule()
    other = organizations.found(name="Other", owner=alice, country="FR")
    with service():
        # One whom the provider does not know, and whose worker died.
        Order.objects.create(
            organization=other,
            operation_key="top-up:1",
            bundle=bundle,
            placed_by=alice,
            is_automatic=True,
            method_id="pm_1",
            **orders.terms(other, bundle),
        )
    pass_time(minutes=2)

    assert top_ups.sweep() == 1
    assert live(acme) == bundle.grant_quantity

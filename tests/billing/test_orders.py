"""Selling bundles over a loopback Stripe: whatever it says, in whatever order, counts once."""

import hashlib
import hmac
import json
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from billing.models import Budget, CreditGrant, Invoice, LedgerEntry, Order, StripeEvent
from billing.payments.errors import PaymentMismatch, PaymentUnavailable
from billing.payments.loopback.currencies import DIGITS
from billing.payments.stripe.events import from_minor, to_minor
from billing.services import budgeting, orders
from common.database import service
from common.money import Money
from marketplace import demo
from marketplace.models import Bundle
from tenants.models import AuditEntry, Organization, WebhookEvent
from tests.billing.loopback.driver import API_KEY, SECRET

HOOK = "/webhooks/stripe/"


@pytest.fixture
def bundle(db):
    demo.seed()
    with service():
        return Bundle.objects.filter(currency="EUR", grant_unit="money").first()


@pytest.fixture
def order(stripe, acme, alice, bundle):
    """Acme's order, with its payment page open."""
    return orders.start(acme, bundle, by=alice, operation_key=str(uuid.uuid4()))


@pytest.fixture
def deliver(client):
    """Deliver an event, or a body, to our address."""

    def deliver(event, secret=SECRET, at=None, signature=None):
        body = event if isinstance(event, bytes) else json.dumps(event.to_dict()).encode()
        moment = int(at if at is not None else time.time())
        signed = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256)
        header = signature if signature is not None else f"t={moment},v1={signed.hexdigest()}"
        return client.post(
            HOOK, body, content_type="application/json", headers={"stripe-signature": header}
        )

    return deliver


def pay(stripe, order):
    """Pay the order's page."""
    stripe.control(f"checkout/sessions/{order.session_id}/pay")


def event_of(stripe, kind):
    """Return the newest event of a type."""
    return stripe.client.v1.events.list({"type": kind, "limit": 1}).data[0]


def completed(stripe):
    return event_of(stripe, "checkout.session.completed")


def standing(order):
    """Return the order's state, its grants, its invoices and what the ledger sums up to."""
    with service():
        return (
            Order.objects.get(pk=order.pk).status,
            CreditGrant.objects.filter(source_key=f"order:{order.pk}", voided_at=None).count(),
            Invoice.objects.filter(order=order).count(),
            sum((entry.amount for entry in LedgerEntry.objects.all()), Decimal(0)),
        )


def books():
    with service():
        rows = LedgerEntry.objects.values_list("account__kind", "amount")
        sums = {}
        for kind, amount in rows:
            sums[kind] = sums.get(kind, Decimal(0)) + amount
    return {kind: amount for kind, amount in sums.items() if amount}


def at_once(work, count):
    """Do the work in so many threads at once; return the answers, or fail as they did."""
    gate = threading.Barrier(count)

    def one():
        gate.wait()
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return [each.result() for each in [pool.submit(one) for _ in range(count)]]


@pytest.mark.parametrize("currency", sorted(it.upper() for it in DIGITS))
def test_an_amount_is_as_much_to_stripe_as_to_us(currency):
    thousand = Money(Decimal(1000), currency)

    units = to_minor(thousand)

    assert units == 1000 * 10 ** DIGITS[currency.lower()]
    assert from_minor(units, currency.lower()) == thousand


NOTHING = ("pending", 0, 0, 0)
PAID = ("paid", 1, 1, 0)


def test_a_paid_order_is_granted_and_invoiced(stripe, order, deliver):
    pay(stripe, order)

    reply = deliver(completed(stripe))

    assert (reply.status_code, reply.json()) == (200, {"new": True})
    assert standing(order) == PAID
    order.refresh_from_db(using="service")
    assert books() == {
        "payments_clearing": order.total,
        "tax": -order.tax,
        "customer_prepaid": -order.grant_quantity,
    } | (
        {"adjustments": order.grant_quantity - order.net}
        if order.grant_quantity != order.net
        else {}
    )


@pytest.mark.parametrize(
    "facts",
    [
        {"signature": ""},
        {"signature": "t=1,v1=00"},
        {"signature": "nonsense"},
        {"signature": "t=x,v1=\x7f"},
        {"secret": "whsec_other"},
        {"secret": ""},
        {"at": time.time() - 301},
        {"at": 0},
    ],
)
def test_a_delivery_nobody_signed_now_is_refused(stripe, order, deliver, facts):
    pay(stripe, order)

    reply = deliver(completed(stripe), **facts)

    assert (reply.status_code, reply.json()["code"]) == (400, "untrusted_delivery")
    assert standing(order) == NOTHING
    with service():
        assert StripeEvent.objects.count() == 0


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"null", b"\xff", b'{"id": "evt_1"}', b'{"data": 5, "id": "e"}']
)
def test_a_signed_body_that_is_no_event_is_refused(stripe, db, deliver, body):
    assert deliver(body).status_code == 400


@pytest.mark.parametrize(("key", "is_live"), [(API_KEY, True), ("sk_live_x", False)])
def test_play_money_never_pays_at_a_live_address_nor_the_reverse(
    stripe, order, deliver, settings, caplog, key, is_live
):
    pay(stripe, order)
    event = completed(stripe).to_dict() | {"livemode": is_live}
    settings.STRIPE_API_KEY = key

    reply = deliver(json.dumps(event).encode())

    assert (reply.status_code, reply.json()["code"]) == (400, "other_mode")
    assert standing(order) == NOTHING
    assert "payment_event_of_other_mode" in caplog.text
    with service():
        assert StripeEvent.objects.count() == 0


@pytest.mark.parametrize("mode", [None, "false", 0])
def test_an_event_that_does_not_say_its_mode_is_refused(stripe, order, deliver, mode):
    pay(stripe, order)
    event = completed(stripe).to_dict() | {"livemode": mode}

    assert deliver(json.dumps(event).encode()).json()["code"] == "other_mode"
    assert standing(order) == NOTHING


def test_a_live_event_at_a_live_address_is_taken(stripe, order, deliver, settings):
    settings.STRIPE_API_KEY = "sk_live_x"
    thing = {"object": "gift_card", "id": "g"}
    stripe.control("events", type="gift_card.melted", object=thing)
    event = event_of(stripe, "gift_card.melted").to_dict() | {"livemode": True}

    assert deliver(json.dumps(event).encode()).json() == {"new": True}


def test_a_large_delivery_is_refused(stripe, db, deliver):
    assert deliver(b" " * 3_000_000).status_code in (400, 413)


def test_the_secret_must_be_there(stripe, order, deliver, settings):
    settings.STRIPE_WEBHOOK_SECRET = ""
    pay(stripe, order)

    assert deliver(completed(stripe), secret="").status_code == 400
    assert standing(order) == NOTHING


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_the_address_takes_posts_alone(client, db, method):
    assert getattr(client, method)(HOOK).status_code == 405


def test_an_event_nobody_knows_is_kept_and_changes_nothing(stripe, order, deliver):
    thing = {"object": "gift_card", "id": "g"}
    stripe.control("events", type="gift_card.melted", object=thing)

    replies = [deliver(event_of(stripe, "gift_card.melted")) for _ in range(2)]

    assert [reply.json() for reply in replies] == [{"new": True}, {"new": False}]
    assert standing(order) == NOTHING


def test_stripe_may_deliver_the_same_event_many_times_at_once(stripe, order, client):
    pay(stripe, order)
    found = orders.provider.recent_events(order.created_at)
    (event,) = [each for each in found if each.type == "checkout.session.completed"]

    answers = at_once(lambda: orders.handle(event), 6)

    assert sorted(answers) == [False] * 5 + [True]
    assert standing(order) == PAID


def test_a_delivery_after_the_page_has_settled_the_order_changes_nothing(stripe, order, deliver):
    pay(stripe, order)
    orders.fulfil(order.session_id)

    assert deliver(completed(stripe)).json() == {"new": True}
    assert standing(order) == PAID


def test_webhook_page_and_sweep_at_once_grant_once(stripe, order):
    pay(stripe, order)
    turns = iter([orders.reconcile, lambda: orders.fulfil(order.session_id)] * 3)

    def act():
        return next(turns)()

    at_once(act, 6)

    assert standing(order) == PAID


def test_a_session_of_another_account_is_passed_over(stripe, order, deliver):
    pay(stripe, order)
    event = completed(stripe).to_dict()
    event["id"], event["data"]["object"]["id"] = "evt_foreign", "cs_test_foreign"

    reply = deliver(json.dumps(event).encode())

    assert reply.status_code == 200
    assert standing(order) == NOTHING


def test_a_session_that_names_no_order_of_ours_is_passed_over(stripe, order, deliver):
    session = stripe.session(client_reference_id=str(uuid.uuid4()))
    stripe.control(f"checkout/sessions/{session.id}/pay")

    assert deliver(completed(stripe)).status_code == 200
    assert standing(order) == NOTHING


def test_an_amount_that_is_not_the_orders_grants_nothing_and_is_told(stripe, order, deliver):
    session = stripe.session(client_reference_id=str(order.pk))
    stripe.control(f"checkout/sessions/{session.id}/pay")

    replies = [deliver(completed(stripe)) for _ in range(2)]

    assert [reply.status_code for reply in replies] == [200, 200]
    assert standing(order) == NOTHING
    with service():
        entry = AuditEntry.objects.get(action="order.payment_mismatch")
    assert entry.after["session"] == session.id
    with pytest.raises(PaymentMismatch):
        orders.fulfil(session.id)


def test_a_lost_webhook_is_found_by_the_sweep(stripe, order):
    pay(stripe, order)

    assert orders.reconcile() >= 1
    assert standing(order) == PAID
    assert orders.reconcile() == 0


def test_webhooks_that_were_lost_three_days_ago_are_found_too(stripe, order):
    pay(stripe, order)

    with time_machine.travel(timezone.now() + timedelta(days=3), tick=True):
        found = orders.reconcile()

    assert (found >= 1, standing(order)) == (True, PAID)


def test_one_event_in_trouble_does_not_hide_the_others_from_the_sweep(
    stripe, order, acme, alice, bundle
):
    pay(stripe, order)
    broken = orders.start(acme, bundle, by=alice, operation_key="broken")
    session = stripe.session(client_reference_id=str(broken.pk))
    stripe.control(f"checkout/sessions/{session.id}/pay")

    orders.reconcile()

    assert standing(order) == PAID
    assert standing(broken)[:3] == ("pending", 0, 0)


def test_trouble_that_nobody_foresaw_does_not_hide_the_others_either(
    stripe, order, acme, alice, bundle
):
    pay(stripe, order)
    broken = orders.start(acme, bundle, by=alice, operation_key="without-its-grant")
    pay(stripe, broken)
    intent = stripe.client.v1.checkout.sessions.retrieve(broken.session_id).payment_intent
    stripe.client.v1.refunds.create({"payment_intent": intent})
    with service():
        Order.objects.filter(pk=broken.pk).update(status="paid", paid_at=timezone.now())

    orders.reconcile()

    assert standing(order) == PAID
    assert standing(broken)[:3] == ("paid", 0, 0)


def test_a_delivery_while_stripe_is_away_is_tried_again(stripe, order, deliver, settings):
    pay(stripe, order)
    event = completed(stripe)
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"

    assert deliver(event).status_code == 503

    settings.STRIPE_API_BASE = stripe.url
    assert deliver(event).json() == {"new": True}
    assert standing(order) == PAID


def test_a_second_click_leads_to_the_same_page(stripe, acme, alice, bundle):
    key = str(uuid.uuid4())

    found = at_once(lambda: orders.start(acme, bundle, by=alice, operation_key=key), 3)
    found.append(orders.start(acme, bundle, by=alice, operation_key=key))

    assert len({each.pk for each in found}) == 1
    assert len({each.checkout_url for each in found if each.checkout_url}) == 1
    assert len(stripe.client.v1.checkout.sessions.list().data) == 1


def debit(stripe, order):
    """Fill the page in with an account that its bank debits days later."""
    stripe.control(f"checkout/sessions/{order.session_id}/pay", iban="DE89370400440532013000")


def test_a_page_that_was_completed_and_not_paid_grants_nothing(stripe, order, deliver):
    debit(stripe, order)

    assert deliver(completed(stripe)).json() == {"new": True}
    assert standing(order) == NOTHING


def test_a_debit_that_arrives_late_grants_once(stripe, order, deliver):
    debit(stripe, order)
    unpaid = completed(stripe)
    stripe.control(f"checkout/sessions/{order.session_id}/settle", outcome="succeeded")

    # Told in the wrong order: the success before the completion that it followed.
    deliver(event_of(stripe, "checkout.session.async_payment_succeeded"))
    deliver(unpaid)

    assert standing(order) == PAID


def test_a_debit_that_bounces_late_ends_the_order(stripe, order, deliver):
    debit(stripe, order)
    unpaid = completed(stripe)
    stripe.control(f"checkout/sessions/{order.session_id}/settle", outcome="failed")

    deliver(event_of(stripe, "checkout.session.async_payment_failed"))
    deliver(unpaid)

    assert standing(order) == ("failed", 0, 0, 0)


def test_an_expired_page_expires_its_order(stripe, order, deliver):
    stripe.control(f"checkout/sessions/{order.session_id}/expire")

    deliver(event_of(stripe, "checkout.session.expired"))

    assert standing(order) == ("expired", 0, 0, 0)


def test_a_page_that_cannot_be_opened_leaves_an_order_that_can_be_tried_again(
    stripe, acme, alice, bundle, settings
):
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    with pytest.raises(PaymentUnavailable):
        orders.start(acme, bundle, by=alice, operation_key="again")
    settings.STRIPE_API_BASE = stripe.url

    order = orders.start(acme, bundle, by=alice, operation_key="again")

    assert order.checkout_url
    with service():
        assert Order.objects.count() == 1


def refund(stripe, order, **facts):
    """Give the money of an order back at Stripe."""
    session = stripe.client.v1.checkout.sessions.retrieve(order.session_id)
    stripe.client.v1.refunds.create({"payment_intent": session.payment_intent, **facts})


def test_a_refund_takes_the_credit_back(stripe, order, deliver):
    pay(stripe, order)
    deliver(completed(stripe))
    refund(stripe, order)

    replies = [deliver(event_of(stripe, "charge.refunded")) for _ in range(2)]

    assert [reply.json() for reply in replies] == [{"new": True}, {"new": False}]
    assert standing(order) == ("refunded", 0, 1, 0)
    assert books() == {}


def test_a_refund_that_is_told_before_the_payment_grants_nothing(stripe, order, deliver):
    pay(stripe, order)
    refund(stripe, order)

    deliver(event_of(stripe, "charge.refunded"))
    deliver(completed(stripe))

    assert standing(order) == ("refunded", 0, 0, 0)


def test_a_payment_that_was_given_back_meanwhile_grants_nothing(stripe, order, deliver):
    pay(stripe, order)
    refund(stripe, order)

    deliver(completed(stripe))

    assert standing(order)[:2] == ("refunded", 0)


def test_a_part_that_is_given_back_is_left_to_people(stripe, order, deliver):
    pay(stripe, order)
    deliver(completed(stripe))
    refund(stripe, order, amount=100)

    deliver(event_of(stripe, "charge.refunded"))

    assert standing(order) == PAID
    with service():
        assert AuditEntry.objects.filter(action="order.partly_refunded").count() == 1


def test_a_dispute_is_told(stripe, order, deliver):
    pay(stripe, order)
    deliver(completed(stripe))
    session = stripe.client.v1.checkout.sessions.retrieve(order.session_id)
    stripe.control("disputes", payment_intent=session.payment_intent)

    deliver(event_of(stripe, "charge.dispute.created"))

    assert standing(order) == PAID
    with service():
        assert AuditEntry.objects.filter(action="chargeback.open").count() == 1


def told():
    with service():
        return sorted(WebhookEvent.objects.values_list("type", flat=True))


def test_a_paid_order_is_told_to_webhooks_in_its_transaction(stripe, order):
    pay(stripe, order)

    orders.fulfil(order.session_id)

    assert told() == ["grant.created", "invoice.finalized", "payment.succeeded"]


def test_an_order_that_expired_is_told(stripe, order, deliver):
    stripe.control(f"checkout/sessions/{order.session_id}/expire")

    deliver(event_of(stripe, "checkout.session.expired"))

    assert told() == ["payment.failed"]


def test_the_first_purchase_lifts_first_limits(stripe, order, acme, first_limits):
    with service():
        held = Organization.objects.get(pk=acme.pk)
        assert (held.has_first_limits, Budget.objects.open().count()) == (True, 1)

    pay(stripe, order)
    orders.fulfil(order.session_id)

    with service():
        assert not Organization.objects.get(pk=acme.pk).has_first_limits
        assert not Budget.objects.open().exists()
        entry = AuditEntry.objects.get(action="first_limits.lifted")
    assert (entry.actor_kind, entry.after["reason"]) == ("system", "The first purchase")


@pytest.fixture
def first_limits(acme):
    """Acme has first limits, of its calls and of its spending."""
    with service():
        Organization.objects.update(first_rpm=60)
        budgeting.create(
            acme, name="First", amount=Decimal(2), window="day", is_operators=True, by=None
        )

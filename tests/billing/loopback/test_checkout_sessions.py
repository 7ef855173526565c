"""Checkout sessions through the official client; the payer is played by the control API."""

import time

import pytest
from stripe import InvalidRequestError

from tests.billing.loopback.driver import checkout, line


def pay(loopback, session, **how):
    return loopback.control(f"checkout/sessions/{session.id}/pay", **how)


def test_a_session_says_what_is_to_be_paid_and_where(stripe, loopback):
    vat = stripe.tax_rates.create({"display_name": "VAT", "percentage": 20, "inclusive": False})

    session = loopback.session(
        line_items=[line(4999, 2, tax_rates=[vat.id]), line(1)],
        client_reference_id="order 7",
        metadata={"organization": "acme"},
        expand=["line_items"],
    )

    assert session.id.startswith("cs_test_")
    assert session.url == f"{loopback.url}/c/pay/{session.id}"
    assert (session.amount_subtotal, session.total_details.amount_tax) == (9999, 2000)
    assert (session.amount_total, session.currency) == (11999, "eur")
    assert (session.status, session.payment_status) == ("open", "unpaid")
    assert (session.payment_intent, session.client_reference_id) == (None, "order 7")
    assert session.metadata.to_dict() == {"organization": "acme"}
    assert session.payment_method_types == ["card", "sepa_debit"]
    first, second = session.line_items.data
    assert (first.amount_subtotal, first.amount_tax, first.amount_total) == (9998, 2000, 11998)
    assert (first.quantity, first.price.unit_amount, first.description) == (2, 4999, "Bundle M")
    assert second.amount_total == 1


def test_an_inclusive_tax_is_part_of_the_price(stripe, loopback):
    vat = stripe.tax_rates.create({"display_name": "VAT", "percentage": 20, "inclusive": True})

    session = loopback.session(line_items=[line(5000, tax_rates=[vat.id])])

    assert (session.amount_subtotal, session.amount_total) == (5000, 5000)
    assert session.total_details.amount_tax == 833


def test_a_price_of_the_catalogue_can_be_bought(stripe, loopback):
    product = stripe.products.create({"name": "Bundle L"})
    price = stripe.prices.create({"product": product.id, "currency": "eur", "unit_amount": 9900})

    session = loopback.session(line_items=[{"price": price.id, "quantity": 3}])

    assert session.amount_total == 29700


def test_paying_completes_the_session(stripe, loopback):
    session = loopback.session(payment_intent_data={"metadata": {"top_up": "7"}})

    pay(loopback, session, email="ann@acme.example", name="Ann")

    paid = stripe.checkout.sessions.retrieve(
        session.id, {"expand": ["payment_intent.latest_charge.balance_transaction"]}
    )
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert (paid.customer_details.email, paid.customer_details.name) == ("ann@acme.example", "Ann")
    intent = paid.payment_intent
    assert (intent.status, intent.amount_received) == ("succeeded", 5000)
    assert intent.metadata.to_dict() == {"top_up": "7"}
    assert intent.latest_charge.metadata.to_dict() == {"top_up": "7"}
    entry = intent.latest_charge.balance_transaction
    assert (entry.amount, entry.fee, entry.net) == (5000, 100, 4900)
    assert loopback.event_types() == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "charge.updated",
        "checkout.session.completed",
    ]


def test_paying_twice_charges_once(stripe, loopback):
    session = loopback.session()

    pay(loopback, session)
    pay(loopback, session)

    assert len(stripe.charges.list().data) == 1
    assert loopback.event_types(type="checkout.session.completed") == ["checkout.session.completed"]


def test_a_declined_card_leaves_the_session_open_for_another(stripe, loopback):
    session = loopback.session()

    declined = pay(loopback, session, card="4000 0000 0000 9995")
    paid = pay(loopback, session)

    assert declined["session"]["status"] == "open"
    assert declined["intent"]["status"] == "requires_payment_method"
    assert declined["intent"]["last_payment_error"]["decline_code"] == "insufficient_funds"
    assert paid["session"]["payment_status"] == "paid"
    assert paid["intent"]["id"] == declined["intent"]["id"]
    assert [c.status for c in stripe.charges.list().data] == ["succeeded", "failed"]


@pytest.mark.parametrize(
    ("answer", "status", "session_status"),
    [("approve", "succeeded", "complete"), ("deny", "requires_payment_method", "open")],
)
def test_3d_secure_waits_for_the_payer(loopback, answer, status, session_status):
    session = loopback.session()

    waiting = pay(loopback, session, card="4000000000003220")
    loopback.control(f"payment_intents/{waiting['intent']['id']}/authenticate", answer=answer)

    assert waiting["intent"]["status"] == "requires_action"
    assert waiting["session"]["status"] == "open"
    after = loopback.client.v1.checkout.sessions.retrieve(
        session.id, {"expand": ["payment_intent"]}
    )
    assert (after.payment_intent.status, after.status) == (status, session_status)


@pytest.mark.parametrize(
    ("outcome", "payment_status"), [("succeeded", "paid"), ("failed", "unpaid")]
)
def test_a_bank_debit_is_complete_first_and_settled_later(loopback, outcome, payment_status):
    session = loopback.session()

    pay(loopback, session, iban="DE89370400440532013000")
    before = loopback.client.v1.checkout.sessions.retrieve(session.id)
    loopback.control(f"checkout/sessions/{session.id}/settle", outcome=outcome)

    assert (before.status, before.payment_status) == ("complete", "unpaid")
    after = loopback.client.v1.checkout.sessions.retrieve(session.id)
    assert (after.status, after.payment_status) == ("complete", payment_status)
    assert loopback.event_types()[-1] == f"checkout.session.async_payment_{outcome}"


def test_a_debit_settles_only_once(loopback):
    session = loopback.session()
    pay(loopback, session, iban="DE62370400440532013001")
    loopback.control(f"checkout/sessions/{session.id}/settle")

    again = loopback.api("POST", f"/_test/checkout/sessions/{session.id}/settle")

    assert again.status == 400
    assert loopback.event_types()[-1] == "checkout.session.async_payment_failed"


def test_setup_saves_a_card_for_later(stripe, loopback):
    customer = stripe.customers.create({"name": "Ann"})
    session = stripe.checkout.sessions.create(
        {
            "mode": "setup",
            "currency": "eur",
            "customer": customer.id,
            "success_url": "http://localhost:9/saved",
        }
    )

    pay(loopback, session, card="4000002500003155", authentication="approve")
    saved = stripe.payment_methods.list({"customer": customer.id}).data[0]
    later = loopback.paid_intent(customer=customer.id, payment_method=saved.id, off_session=True)

    done = stripe.checkout.sessions.retrieve(session.id, {"expand": ["setup_intent"]})
    assert (done.status, done.payment_status) == ("complete", "no_payment_required")
    assert (done.setup_intent.status, done.setup_intent.payment_method) == ("succeeded", saved.id)
    assert (saved.card.last4, later.status) == ("3155", "succeeded")


def test_a_customer_is_made_where_the_merchant_asks_for_one(stripe, loopback):
    session = loopback.session(
        customer_creation="always", payment_intent_data={"setup_future_usage": "off_session"}
    )

    paid = pay(loopback, session, email="ann@acme.example")["session"]

    customer = stripe.customers.retrieve(paid["customer"])
    assert customer.email == "ann@acme.example"
    assert len(stripe.payment_methods.list({"customer": customer.id}).data) == 1


def test_an_expired_session_cannot_be_paid(stripe, loopback):
    session = loopback.session()
    pay(loopback, session, card="4000000000000002")

    expired = stripe.checkout.sessions.expire(session.id)
    pay(loopback, session)

    assert (expired.status, expired.url) == ("expired", None)
    after = stripe.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (after.status, after.payment_status) == ("expired", "unpaid")
    assert after.payment_intent.status == "canceled"
    assert "checkout.session.expired" in loopback.event_types()


def test_only_an_open_session_can_be_expired(stripe, loopback):
    session = loopback.session()
    pay(loopback, session)

    with pytest.raises(InvalidRequestError, match="can be expired"):
        stripe.checkout.sessions.expire(session.id)


def test_sessions_are_listed_by_status_customer_and_intent(stripe, loopback):
    customer = stripe.customers.create({"name": "Ann"})
    first, second = loopback.session(customer=customer.id), loopback.session()
    intent = pay(loopback, second)["intent"]["id"]

    def listed(**filters):
        return [s.id for s in stripe.checkout.sessions.list(filters).data]

    assert listed() == [second.id, first.id]
    assert listed(status="open") == [first.id]
    assert listed(customer=customer.id) == [first.id]
    assert listed(payment_intent=intent) == [second.id]


def test_line_items_are_paged(stripe, loopback):
    session = loopback.session(line_items=[line(100 + n) for n in range(3)])

    first = stripe.checkout.sessions.line_items.list(session.id, {"limit": 2})
    rest = stripe.checkout.sessions.line_items.list(
        session.id, {"limit": 2, "starting_after": first.data[-1].id}
    )

    assert [item.amount_total for item in first.data] == [100, 101]
    assert [item.amount_total for item in rest.data] == [102]
    assert (first.has_more, rest.has_more) == (True, False)


MISSING = "parameter_missing"


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"mode": ""}, "mode", "parameter_invalid_empty"),
        ({"mode": "subscription"}, "mode", None),
        ({"success_url": "nowhere"}, "success_url", "url_invalid"),
        ({"success_url": "javascript:alert(1)"}, "success_url", "url_invalid"),
        ({"cancel_url": "ftp://x/"}, "cancel_url", "url_invalid"),
        ({"line_items": []}, "line_items", MISSING),
        ({"line_items": [line(0)]}, "line_items", "amount_too_small"),
        ({"line_items": [line(49)]}, "line_items", "amount_too_small"),
        ({"line_items": [line(99_999_999, 2)]}, "line_items", "amount_too_large"),
        ({"line_items": [line(-1)]}, "line_items[0][price_data][unit_amount]", None),
        ({"line_items": [line(quantity=0)]}, "line_items[0][quantity]", None),
        ({"line_items": [{"quantity": 1}]}, "line_items[0][price]", None),
        ({"line_items": [{"price": "price_x"}]}, "line_items[0][price]", "resource_missing"),
        ({"line_items": [line(tax_rates=["txr_x"])]}, "line_items[0][tax_rates]", None),
        ({"line_items": [line(colour="red")]}, "line_items[0][colour]", "parameter_unknown"),
        ({"payment_method_types": ["card"]}, "payment_method_types", None),
        ({"allowed_payment_method_types": ["oxxo"]}, "allowed_payment_method_types", None),
        ({"customer": "cus_x"}, "customer", "resource_missing"),
        ({"expires_at": int(time.time()) + 60}, "expires_at", None),
        ({"expires_at": int(time.time()) + 90_000}, "expires_at", None),
        ({"client_reference_id": "x" * 201}, "client_reference_id", None),
        ({"currency": "usd"}, "currency", None),
        ({"automatic_tax": {"enabled": True}}, "automatic_tax", "parameter_unknown"),
    ],
)
def test_bad_input_names_the_parameter_and_keeps_nothing(stripe, loopback, changes, param, code):
    with pytest.raises(InvalidRequestError) as refusal:
        stripe.checkout.sessions.create(checkout(**changes))

    assert refusal.value.http_status == 400
    assert refusal.value.param == param
    assert code in {None, refusal.value.code}
    assert "checkout.session" not in loopback.control("state", "GET")["objects"]
    assert stripe.prices.list().data == []


def test_the_default_end_is_a_day_away(loopback):
    session = loopback.session()

    assert session.expires_at == session.created + 24 * 3600


def test_a_merchant_may_choose_the_kinds_of_payment(loopback):
    only_card = loopback.session(allowed_payment_method_types=["card"])
    no_debit = loopback.session(excluded_payment_method_types=["sepa_debit"])

    assert only_card.payment_method_types == ["card"]
    assert no_debit.payment_method_types == ["card"]

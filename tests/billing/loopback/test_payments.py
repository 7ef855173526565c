"""Payment intents, setup intents and payment methods through the official client."""

import pytest
from stripe import CardError, InvalidRequestError


def saved_card(stripe, number="4242424242424242", **changes):
    """Return a customer and their saved card."""
    customer = stripe.customers.create({"name": "Ann"})
    method = stripe.payment_methods.create({"type": "card", "card": {"number": number}, **changes})
    stripe.payment_methods.attach(method.id, {"customer": customer.id})
    return customer.id, method.id


def test_a_saved_card_pays_while_the_customer_is_away(stripe, loopback):
    customer, method = saved_card(stripe)

    intent = loopback.paid_intent(customer=customer, payment_method=method, off_session=True)

    assert (intent.status, intent.amount_received) == ("succeeded", 5000)
    charge = stripe.charges.retrieve(intent.latest_charge)
    assert (charge.amount, charge.paid, charge.customer) == (5000, True, customer)
    assert charge.payment_method_details.card.last4 == "4242"
    assert loopback.event_types()[-4:] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "charge.updated",
    ]


@pytest.mark.parametrize(
    ("method", "code", "reason"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_authenticationRequired", "authentication_required", "authentication_required"),
    ],
)
def test_a_refused_payment_is_402_and_kept(stripe, loopback, method, code, reason):
    with pytest.raises(CardError) as refusal:
        loopback.paid_intent(payment_method=method, off_session=True)

    error = refusal.value
    assert (error.http_status, error.code) == (402, code)
    assert error.json_body["error"].get("decline_code") == reason
    kept = stripe.payment_intents.retrieve(error.error.payment_intent.id)
    assert (kept.status, kept.amount_received) == ("requires_payment_method", 0)
    assert kept.last_payment_error.code == code
    assert loopback.event_types()[-1] == "payment_intent.payment_failed"


def test_create_then_confirm(stripe):
    made = stripe.payment_intents.create({"amount": 700, "currency": "EUR"})
    assert (made.status, made.currency) == ("requires_payment_method", "eur")

    confirmed = stripe.payment_intents.confirm(made.id, {"payment_method": "pm_card_visa"})

    assert confirmed.status == "succeeded"
    with pytest.raises(InvalidRequestError) as refusal:
        stripe.payment_intents.confirm(made.id, {"payment_method": "pm_card_visa"})
    assert refusal.value.code == "payment_intent_unexpected_state"
    assert len(stripe.charges.list().data) == 1


def test_an_intent_in_the_presence_of_the_payer_may_ask_for_3d_secure(stripe, loopback):
    intent = loopback.paid_intent(
        payment_method="pm_card_threeDSecure2Required", return_url="http://localhost:9/back?x=1"
    )
    assert intent.status == "requires_action"
    page = intent.next_action.redirect_to_url.url.removeprefix(loopback.url)

    answer = loopback.submit(page, answer="approve")

    assert answer.status == 303
    assert answer.headers["Location"].startswith("http://localhost:9/back?x=1&payment_intent=pi_")
    assert answer.headers["Location"].endswith("redirect_status=succeeded")
    assert stripe.payment_intents.retrieve(intent.id).status == "succeeded"
    assert "payment_intent.requires_action" in loopback.event_types()


def test_an_unpaid_intent_can_be_canceled_and_a_paid_one_not(stripe, loopback):
    unpaid = stripe.payment_intents.create({"amount": 700, "currency": "eur"})
    paid = loopback.paid_intent()

    canceled = stripe.payment_intents.cancel(unpaid.id, {"cancellation_reason": "abandoned"})

    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned")
    with pytest.raises(InvalidRequestError) as refusal:
        stripe.payment_intents.cancel(paid.id)
    assert refusal.value.code == "payment_intent_unexpected_state"


def test_an_amount_can_change_until_it_is_paid(stripe, loopback):
    intent = stripe.payment_intents.create({"amount": 700, "currency": "eur"})

    changed = stripe.payment_intents.update(intent.id, {"amount": 800, "metadata": {"a": "1"}})

    assert (changed.amount, changed.metadata.to_dict()) == (800, {"a": "1"})
    with pytest.raises(InvalidRequestError):
        stripe.payment_intents.update(loopback.paid_intent().id, {"amount": 1})


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"amount": 49}, "amount"),
        ({"amount": 100_000_000}, "amount"),
        ({"amount": "12.5"}, "amount"),
        ({"amount": "-100"}, "amount"),
        ({"currency": "xxx"}, "currency"),
        ({"currency": "tnd", "amount": 1001}, "amount"),
        ({"customer": "cus_x"}, "customer"),
        ({"payment_method": "pm_x"}, "payment_method"),
        ({"payment_method_types": ["card"]}, "payment_method_types"),
        ({"capture_method": "manual"}, "capture_method"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_input_names_the_parameter_and_takes_no_money(stripe, loopback, changes, param):
    with pytest.raises(InvalidRequestError) as refusal:
        loopback.paid_intent(**changes)

    assert (refusal.value.http_status, refusal.value.param) == (400, param)
    assert stripe.payment_intents.list().data == []
    assert stripe.charges.list().data == []


def test_an_unknown_parameter_does_not_hide_behind_a_declined_card(stripe, loopback):
    with pytest.raises(InvalidRequestError):
        loopback.paid_intent(payment_method="pm_card_chargeDeclined", colour="red")

    assert stripe.payment_intents.list().data == []


def test_somebody_elses_card_is_refused(stripe, loopback):
    _, method = saved_card(stripe)
    stranger = stripe.customers.create({"name": "Charlie"})

    with pytest.raises(InvalidRequestError, match="belongs to a customer"):
        loopback.paid_intent(payment_method=method, customer=stranger.id)
    with pytest.raises(InvalidRequestError, match="already been attached"):
        stripe.payment_methods.attach(method, {"customer": stranger.id})


def test_methods_are_listed_by_customer_and_type(stripe):
    customer, card = saved_card(stripe)
    debit = stripe.payment_methods.create(
        {"type": "sepa_debit", "sepa_debit": {"iban": "DE89 3704 0044 0532 0130 00"}}
    )
    stripe.payment_methods.attach(debit.id, {"customer": customer})

    def listed(**filters):
        found = stripe.payment_methods.list({"customer": customer, **filters})
        return [method.id for method in found.data]

    assert listed() == [debit.id, card]
    assert listed(type="card") == [card]
    assert [m.id for m in stripe.customers.payment_methods.list(customer).data] == listed()


def test_a_detached_method_is_no_longer_the_default(stripe, loopback):
    customer, method = saved_card(stripe)
    settings = {"default_payment_method": method}
    stripe.customers.update(customer, {"invoice_settings": settings})

    stripe.payment_methods.detach(method)

    found = stripe.customers.retrieve(customer)
    assert found.invoice_settings.default_payment_method is None
    assert stripe.payment_methods.list({"customer": customer}).data == []
    assert "payment_method.detached" in loopback.event_types()
    with pytest.raises(InvalidRequestError):
        stripe.payment_methods.detach(method)


def test_a_default_must_be_the_customers_own(stripe):
    _, method = saved_card(stripe)
    stranger = stripe.customers.create({"name": "Charlie"})

    with pytest.raises(InvalidRequestError):
        stripe.customers.update(
            stranger.id, {"invoice_settings": {"default_payment_method": method}}
        )


def test_a_card_that_is_no_test_card_is_declined_and_not_kept(loopback, stripe):
    number = "4929420573595709"
    method = stripe.payment_methods.create({"type": "card", "card": {"number": number}})

    with pytest.raises(CardError) as refusal:
        loopback.paid_intent(payment_method=method.id)

    assert refusal.value.error.decline_code == "test_mode_live_card"
    files = [path.read_bytes() for path in loopback.state.iterdir()]
    assert not any(number.encode() in content for content in files)


def test_a_wrong_card_number_is_refused(stripe):
    with pytest.raises(CardError) as refusal:
        stripe.payment_methods.create({"type": "card", "card": {"number": "4242424242424241"}})

    assert refusal.value.code == "incorrect_number"


def test_a_setup_intent_saves_a_card(stripe, loopback):
    customer = stripe.customers.create({"name": "Ann"})

    setup = stripe.setup_intents.create(
        {"customer": customer.id, "payment_method": "pm_card_visa", "confirm": True}
    )

    assert (setup.status, setup.usage) == ("succeeded", "off_session")
    saved = stripe.payment_methods.list({"customer": customer.id}).data
    assert [method.id for method in saved] == [setup.payment_method]
    assert "setup_intent.succeeded" in loopback.event_types()


def test_a_setup_may_be_refused_challenged_or_canceled(stripe):
    with pytest.raises(CardError) as refusal:
        stripe.setup_intents.create({"payment_method": "pm_card_chargeDeclined", "confirm": True})
    waiting = stripe.setup_intents.create(
        {"payment_method": "pm_card_authenticationRequired", "confirm": True}
    )

    canceled = stripe.setup_intents.cancel(waiting.id)

    assert refusal.value.error.setup_intent.status == "requires_payment_method"
    assert (waiting.status, canceled.status) == ("requires_action", "canceled")


def test_a_card_that_fails_later_can_be_saved(stripe, loopback):
    customer, method = saved_card(stripe, "4000000000000341")

    with pytest.raises(CardError):
        loopback.paid_intent(customer=customer, payment_method=method, off_session=True)


def test_a_debit_stays_processing_until_it_arrives(stripe, loopback):
    intent = loopback.paid_intent(payment_method="pm_sepaDebit")
    assert intent.status == "processing"

    loopback.control(f"payment_intents/{intent.id}/settle", outcome="succeeded")

    assert stripe.payment_intents.retrieve(intent.id).status == "succeeded"
    charge = stripe.charges.retrieve(intent.latest_charge, {"expand": ["balance_transaction"]})
    assert (charge.status, charge.paid) == ("succeeded", True)
    assert (charge.balance_transaction.type, charge.balance_transaction.fee) == ("payment", 35)

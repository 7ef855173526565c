"""Idempotency keys: a repeated request has one effect."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe as library

from tests.billing.loopback.driver import client

FORM = "application/x-www-form-urlencoded"
PAYMENT = {
    "amount": 5000,
    "currency": "eur",
    "payment_method": "pm_card_visa",
    "confirm": True,
}


def keyed(key):
    return {"idempotency_key": key}


def test_the_same_key_gets_the_first_answer_again(stripe):
    first = stripe.payment_intents.create(PAYMENT, keyed("top-up 7"))
    second = stripe.payment_intents.create(PAYMENT, keyed("top-up 7"))

    assert second.to_dict() == first.to_dict()
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert second.last_response.headers["Original-Request"] == first.last_response.request_id
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert len(stripe.charges.list().data) == 1


def test_the_same_key_with_other_parameters_is_refused(stripe):
    stripe.payment_intents.create(PAYMENT, keyed("top-up 7"))

    with pytest.raises(library.IdempotencyError) as refusal:
        stripe.payment_intents.create(PAYMENT | {"amount": 6000}, keyed("top-up 7"))

    assert refusal.value.http_status == 400
    assert len(stripe.charges.list().data) == 1


def test_the_same_key_at_another_address_is_refused(stripe):
    stripe.payment_intents.create(PAYMENT, keyed("top-up 7"))

    with pytest.raises(library.IdempotencyError, match="same endpoint"):
        stripe.customers.create({}, keyed("top-up 7"))


def test_a_declined_payment_is_remembered_too(stripe):
    declined = PAYMENT | {"payment_method": "pm_card_chargeDeclined"}
    for _ in range(2):
        with pytest.raises(library.CardError):
            stripe.payment_intents.create(declined, keyed("top-up 7"))

    assert len(stripe.charges.list().data) == 1


def test_a_key_is_not_spent_on_a_request_that_fails_validation(stripe):
    with pytest.raises(library.InvalidRequestError):
        stripe.payment_intents.create(PAYMENT | {"amount": 1}, keyed("top-up 7"))

    assert stripe.payment_intents.create(PAYMENT, keyed("top-up 7")).status == "succeeded"


def test_a_request_in_flight_holds_its_key(loopback, stripe):
    loopback.control("faults", kind="latency", milliseconds=700, path="/v1/customers")
    headers = {"Content_Type": FORM, "Idempotency_Key": "sign-up"}

    def send(_):
        return loopback.api("POST", "/v1/customers", "name=Ann", **headers)

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(send, range(2)), key=lambda answer: answer.status)

    assert [answer.status for answer in answers] == [200, 409]
    error = json.loads(answers[1].text)["error"]
    assert (error["type"], error["code"]) == ("idempotency_error", "idempotency_key_in_use")
    assert len(stripe.customers.list().data) == 1


def test_twenty_at_once_have_one_effect(loopback, stripe):
    def send(_):
        patient = client(loopback.url, max_network_retries=5)
        return patient.v1.payment_intents.create(PAYMENT, keyed("top-up 7")).id

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(send, range(20)))

    assert len(answers) == 1
    assert len(stripe.charges.list().data) == 1


def test_a_lost_answer_is_found_again_with_its_key(loopback, stripe):
    loopback.control("faults", kind="lost_answer", path="/v1/payment_intents")
    with pytest.raises(library.APIConnectionError):
        stripe.payment_intents.create(PAYMENT, keyed("top-up 7"))

    intent = stripe.payment_intents.create(PAYMENT, keyed("top-up 7"))

    assert intent.last_response.headers["Idempotent-Replayed"] == "true"
    assert intent.status == "succeeded"
    assert len(stripe.charges.list().data) == 1


def test_a_lost_request_has_no_effect(loopback, stripe):
    loopback.control("faults", kind="lost_request", path="/v1/payment_intents")

    with pytest.raises(library.APIConnectionError):
        stripe.payment_intents.create(PAYMENT)

    assert stripe.payment_intents.list().data == []


@pytest.mark.parametrize(
    ("kind", "error"), [("error", library.APIError), ("rate_limit", library.RateLimitError)]
)
def test_a_failure_on_command_happens_as_often_as_asked(loopback, stripe, kind, error):
    loopback.control("faults", kind=kind, times=2, path="/v1/customers")

    for _ in range(2):
        with pytest.raises(error):
            stripe.customers.create({}, keyed("sign-up"))

    assert stripe.customers.create({}, keyed("sign-up")).id.startswith("cus_")


def test_a_key_longer_than_255_characters_is_refused(stripe):
    with pytest.raises(library.InvalidRequestError, match="255"):
        stripe.customers.create({}, keyed("k" * 256))

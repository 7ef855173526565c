"""The payment page as plain HTTP: every state, every mistake, no script."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.billing.loopback.driver import line

CARD = {
    "email": "ann@acme.example",
    "method": "card",
    "card_number": "4242 4242 4242 4242",
    "expiry": "12/34",
    "cvc": "123",
    "name": "Ann",
}
DEBIT = {
    "email": "ann@acme.example",
    "method": "sepa_debit",
    "iban": "DE89 3704 0044 0532 0130 00",
    "holder": "Ann",
}


def page_of(session):
    return f"/c/pay/{session.id}"


def paid_at(session):
    return f"http://localhost:9/paid?session={session.id}"


def test_the_page_says_what_is_sold_and_that_it_is_a_simulation(loopback):
    vat = loopback.client.v1.tax_rates.create(
        {"display_name": "VAT", "percentage": 19.6, "inclusive": False}
    )
    session = loopback.session(line_items=[line(2500, 2, tax_rates=[vat.id])])

    page = loopback.get(page_of(session))

    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))
    assert page.status == 200
    assert "Simulated payment page – no real money" in text  # noqa: RUF001
    assert "Bundle M 2 × €25.00 €50.00" in text  # noqa: RUF001
    assert "Subtotal €50.00 VAT 19.6 % €9.80 Total due €59.80" in text
    assert "Pay €59.80" in text
    assert 'value="4242 4242 4242 4242"' in page.text
    assert 'href="http://localhost:9/back"' in page.text


def test_the_page_runs_no_script_and_stores_nothing(loopback):
    page = loopback.get(page_of(loopback.session()))

    policy = page.headers["Content-Security-Policy"]
    assert policy == (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
        "frame-ancestors 'none'; form-action 'self' http://localhost:9"
    )
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "<script" not in page.text
    assert " style=" not in page.text


def test_what_the_merchant_wrote_is_escaped(loopback):
    evil = "<script>alert('1')</script>"
    item = line()
    item["price_data"]["product_data"] = {"name": evil, "description": '"><b>'}
    session = loopback.session(
        line_items=[item],
        branding_settings={"display_name": evil},
        customer_email='"><i>@x.example',
        cancel_url='http://localhost:9/"><u>',
    )

    page = loopback.get(page_of(session)).text

    assert not re.search(r"<(script|b|i|u)>", page)


def test_paying_leads_to_the_success_address(loopback):
    session = loopback.session()

    answer = loopback.submit(page_of(session), **CARD)

    assert (answer.status, answer.headers["Location"]) == (303, paid_at(session))
    found = loopback.client.v1.checkout.sessions.retrieve(session.id)
    assert (found.payment_status, found.customer_details.name) == ("paid", "Ann")


def test_a_second_submit_pays_nothing_and_leads_to_the_same_address(loopback):
    session = loopback.session()

    with ThreadPoolExecutor(8) as pool:
        submits = pool.map(lambda _: loopback.submit(page_of(session), **CARD), range(8))
        answers = {(answer.status, answer.headers["Location"]) for answer in submits}

    assert answers == {(303, paid_at(session))}
    assert len(loopback.client.v1.charges.list().data) == 1
    assert loopback.event_types(type="checkout.session.completed") == ["checkout.session.completed"]


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        ("4000000000000002", "Your card was declined."),
        ("4000000000009995", "Your card has insufficient funds."),
        ("4929420573595709", "used a non test card"),
    ],
)
def test_a_declined_card_says_so_and_lets_the_payer_try_again(loopback, number, sentence):
    session = loopback.session()

    declined = loopback.submit(page_of(session), **CARD | {"card_number": number})
    paid = loopback.submit(page_of(session), **CARD)

    assert declined.status == 402
    assert sentence in declined.text
    assert 'role="alert"' in declined.text
    assert paid.headers["Location"] == paid_at(session)
    charges = loopback.client.v1.charges.list().data
    assert [charge.status for charge in charges] == ["succeeded", "failed"]


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("email", "ann", "Enter an e-mail address"),
        ("card_number", "4242", "This is not a card number."),
        ("card_number", "", "This is not a card number."),
        ("expiry", "13/34", "Enter the expiry"),
        ("expiry", "12/20", "The card has expired."),
        ("cvc", "12", "The security code has 3 or 4 digits."),
        ("name", "", "Enter the name on the card."),
        ("name", "%0A%20", "Enter the name on the card."),
    ],
)
def test_a_mistake_is_named_at_its_field_and_takes_no_money(loopback, field, value, sentence):
    session = loopback.session()

    answer = loopback.submit(page_of(session), **CARD | {field: value})

    assert answer.status == 422
    assert f'<p class="error" id="{field}-error">{sentence}' in answer.text
    assert f'aria-describedby="{field}-error"' in answer.text
    assert loopback.client.v1.payment_intents.list().data == []


def test_an_unknown_account_is_refused(loopback):
    session = loopback.session()

    answer = loopback.submit(page_of(session), **DEBIT | {"iban": "FR7630006000011234567890189"})

    assert answer.status == 422
    assert "Use one of the test accounts" in answer.text


def test_an_empty_form_and_a_strange_one_are_refused(loopback):
    session = loopback.session()

    assert loopback.request("POST", page_of(session), "").status == 422
    assert loopback.request("POST", page_of(session), "method=gold&a[=1").status == 400
    assert loopback.request("POST", page_of(session), "x" * 10_000_000).status == 413
    assert loopback.client.v1.payment_intents.list().data == []


def test_a_bank_debit_leads_on_at_once(loopback):
    session = loopback.session()

    answer = loopback.submit(page_of(session), **DEBIT)

    assert answer.headers["Location"] == paid_at(session)
    found = loopback.client.v1.checkout.sessions.retrieve(session.id)
    assert (found.status, found.payment_status) == ("complete", "unpaid")


def test_a_method_that_is_not_offered_is_not_taken(loopback):
    session = loopback.session(allowed_payment_method_types=["card"])

    page = loopback.get(page_of(session)).text
    answer = loopback.submit(page_of(session), **DEBIT)

    assert "IBAN" not in page
    assert answer.status == 422


@pytest.mark.parametrize("number", ["4000002500003155", "4000000000003220"])
def test_the_bank_may_ask(loopback, number):
    session = loopback.session()

    asked = loopback.submit(page_of(session), **CARD | {"card_number": number})
    question = loopback.get(asked.headers["Location"])
    unanswered = loopback.submit(asked.headers["Location"], answer="maybe")
    answer = loopback.submit(asked.headers["Location"], answer="approve")
    again = loopback.submit(asked.headers["Location"], answer="deny")

    assert asked.status == 303
    assert "Confirm it is you" in question.text
    assert f"ending in {number[-4:]}" in question.text
    assert unanswered.status == 200
    assert answer.headers["Location"] == again.headers["Location"] == paid_at(session)
    assert len(loopback.client.v1.charges.list().data) == 1


def test_a_payer_who_denies_comes_back_to_the_page(loopback):
    session = loopback.session()
    asked = loopback.submit(page_of(session), **CARD | {"card_number": "4000000000003220"})

    answer = loopback.submit(asked.headers["Location"], answer="deny")

    assert answer.headers["Location"] == page_of(session)
    page = loopback.get(page_of(session)).text
    assert "We are unable to authenticate your payment method." in page
    assert 'value="ann@acme.example"' in page
    assert loopback.client.v1.charges.list().data == []


def test_a_guessed_secret_opens_nothing(loopback):
    intent = loopback.paid_intent(payment_method="pm_card_threeDSecure2Required")

    assert loopback.get(f"/3ds/{intent.id}_secret_guess").status == 404
    assert loopback.submit(f"/3ds/{intent.id}", answer="approve").status == 404


def test_a_paid_page_says_so(loopback):
    session = loopback.session()
    loopback.submit(page_of(session), **CARD)

    page = loopback.get(page_of(session))

    assert page.status == 200
    assert "Nothing more will be charged" in page.text
    assert f'href="{paid_at(session)}"' in page.text


def test_an_expired_page_says_so(loopback):
    session = loopback.session()
    loopback.client.v1.checkout.sessions.expire(session.id)

    shown, sent = loopback.get(page_of(session)), loopback.submit(page_of(session), **CARD)

    assert (shown.status, sent.status) == (410, 410)
    assert "This page has expired" in shown.text
    assert loopback.client.v1.charges.list().data == []


@pytest.mark.parametrize("path", ["/c/pay/cs_test_x", "/3ds/x", "/assets/../store.py"])
def test_an_unknown_page_is_404(loopback, path):
    assert loopback.get(path).status == 404


def test_setup_asks_for_no_money(loopback):
    customer = loopback.client.v1.customers.create({"name": "Ann", "email": "ann@acme.example"})
    session = loopback.client.v1.checkout.sessions.create(
        {
            "mode": "setup",
            "currency": "eur",
            "customer": customer.id,
            "success_url": "http://localhost:9/saved",
        }
    )

    page = loopback.get(page_of(session)).text
    answer = loopback.submit(page_of(session), **CARD)

    assert "Save payment method" in page
    assert "€" not in page
    assert 'name="email"' not in page
    assert answer.headers["Location"] == "http://localhost:9/saved"
    saved = loopback.client.v1.payment_methods.list({"customer": customer.id}).data
    assert [method.card.last4 for method in saved] == ["4242"]

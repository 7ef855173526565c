"""The balance, buying a bundle and the ledger, as the people of an organization see them."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from billing.models import CreditGrant, Order
from billing.services import credits, invoicing
from common.database import service
from common.ids import uuid7
from marketplace.models import Bundle, TokenWeight
from tenants.models import Membership, Organization

BALANCE, BUNDLES, LEDGER = (f"/o/acme/billing/{it}" for it in ("", "bundles/", "ledger/"))


@pytest.fixture
def bundle(db):
    """Twenty euros of credit for twenty euros."""
    with service():
        return Bundle.objects.create(
            slug="starter",
            name="Starter",
            currency="EUR",
            net_amount=Decimal(20),
            grant_unit="money",
            grant_quantity=Decimal(20),
            validity_days=90,
        )


@pytest.fixture
def order(acme, alice, bundle):
    """An order that waits for its payment."""
    with service():
        return Order.objects.create(
            organization=acme,
            operation_key=str(uuid7()),
            bundle=bundle,
            bundle_name=bundle.name,
            currency="EUR",
            net=Decimal(20),
            tax_rate=Decimal("0.2"),
            tax=Decimal(4),
            total=Decimal(24),
            grant_unit="money",
            grant_quantity=Decimal(20),
            validity_days=90,
            checkout_url="http://localhost:9/pay",
            placed_by=alice,
        )


@pytest.fixture
def paid(acme, order):
    """The same, paid."""
    with service():
        order.status, order.paid_at = Order.Status.PAID, timezone.now()
        order.save()
        invoicing.invoice_purchase(order)
        credits.grant(
            acme,
            unit="money",
            quantity=order.grant_quantity,
            source_key=f"order:{order.pk}",
            cost_basis=order.net,
            expires_at=order.paid_at + timedelta(days=90),
        )
    return order


def text_of(response):
    """Return a page's visible words, one space between each."""
    page = re.sub(r"<[^>]+>", " ", response.content.decode())
    return re.sub(r"[ \t\r\n\N{NO-BREAK SPACE}]+", " ", page)


def test_an_empty_balance_offers_the_first_step(acme, bob, alice_client, bob_client):
    page = alice_client.get(BALANCE)

    assert "No credit yet" in text_of(page)
    assert page.content.decode().count(f'href="{BUNDLES}"') == 2
    with service():
        Membership.objects.filter(user=bob).update(role="auditor")
    assert f'href="{BUNDLES}"' not in bob_client.get(BALANCE).content.decode()


def test_the_balance_is_exact_and_told_twice(acme, give, alice_client):
    give("10.00000015")
    expired = give("5", expires_at=timezone.now() + timedelta(days=1))
    with service():
        CreditGrant.objects.filter(pk=expired.pk).update(
            expires_at=timezone.now() - timedelta(seconds=1)
        )

    page = text_of(alice_client.get(BALANCE))

    assert "Live balance 10.00000015 EUR" in page
    assert "Settled balance 15.00000015 EUR" in page


def test_grants_stand_in_the_order_they_burn(acme, give, token_class, alice_client):
    give("1")
    give("2", expires_at=timezone.now() + timedelta(days=200))
    give("3", expires_at=timezone.now() + timedelta(days=10))
    give("40000", token_class=token_class, cost="1")

    response = alice_client.get(BALANCE)

    burning = [int(it.grant.granted) for it in response.context["credit"].allotments]
    page = text_of(response)
    assert burning == [40000, 3, 2, 1]
    assert page.index("Used first") < page.index("Small models", page.index("Used first"))
    assert page.count("Soon") == 1
    assert "40\N{NARROW NO-BREAK SPACE}000 " in page


def test_a_bundle_shows_its_price_before_and_after_tax(acme, bundle, alice_client):
    page = text_of(alice_client.get(BUNDLES))

    assert "20.00 EUR without tax; 24.00 EUR with 20 % tax" in page
    assert "20.00 EUR of credit Pays for Every model" in page
    assert "90 days from the payment; what is left then expires" in page
    assert "Pay 24.00 EUR" in page


def test_a_bundle_of_tokens_says_how_they_count(acme, token_class, alice_client):
    with service():
        for part, weight in (("input", 1), ("cached_input", "0.25"), ("output", 3)):
            TokenWeight.objects.create(
                token_class=token_class, token_part=part, weight=Decimal(weight)
            )
        Bundle.objects.create(
            slug="tokens",
            name="Tokens",
            currency="EUR",
            net_amount=Decimal(100),
            grant_unit="tokens",
            grant_quantity=Decimal(250_000_000),
            token_class=token_class,
        )

    page = text_of(alice_client.get(BUNDLES))

    assert "250\N{NARROW NO-BREAK SPACE}000\N{NARROW NO-BREAK SPACE}000 tokens" in page
    assert "Pays for Small models" in page
    assert "0.40 EUR per million tokens, without tax" in page
    assert "Output × 3" in page  # noqa: RUF001
    assert "Cached input × 0.25" in page  # noqa: RUF001


@pytest.mark.parametrize(
    "form", [{}, {"bundle": "starter"}, {"bundle": "starter", "operation_key": "again"}]
)
def test_an_order_without_its_key_is_refused_on_the_page(acme, bundle, alice_client, form):
    response = alice_client.post("/o/acme/billing/checkout/", form)

    assert response.status_code == 422
    assert "Starter" in text_of(response)
    assert 'class="error-summary"' in response.content.decode()
    with service():
        assert not Order.objects.exists()


def test_an_unknown_bundle_does_not_exist(acme, bundle, alice_client):
    form = {"bundle": "nothing", "operation_key": str(uuid7())}

    assert alice_client.post("/o/acme/billing/checkout/", form).status_code == 404


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("pending", "The payment was not completed Nothing was charged."),
        ("expired", "The payment page has expired Nothing was charged."),
        ("paid", "This order is paid"),
    ],
)
def test_who_left_the_payment_page_is_told_what_happened(acme, order, alice_client, status, words):
    with service():
        Order.objects.update(status=status)

    page = text_of(alice_client.get(BUNDLES, {"canceled": str(order.pk)}))

    assert words in page


@pytest.mark.parametrize(
    "order_id", ["", "x", "%00", "0" * 5000, "0190b8a2-0000-7000-8000-000000000000"]
)
def test_an_order_that_is_not_theirs_says_nothing(acme, bundle, alice_client, order_id):
    response = alice_client.get(BUNDLES, {"canceled": order_id})

    assert response.status_code == 200
    assert "Nothing was charged" not in text_of(response)


def test_an_order_waits_for_the_ledger(acme, order, alice_client):
    address = f"/o/acme/billing/orders/{order.pk}/"

    page = alice_client.get(address)
    part = alice_client.get(address, headers={"HX-Request": "true"})

    assert "Waiting for the payment" in text_of(page)
    assert 'hx-trigger="every 2s"' in page.content.decode()
    assert part.status_code == 200
    assert "HX-Request" in part["Vary"]


def test_a_paid_order_shows_its_credit_and_its_invoice(acme, paid, alice_client):
    address = f"/o/acme/billing/orders/{paid.pk}/"

    page = alice_client.get(address)
    part = alice_client.get(address, headers={"HX-Request": "true"})

    assert "Paid; your credit is ready" in text_of(page)
    assert "TES-" in text_of(page)
    assert "Valid until" in text_of(page)
    assert 'hx-trigger="every 2s"' not in page.content.decode()
    assert part.status_code == 286
    assert "<html" not in part.content.decode()


def test_the_ledger_shows_both_sides(acme, paid, alice_client):
    page = text_of(alice_client.get(LEDGER))

    assert "Credit granted" in page
    assert page.count("20.00 EUR") == 2
    assert "Customer prepaid" in page


def test_the_ledger_is_asked_by_account_and_page_by_page(acme, give, alice_client, monkeypatch):
    monkeypatch.setattr("billing.books.PAGE", 2)
    for number in range(3):
        give(f"{number + 1}")

    first = alice_client.get(LEDGER, {"account": "customer_prepaid"})
    second = alice_client.get(LEDGER + first.context["older_url"])
    nothing = alice_client.get(LEDGER, {"account": "tax"})

    shown = [len(response.context["leaf"].bookings) for response in (first, second, nothing)]
    assert shown == [2, 1, 0]
    assert second.context["older_url"] == ""
    assert "Nothing is booked on this account" in text_of(nothing)


@pytest.mark.parametrize("query", [{"account": "slush"}, {"before": "yesterday"}])
def test_a_ledger_that_cannot_be_read_is_refused(acme, alice_client, query):
    assert alice_client.get(LEDGER, query).status_code == 422


@pytest.fixture
def suspended(acme):
    """Acme, shut out."""
    with service():
        Organization.objects.filter(pk=acme.pk).update(status="suspended")


def test_who_is_suspended_is_offered_nothing(alice_client, suspended, bundle):
    page = alice_client.get(BUNDLES)

    assert "is suspended and cannot buy" in text_of(page)
    assert b'name="operation_key"' not in page.content


def test_who_is_suspended_buys_nothing(alice_client, suspended, bundle):
    facts = {"bundle": bundle.slug, "operation_key": str(uuid7())}

    reply = alice_client.post("/o/acme/billing/checkout/", facts)

    assert reply.status_code == 403
    assert "is suspended and cannot buy" in text_of(reply)
    with service():
        assert Order.objects.count() == 0

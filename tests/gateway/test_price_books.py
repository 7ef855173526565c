"""A call costs what the caller's price books say, and stops exactly at a credit limit."""

import asyncio
from decimal import Decimal

import pytest
from django.utils import timezone

from billing import agreements
from billing.models import Contract, RatedUsage
from billing.services import limits
from common.database import service
from marketplace.services import books
from tests.gateway.conftest import hello, recorded
from tests.gateway.test_funds import WORTH, many


def per_unit(amount):
    return {"model": "per_unit", "unit_amount": amount}


@pytest.fixture
def charge(acme, make_offer):
    """Sell a model to Acme at prices of their own."""

    def charge(prices):
        offer = make_offer()
        with service():
            book = books.create(
                code="acme", name="Acme", currency="EUR", by=None, organization=acme
            )
            version = books.draft(book, by=None)
            books.put(version, offer, {(part, "standard"): it for part, it in prices.items()})
            books.publish(version, by=None)
        return offer.name

    return charge


def test_a_call_costs_what_the_customers_own_book_says(gateway, key, pay, charge, engine):
    model = charge(
        {
            "input": per_unit("0.001"),
            "output": per_unit("0.002"),
            "requests": per_unit("0.5"),
        }
    )
    pay("20")

    gateway.client(key).chat.completions.create(model=model, **hello(max_tokens=20))

    event = recorded()[0]
    with service():
        worth = RatedUsage.objects.get(pk=event.pk)
    tokens = event.input_tokens * Decimal("0.001") + event.output_tokens * Decimal("0.002")
    assert worth.amount == tokens + Decimal("0.5")
    assert worth.amounts["requests"] == "0.5"


def test_parallel_calls_on_a_credit_limit_for_ten_let_ten_through_at_most(
    gateway, start_gateway, make_key, acme, make_offer, engine
):
    now = timezone.now()
    with service():
        Contract.objects.create(
            organization=acme,
            number="C-1",
            status="active",
            starts_on=now.date(),
            effective_from=now,
            signed_at=now,
            overage="credit_then_invoice",
            credit_limit=WORTH * 10,
        )
        limits.sync(acme)
    engine.words, engine.pause = 20, 0.3
    name = make_offer(default_concurrency=500, max_output=20).name

    statuses = asyncio.run(many([gateway, start_gateway()], make_key(), name, 60, max_tokens=20))

    # 503 where the other process was too busy to say in time what it holds: try again.
    assert {20, 402} <= set(statuses) <= {20, 402, 503}
    recorded(statuses[20])
    with service():
        assert agreements.owed(acme, "EUR") <= WORTH * 10

"""Payments that a bank takes back, and the bank."""

import uuid
from decimal import Decimal

import pytest

from billing.models import (
    InvoiceLine,
    Order,
)
from billing.services import chargebacks as booking
from billing.services import (
    charges,
    collecting,
    orders,
)
from common.database import service
from marketplace import demo
from marketplace.models import Bundle
from tests.billing.chargebacks import reading


@pytest.fixture
def bought(stripe, acme, alice):
    """Acme's purchase of a bundle of money, paid by card."""
    demo.seed()
    with service():
        bundle = Bundle.objects.filter(currency="EUR", grant_unit="money").first()
    order = orders.start(acme, bundle, by=alice, operation_key=str(uuid.uuid4()))
    stripe.control(f"checkout/sessions/{order.session_id}/pay")
    return orders.fulfil(order.session_id)


@pytest.fixture
def charged(stripe, acme, save, bill):
    """Acme's invoice over 120 euros, charged to its card; due forty days ago."""
    method = save()
    invoice = bill(overdue=40)
    with service():
        InvoiceLine.objects.create(
            organization=acme,
            invoice=invoice,
            position=1,
            kind="flat",
            description="Usage",
            quantity=1,
            unit_amount=120,
            exact_amount=120,
            amount=120,
        )
        attempt = charges.place(invoice, Decimal(120), method_id=method.method_id)
    collecting._charge(attempt)
    return invoice


@pytest.fixture
def staff_pair(person):
    """Two of the staff: one proposes, the other approves."""
    return [person(f"{name}@operator.example", is_staff=True) for name in ("sam", "kim")]


@pytest.fixture
def dispute(stripe):
    """Let the bank take a payment back; answers its dispute."""

    def dispute(paid, **facts):
        reference = (
            getattr(paid, "payment_reference", "")
            if isinstance(paid, Order)
            else reading.paid(paid)
        )
        return stripe.control("disputes", payment_intent=reference, **facts)["id"]

    return dispute


@pytest.fixture
def close(stripe):
    """Let the bank decide, and us hear of it and act."""

    def close(reference, status):
        stripe.control(f"disputes/{reference}/close", status=status)
        orders.reconcile()
        booking.settle()

    return close

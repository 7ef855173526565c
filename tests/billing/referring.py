"""Customers who bring customers, and the terms by which both are credited."""

from decimal import Decimal

import pytest
from django.utils import timezone

from billing.models import (
    CreditGrant,
    Order,
    Referral,
)
from billing.services import orders, referral_terms, referrals
from common.database import service
from common.ids import uuid7
from marketplace import demo
from marketplace.models import Bundle
from tenants.services import organizations


@pytest.fixture
def sam(person):
    """One of the staff, who proposes."""
    return person("sam-proposes@operator.example", is_staff=True)


@pytest.fixture
def kim(person):
    """One of the staff, who decides."""
    return person("kim-decides@operator.example", is_staff=True)


@pytest.fixture
def propose(sam):
    """Propose twenty euros for who refers, ten for who comes."""

    def make(**facts):
        with service():
            terms = {"referrer_amount": Decimal(20), "newcomer_amount": Decimal(10)}
            return referral_terms.propose(currency="EUR", by=sam, **(terms | facts))

    return make


@pytest.fixture
def agree(propose, kim):
    """Let terms hold."""

    def make(**facts):
        terms = propose(**facts)
        with service():
            return referral_terms.approve(terms, by=kim)

    return make


@pytest.fixture
def code(acme, alice):
    """What Acme's link ends in."""
    demo.seed()
    with service():
        return referrals.code(acme, by=alice).code


@pytest.fixture
def come(person, code):
    """Let an organization be founded by Acme's link."""

    def make(email="nora@nova.example", name="Nova", **facts):
        owner = person(email)
        return organizations.found(
            name=name, owner=owner, country="FR", **({"referral": code} | facts)
        )

    return make


def buy(organization, **facts):
    """Have an organization pay for a bundle; nobody rings a bell."""
    with service():
        bundle = Bundle.objects.filter(currency="EUR", grant_unit="money").first()
        return Order.objects.create(
            organization=organization,
            operation_key=str(uuid7()),
            bundle=bundle,
            placed_by=organization.sign_up.applicant,
            **{
                "status": Order.Status.PAID,
                "paid_at": timezone.now(),
                **orders.terms(organization, bundle),
                **facts,
            },
        )


def credit_of(organization):
    with service():
        found = CreditGrant.objects.filter(
            organization=organization, source_key__startswith="referral:"
        )
        return [it.granted for it in found]


def standing(newcomer):
    with service():
        found = Referral.objects.get(newcomer=newcomer)
        return found.state, found.reason

"""The operator's desk over one customer: what it shows, credit as a gift, and suspension."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing import queries as billing
from billing.models import CreditGrant, LedgerEntry
from common.database import service
from marketplace import demo
from marketplace.models import TokenClass
from portal import customers
from tenants.models import AuditEntry, Organization
from tenants.scope import scope
from tenants.services import api_keys
from tests.portal.test_staff_desk import use

PAGE = "/staff/customers/acme/"
CREDIT = f"{PAGE}credit/"
STATUS = f"{PAGE}status/"


@pytest.fixture(autouse=True)
def catalogue(acme):
    demo.seed()


@pytest.fixture
def gift():
    return {
        "unit": "money",
        "quantity": "25",
        "reason": "Welcome to the pilot",
        "operation": str(uuid.uuid4()),
    }


def status_of(organization):
    with service():
        return Organization.objects.get(pk=organization.pk).status


def grants(acme):
    with service():
        return list(CreditGrant.objects.filter(organization=acme))


def test_a_customer_is_seen_from_all_sides(staff_client, acme, alice, gift):
    use(acme, amount="0.5")
    staff_client.post(CREDIT, gift)
    with scope(acme):
        minted = api_keys.create(acme, name="Scripts", by=alice)

    response = staff_client.get(PAGE)

    it, page = response.context["it"], response.content.decode()
    assert (it.balance.live.amount, it.worth.amount) == (Decimal(25), Decimal("0.5"))
    assert (it.usable_keys, it.total.total_tokens) == (1, 19)
    assert "alice@acme.example" in page
    assert minted.text not in page
    assert minted.api_key.digest.hex() not in page


def test_a_customers_page_asks_no_more_for_more_of_everything(staff_client, acme, bob, gift):
    with service(), CaptureQueriesContext(connections["service"]) as before:
        customers.portrait(acme)
    use(acme)
    use(acme, offer_name="atlas-large")
    staff_client.post(CREDIT, gift)

    with service(), CaptureQueriesContext(connections["service"]) as after:
        customers.portrait(acme)

    assert len(after) == len(before) < 20


def test_who_is_no_customer_has_no_page(staff_client):
    assert staff_client.get("/staff/customers/nobody/").status_code == 404
    assert staff_client.get("/staff/customers/nobody/credit/").status_code == 404
    assert staff_client.post("/staff/customers/nobody/status/").status_code == 404


def test_credit_is_granted_with_a_reason_the_customer_can_read(staff_client, acme, gift):
    response = staff_client.post(CREDIT, gift)

    assert response.status_code == 302
    (grant,) = grants(acme)
    assert (grant.remaining, grant.kind, grant.cost_basis) == (Decimal(25), "promotional", 0)
    with service():
        entry = AuditEntry.objects.get(organization=acme, action="credit.granted")
        assert (entry.actor_label, entry.after["reason"]) == (
            "sam@operator.example",
            "Welcome to the pilot",
        )
        assert billing.balance(acme).settled.amount == Decimal(25)
        assert sum(LedgerEntry.objects.values_list("amount", flat=True)) == 0


def test_a_form_sent_twice_grants_once(staff_client, acme, gift):
    staff_client.post(CREDIT, gift)
    staff_client.post(CREDIT, gift)

    assert len(grants(acme)) == 1


def test_tokens_of_a_class_are_granted_until_the_end_of_a_day(staff_client, acme, gift):
    last_day = timezone.now().date() + timedelta(days=10)
    tokens = {"unit": "tokens", "quantity": "1000", "token_class": str(TokenClass.objects.get().pk)}

    staff_client.post(CREDIT, gift | tokens | {"expires_on": last_day.isoformat()})

    (grant,) = grants(acme)
    assert (grant.unit, grant.remaining) == ("tokens", Decimal(1000))
    assert grant.expires_at.date() == last_day + timedelta(days=1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", "0"),
        ("quantity", "-5"),
        ("quantity", "0.001"),
        ("quantity", "100001"),
        ("quantity", "NaN"),
        ("quantity", "1e99"),
        ("quantity", ""),
        ("unit", "gold"),
        ("reason", ""),
        ("reason", "   "),
        ("reason", "x" * 251),
        ("expires_on", "2020-01-01"),
        ("expires_on", "2199-01-01"),
        ("expires_on", "soon"),
        ("token_class", "gold"),
        ("operation", ""),
        ("operation", "not-a-key"),
    ],
)
def test_a_bad_gift_is_named_and_nothing_is_given(staff_client, acme, gift, field, value):
    response = staff_client.post(CREDIT, {**gift, field: value})

    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert grants(acme) == []


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"unit": "tokens", "quantity": "10"}, "token_class"),
        ({"unit": "tokens", "quantity": "0.5"}, "quantity"),
    ],
)
def test_tokens_are_whole_and_of_a_class(staff_client, acme, gift, facts, field):
    response = staff_client.post(CREDIT, gift | facts)

    assert field in response.context["form"].errors
    assert grants(acme) == []


def test_a_customer_is_suspended_and_let_in_again(staff_client, acme):
    staff_client.post(STATUS, {"reason": "Unpaid", "status": "suspended"})
    suspended = status_of(acme)

    staff_client.post(STATUS, {"reason": "Paid", "status": "active"})

    assert (suspended, status_of(acme)) == ("suspended", "active")
    with service():
        entries = AuditEntry.objects.filter(organization=acme, action__startswith="organization.")
        assert [(entry.action, entry.after.get("reason")) for entry in entries[:2]] == [
            ("organization.reactivated", "Paid"),
            ("organization.suspended", "Unpaid"),
        ]


def test_the_limits_of_a_customer_are_set(staff_client, acme):
    page = f"/staff/customers/{acme.slug}/limits/"

    refused = staff_client.post(page, {"rpm_limit": "0"})
    saved = staff_client.post(page, {"rpm_limit": "600"}, follow=True).content.decode()

    assert refused.status_code == 422
    assert "600 requests per minute" in saved
    with service():
        entry = AuditEntry.objects.get(action="organization.changed")
    assert (entry.actor_kind, entry.after) == ("staff", {"rpm_limit": 600})


def test_owners_are_written_to_when_they_are_shut_out_and_let_in(staff_client, acme, mailoutbox):
    with service():
        # A name of two lines stops no message and adds no header.
        Organization.objects.update(name="Acme\r\nBcc: everybody@elsewhere.example")

    staff_client.post(STATUS, {"reason": "Unpaid", "status": "suspended"})
    staff_client.post(STATUS, {"reason": "Paid", "status": "active"})

    shut_out, let_in = mailoutbox
    assert shut_out.recipients() == let_in.recipients() == ["alice@acme.example"]
    assert shut_out.subject == "Acme Bcc: everybody@elsewhere.example is suspended"
    assert "Unpaid" in shut_out.body
    assert "is active again" in let_in.subject


def test_suspending_twice_leaves_one_audit_row(staff_client, acme):
    staff_client.post(STATUS, {"reason": "Unpaid", "status": "suspended"})
    staff_client.post(STATUS, {"reason": "Unpaid", "status": "suspended"})

    with service():
        assert AuditEntry.objects.filter(action="organization.suspended").count() == 1


@pytest.mark.parametrize("facts", [{"status": "suspended"}, {"reason": "x", "status": "deleted"}])
def test_nobody_is_suspended_without_a_reason_or_into_nowhere(staff_client, acme, facts):
    response = staff_client.post(STATUS, facts)

    assert response.status_code == 422
    assert status_of(acme) == "active"


def test_the_suspended_are_told_on_every_page(staff_client, alice_client):
    staff_client.post(STATUS, {"reason": "Unpaid", "status": "suspended"})

    page = alice_client.get("/o/acme/").content.decode()

    assert "This organization is suspended" in page


def test_customers_are_found_by_state(staff_client, acme):
    with service():
        Organization.objects.update(status="suspended")

    assert staff_client.get("/staff/customers/?status=suspended").context["customers"]
    assert not staff_client.get("/staff/customers/?status=active").context["customers"]
    assert staff_client.get("/staff/customers/?status=moon").context["customers"]

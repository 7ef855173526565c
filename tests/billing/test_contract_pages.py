"""Contracts in the browser: staff draft and sign, the customer reads."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from billing import agreements
from billing.models import Contract, PurchaseOrder
from billing.services import contracts
from common.database import service

PAGE = "/o/acme/billing/contract/"
DESK = "/staff/customers/acme/contracts/"


def form(**facts):
    tomorrow = timezone.now().date() + timedelta(days=1)
    given = {
        "number": "C-2026-1",
        "starts_on": tomorrow.isoformat(),
        "time_zone": "UTC",
        "commitment": "100.00",
        "overage": "credit_then_invoice",
        "credit_limit": "500.00",
        "net_days": "45",
        "grace_days": "2",
        "late_days": "90",
        "tax_treatment": "standard",
        "collection": "choice",
        "recipients": "bills@acme.example",
    }
    return given | facts


@pytest.mark.usefixtures("acme")
def test_who_signs_signs_what_they_have_read(staff_client, colleague_client):
    staff_client.post(DESK + "new/", form())
    with service():
        draft = Contract.objects.get()
    page = colleague_client.get(DESK).content.decode()
    [seen] = re.findall(r'name="sign"\s+value="([^"]+)"', page)
    with service():
        contracts.change(draft, by=draft.drafted_by, facts={"net_days": 90})

    colleague_client.post(f"{DESK}{draft.pk}/", {"sign": seen})

    assert "changed since you read it" in colleague_client.get(DESK).content.decode()
    with service():
        draft = Contract.objects.get()
        seen = draft.version
    assert draft.is_draft
    colleague_client.post(f"{DESK}{draft.pk}/", {"sign": seen})
    with service():
        assert not Contract.objects.get().is_draft


@pytest.mark.usefixtures("acme")
def test_one_of_the_staff_drafts_a_contract_and_another_signs_it(staff_client, colleague_client):
    assert staff_client.get(DESK + "new/").status_code == 200

    assert staff_client.post(DESK + "new/", form()).status_code == 302
    with service():
        draft = Contract.objects.get()
    assert draft.is_draft
    step, button = f"{DESK}{draft.pk}/", b'name="sign"'
    assert button not in staff_client.get(DESK).content
    staff_client.post(step, {"sign": ""})
    assert b"Somebody else has to sign" in staff_client.get(DESK).content
    assert button in colleague_client.get(DESK).content
    assert colleague_client.post(step, {"sign": ""}).status_code == 302
    with service():
        assert Contract.objects.get().is_draft
        seen = draft.version
    assert colleague_client.post(step, {"sign": seen}).status_code == 302

    with service():
        signed = Contract.objects.get()
    assert signed.effective_from > timezone.now()
    assert (signed.credit_limit, signed.net_days) == (Decimal(500), 45)
    assert b"C-2026-1" in staff_client.get(DESK).content


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("field", "value"),
    [("credit_limit", "0"), ("commitment", "-1"), ("time_zone", "Mars/Base"), ("starts_on", "x")],
)
def test_terms_nobody_can_live_by_are_shown_at_their_field(staff_client, field, value):
    response = staff_client.post(DESK + "new/", form(**{field: value}))

    assert response.status_code == 422
    assert field in response.context["form"].errors
    with service():
        assert not Contract.objects.exists()


@pytest.mark.usefixtures("acme")
def test_a_draft_can_be_thrown_away(staff_client):
    staff_client.post(DESK + "new/", form())
    with service():
        draft = Contract.objects.get()

    staff_client.post(f"{DESK}{draft.pk}/", {"discard": ""})

    with service():
        assert not Contract.objects.exists()


def test_a_purchase_order_is_noted_and_the_customer_sees_what_is_left(
    staff_client, alice_client, acme
):
    today = timezone.now().date()
    order = {"number": "PO-7", "amount": "1000.00", "starts_on": today.isoformat()}
    order["lapses_on"] = (today + timedelta(days=30)).isoformat()

    assert staff_client.post("/staff/customers/acme/orders/", order).status_code == 302
    assert staff_client.post("/staff/customers/acme/orders/", order).status_code == 422

    with service():
        assert PurchaseOrder.objects.count() == 1
        assert agreements.purchase_orders(acme, today)[0].left.amount == 1000
    assert b"PO-7" in alice_client.get(PAGE).content


def test_the_customer_reads_the_contract_that_holds(alice_client, acme):
    now = timezone.now()
    assert b"No contract" in alice_client.get(PAGE).content
    with service():
        Contract.objects.create(
            organization=acme,
            number="C-9",
            status="active",
            starts_on=now.date(),
            effective_from=now,
            signed_at=now,
            overage="credit_then_invoice",
            credit_limit=Decimal(500),
        )

    page = alice_client.get(PAGE).content

    assert b"C-9" in page
    assert b"500.00" in page


def test_the_customer_reads_the_contract_that_is_to_begin(
    alice_client, acme, staff_client, colleague_client
):
    staff_client.post(DESK + "new/", form())
    with service():
        draft = Contract.objects.get()
        seen = draft.version
    assert "C-2026-1" not in alice_client.get(PAGE).content.decode()

    colleague_client.post(f"{DESK}{draft.pk}/", {"sign": seen})

    page = alice_client.get(PAGE).content.decode()
    assert "C-2026-1" in page
    assert "Begins" in page
    assert "No contract" not in page


@pytest.mark.parametrize(
    ("text", "kept"),
    [("", None), ("none", []), ("10 mail\n60 restrict", [(10, "mail"), (60, "restrict")])],
)
def test_a_contract_says_what_is_done_about_unpaid_invoices(staff_client, acme, text, kept):
    staff_client.post(f"{DESK}new/", form(dunning=text))

    with service():
        said = Contract.objects.get().dunning
    assert said == (kept and [{"days": days, "act": act} for days, act in kept])

"""The operator's desk over bundles."""

from decimal import Decimal

import pytest
from django.urls import reverse

from common.database import service
from marketplace.models import Bundle, TokenClass
from tenants.models import AuditEntry

FACTS = {
    "name": "Small",
    "slug": "small",
    "summary": "To begin with.",
    "net_amount": "9.90",
    "grant_unit": "money",
    "currency": "EUR",
    "grant_quantity": "10",
    "validity_days": "90",
}


def bundles():
    with service():
        return list(Bundle.objects.all())


def test_a_new_bundle_is_on_sale_and_audited(staff_client, client):
    response = staff_client.post(reverse("staff:bundle-create"), FACTS)

    assert response.status_code == 302
    (bundle,) = bundles()
    assert (bundle.net_amount, bundle.currency, bundle.is_active) == (Decimal("9.90"), "EUR", True)
    assert "Small" in client.get("/pricing/").content.decode()
    with service():
        assert AuditEntry.objects.get(action="bundle.added").after["net_amount"] == "9.90"


def test_a_bundle_off_sale_cannot_be_bought_and_comes_back(staff_client, client):
    staff_client.post(reverse("staff:bundle-create"), FACTS)
    address = reverse("staff:bundle-sale", args=[bundles()[0].pk])

    staff_client.post(address)
    hidden = client.get("/pricing/").content.decode()
    staff_client.post(address, {"on_sale": "yes"})

    assert "Small" not in hidden
    assert "Small" in client.get("/pricing/").content.decode()


WRONG = [
    {"net_amount": "0"},
    {"net_amount": "-5"},
    {"net_amount": "NaN"},
    {"net_amount": "1e99"},
    {"grant_quantity": "0"},
    {"grant_unit": "gold"},
    {"grant_unit": "tokens"},
    {"validity_days": "0"},
    {"slug": "not a slug"},
    {"name": ""},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_facts_are_told_and_nothing_is_sold(staff_client, wrong):
    response = staff_client.post(reverse("staff:bundle-create"), FACTS | wrong)

    assert response.status_code == 422
    assert bundles() == []


def test_tokens_are_whole(staff_client):
    with service():
        token_class = TokenClass.objects.create(code="standard", name="Standard")
    tokens = {"grant_unit": "tokens", "token_class": str(token_class.pk)}

    refused = staff_client.post(
        reverse("staff:bundle-create"), FACTS | tokens | {"grant_quantity": "0.5"}
    )
    taken = staff_client.post(reverse("staff:bundle-create"), FACTS | tokens)

    assert (refused.status_code, taken.status_code) == (422, 302)


def test_a_name_is_taken_once(staff_client):
    staff_client.post(reverse("staff:bundle-create"), FACTS)

    again = staff_client.post(reverse("staff:bundle-create"), FACTS | {"name": "Other"})

    assert again.status_code == 422
    assert len(bundles()) == 1

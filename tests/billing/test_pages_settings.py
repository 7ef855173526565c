"""Billing details, as the people of an organization see them."""

import pytest

from billing import agreements
from billing.models import BillingProfile
from billing.services import invoicing
from common.database import service
from tenants.models import AuditEntry, Membership

SETTINGS = "/o/acme/billing/settings/"
DETAILS = {
    "legal_name": "Acme SARL",
    "line1": "1 rue de la Paix",
    "line2": "",
    "postal_code": "75002",
    "city": "Paris",
    "country": "FR",
    "vat_id": "FR 40 303 265 045",
    "purchase_order": "PO-17",
    "emails": "ann@acme.example, bob@acme.example; ann@acme.example",
}


def test_details_are_saved_and_the_number_is_unverified(acme, alice_client):
    response = alice_client.post(SETTINGS, DETAILS, follow=True)

    page = response.content.decode()
    assert "Billing details saved." in page
    assert "Unverified" in page
    with service():
        profile = BillingProfile.objects.get()
    assert profile.vat_id == "FR40303265045"
    assert profile.emails == ["ann@acme.example", "bob@acme.example"]


def test_only_what_changed_is_audited_and_the_same_again_is_not(acme, alice_client):
    alice_client.post(SETTINGS, DETAILS)
    alice_client.post(SETTINGS, DETAILS)
    alice_client.post(SETTINGS, DETAILS | {"purchase_order": "PO-18"})

    with service():
        new, changed = AuditEntry.objects.filter(action="billing_profile.changed").order_by("id")
    assert (new.before, new.after["legal_name"]) == (None, "Acme SARL")
    assert (changed.before, changed.after) == (
        {"purchase_order": "PO-17"},
        {"purchase_order": "PO-18"},
    )


def test_who_moves_to_another_country_is_taxed_until_staff_confirm_the_number_again(
    acme, alice_client
):
    alice_client.post(SETTINGS, DETAILS)
    with service():
        BillingProfile.objects.update(vat_state="verified")

    alice_client.post(SETTINGS, DETAILS | {"country": "BE"})

    with service():
        tax = agreements.tax(acme, None, invoicing.default_issuer())
    assert (tax.category, tax.rate > 0) == ("S", True)


def test_another_number_is_unverified_again(acme, alice_client):
    alice_client.post(SETTINGS, DETAILS)
    with service():
        BillingProfile.objects.update(vat_state="verified")

    alice_client.post(SETTINGS, DETAILS | {"city": "Lyon"})
    assert "Verified with the registry" in alice_client.get(SETTINGS).content.decode()

    alice_client.post(SETTINGS, DETAILS | {"vat_id": ""})
    assert "None given" in alice_client.get(SETTINGS).content.decode()


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("legal_name", "", "This field is required"),
        ("line1", "x" * 201, "at most 200 characters"),
        ("country", "XX", "Select a valid choice"),
        ("vat_id", "FR00303265045", "not a VAT number of FR"),
        ("emails", "ann@", "Enter a valid email address"),
        ("emails", ",".join(f"a{n}@b.example" for n in range(11)), "At most ten addresses"),
    ],
)
def test_a_wrong_detail_is_refused_at_its_field(acme, alice_client, field, value, sentence):
    response = alice_client.post(SETTINGS, DETAILS | {field: value})

    page = response.content.decode()
    assert response.status_code == 422
    assert sentence in page
    assert f'href="#id_{field}"' in page
    with service():
        assert not BillingProfile.objects.exists()


def test_a_number_from_beyond_the_union_is_kept(acme, alice_client):
    alice_client.post(SETTINGS, DETAILS | {"country": "KZ", "vat_id": "BIN 123456789012"})

    with service():
        assert BillingProfile.objects.get().vat_id == "BIN123456789012"


def test_who_may_only_read_sees_the_details_and_changes_nothing(
    acme, bob, alice_client, bob_client
):
    alice_client.post(SETTINGS, DETAILS)
    with service():
        Membership.objects.filter(user=bob).update(role="auditor")

    page = bob_client.get(SETTINGS).content.decode()

    assert "Acme SARL" in page
    assert "France" in page
    assert 'name="legal_name"' not in page
    assert bob_client.post(SETTINGS, DETAILS | {"city": "Nowhere"}).status_code == 403
    with service():
        assert BillingProfile.objects.get().city == "Paris"

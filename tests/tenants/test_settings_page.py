"""Founding an organization, and what it says of itself."""

import pytest

from billing import periods
from billing.models import Invoice
from billing.services import invoicing
from common.database import service
from common.ids import uuid7
from marketplace import demo
from tenants.models import AuditEntry, Membership, Organization

SETTINGS, NEW = "/o/acme/settings/", "/organizations/new/"
FACTS = {"name": "Acme", "kind": "startup", "country": "FR", "time_zone": "UTC"}


def acme_now():
    with service():
        return Organization.objects.get(slug="acme")


@pytest.fixture
def regions(db):
    demo.seed()


def test_the_policy_is_chosen_among_where_the_operator_computes(acme, regions, alice_client):
    page = alice_client.get(SETTINGS).content.decode()
    response = alice_client.post(SETTINGS, FACTS | {"allowed_jurisdictions": ["EU"]}, follow=True)

    assert "EU: Paris" in page
    assert "Settings saved." in response.content.decode()
    assert acme_now().allowed_jurisdictions == ["EU"]
    with service():
        entry = AuditEntry.objects.get(action="organization.changed")
    assert (entry.before, entry.after) == (
        {"allowed_jurisdictions": []},
        {"allowed_jurisdictions": ["EU"]},
    )


def test_a_jurisdiction_that_is_none_is_named(acme, regions, alice_client):
    response = alice_client.post(SETTINGS, FACTS | {"allowed_jurisdictions": ["XX"]})

    assert response.status_code == 422
    assert "does not compute in “XX”" in response.content.decode()
    assert acme_now().allowed_jurisdictions == []


def test_a_jurisdiction_that_has_gone_stays_until_it_is_taken_away(acme, regions, alice_client):
    with service():
        Organization.objects.update(allowed_jurisdictions=["KZ"])

    kept = alice_client.post(SETTINGS, FACTS | {"allowed_jurisdictions": ["KZ", "EU"]})

    assert kept.status_code == 302
    assert acme_now().allowed_jurisdictions == ["KZ", "EU"]


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "", "This field is required"),
        ("name", "x" * 101, "at most 100 characters"),
        ("kind", "empire", "Select a valid choice"),
        ("country", "XX", "Select a valid choice"),
        ("time_zone", "Mars/Olympus", "is no time zone"),
    ],
)
def test_a_wrong_setting_is_refused_at_its_field(acme, alice_client, field, value, sentence):
    response = alice_client.post(SETTINGS, FACTS | {field: value})

    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert 'class="error-summary"' in response.content.decode()
    # The heading and the switcher still say what is true.
    assert "Acme" in response.content.decode()
    assert acme_now().updated_at == acme.updated_at


def test_saving_what_is_there_leaves_no_trace(acme, alice_client):
    alice_client.post(SETTINGS, FACTS)

    with service():
        assert not AuditEntry.objects.filter(action="organization.changed").exists()


def test_the_time_zone_stays_once_a_month_was_invoiced_in_it(acme, alice_client):
    march = periods.month(2026, 3, "UTC")
    with service():
        Invoice.objects.create(
            organization=acme,
            issuer=invoicing.default_issuer(),
            kind="usage",
            status="paid",
            number="T-1",
            period_start=march.start,
            period_end=march.end,
            currency="EUR",
            seller={},
            buyer={},
            net=0,
            tax_rate=0,
            tax=0,
            total=0,
            exact_net=0,
            issued_at=march.end,
            due_at=march.end,
        )

    refused = alice_client.post(SETTINGS, FACTS | {"time_zone": "Asia/Almaty"})
    renamed = alice_client.post(SETTINGS, FACTS | {"name": "Acme Labs"})

    assert refused.status_code == 422
    assert "Months have been invoiced in this time zone" in refused.content.decode()
    assert renamed.status_code == 302
    assert (acme_now().time_zone, acme_now().name) == ("UTC", "Acme Labs")


def test_who_may_only_read_sees_facts_and_no_form(acme, bob, bob_client):
    with service():
        Membership.objects.filter(user=bob).update(role="auditor")

    page = bob_client.get(SETTINGS).content.decode()

    assert "Everywhere the operator computes" in page
    assert 'name="time_zone"' not in page
    assert bob_client.post(SETTINGS, FACTS | {"name": "Mine"}).status_code == 403
    assert acme_now().name == "Acme"


def test_the_last_owner_is_told_why_they_cannot_leave(acme, alice_client):
    page = alice_client.get(SETTINGS).content.decode()

    assert "You are its last owner." in page
    assert "/o/acme/leave/" not in page


def test_founding_twice_with_one_form_founds_once(charlie, charlie_client):
    form = {"name": "Čapek", "kind": "startup", "country": "CZ", "organization_id": str(uuid7())}

    first, second = charlie_client.post(NEW, form), charlie_client.post(NEW, form)

    assert first["Location"] == second["Location"] == "/o/capek/onboarding/"
    with service():
        assert Organization.objects.count() == 1
        assert AuditEntry.objects.filter(action="organization.founded").count() == 1


def test_the_id_of_another_organization_founds_nothing(acme, charlie, charlie_client):
    form = {"name": "Mine", "kind": "startup", "country": "CZ", "organization_id": str(acme.pk)}

    response = charlie_client.post(NEW, form)

    assert response.status_code == 409
    assert acme_now().name == "Acme"
    with service():
        assert not Membership.objects.filter(user=charlie).exists()


def test_two_organizations_may_share_a_name(acme, charlie_client):
    response = charlie_client.post(NEW, {"name": "Acme", "kind": "startup", "country": "CZ"})

    assert response["Location"].startswith("/o/acme-")


def test_an_address_with_spaces_is_refused_without_jargon(charlie_client):
    form = {"name": "Mine", "slug": "a b", "kind": "startup", "country": "CZ"}

    page = charlie_client.post("/organizations/new/", form).content.decode()

    assert "without spaces or accents" in page
    assert "slug”" not in page


@pytest.mark.parametrize("slug", ["new", "../etc", "a b", "x" * 51])
def test_an_address_that_cannot_be_is_refused(charlie_client, slug):
    form = {"name": "Mine", "slug": slug, "kind": "startup", "country": "CZ"}

    response = charlie_client.post(NEW, form)

    assert response.status_code == 422
    with service():
        assert not Organization.objects.exists()

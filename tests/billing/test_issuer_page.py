"""The operator's legal entity: changed by staff, for the documents to come."""

from decimal import Decimal

import pytest

from billing.models import BillingProfile, Issuer
from common.database import service
from tenants.models import AuditEntry
from tests.billing.terms import profile

__all__ = ["profile"]

ADDRESS = "/staff/issuers/tes/"
FACTS = {
    "legal_name": "Telco SA",
    "address": "1 Avenue de la République\n75011 Paris",
    "country": "FR",
    "vat_id": "FR40303265045",
    "vat_percent": "19.5",
}


def issuer():
    with service():
        return Issuer.objects.get(is_default=True)


def test_staff_changes_who_invoices_and_it_is_audited(staff_client):
    response = staff_client.post(ADDRESS, FACTS)

    assert response.status_code == 302
    assert (issuer().legal_name, issuer().vat_rate) == ("Telco SA", Decimal("0.195"))
    with service():
        entry = AuditEntry.objects.get(action="issuer.changed")
    assert entry.before["vat_rate"] == "0.2000"
    assert Decimal(entry.after["vat_rate"]) == Decimal("0.195")


def test_the_rate_is_shown_as_people_write_it(staff_client):
    page = staff_client.get(ADDRESS)

    assert 'value="20"' in str(page.context["form"]["vat_percent"])


def test_a_rate_that_is_no_rate_changes_nothing(staff_client):
    before = issuer().vat_rate

    for rate in ("-1", "100", "NaN", "1e9", "twenty"):
        facts = FACTS | {"vat_percent": rate}
        assert staff_client.post(ADDRESS, facts).status_code == 422

    assert issuer().vat_rate == before


def test_customers_do_not_see_the_page(alice_client):
    assert alice_client.get(ADDRESS).status_code == 404


MORE = {
    "code": "TUN", "country": "TN", "vat_percent": "19", "reduced_percent": "7",
    "iban": "FR76 3000 6000 0112 3456 7890 189", "words_language": "ar", "is_electronic": "on",
}  # fmt: skip


def test_staff_adds_another_legal_entity(staff_client):
    response = staff_client.post("/staff/issuers/new/", FACTS | MORE)

    assert response.status_code == 302
    with service():
        added = Issuer.objects.get(code="tun")
    assert (added.is_default, added.reduced_rate) == (False, Decimal("0.07"))
    assert added.iban == "FR7630006000011234567890189"
    assert "TUN" in staff_client.get("/staff/issuers/").content.decode()
    assert staff_client.post("/staff/issuers/new/", FACTS | MORE).status_code == 422


@pytest.mark.parametrize(
    "wrong", [{"iban": "FR76 1"}, {"vat_id": ""}, {"code": "new"}, {"reduced_percent": "-1"}]
)
def test_what_no_legal_entity_can_say_is_refused(staff_client, wrong):
    response = staff_client.post("/staff/issuers/new/", FACTS | MORE | wrong)

    assert response.status_code == 422
    with service():
        assert Issuer.objects.count() == 1


TERMS = "/staff/customers/acme/terms/"


def test_staff_decides_the_terms_of_a_customer(acme, profile, staff_client):
    profile(vat_id="FR40303265045", vat_state="unverified")
    facts = {"tax_treatment": "exempt", "tax_reason": "Art. 261", "issuer": issuer().pk}

    saved = staff_client.post(TERMS, facts | {"is_verified": "on", "currency": "EUR"})

    assert saved.status_code == 302
    with service():
        kept = BillingProfile.objects.get()
        entry = AuditEntry.objects.get(action="billing_profile.decided")
    assert (kept.tax_treatment, kept.vat_state) == ("exempt", "verified")
    assert (entry.after["issuer"], entry.after["vat_state"]) == ("tes", "verified")
    assert "Art. 261" in staff_client.get(TERMS).content.decode()


def test_a_number_that_was_not_given_is_not_confirmed(acme, profile, staff_client):
    profile()

    for facts in (
        {"tax_treatment": "automatic", "is_verified": "on", "currency": "EUR"},
        {"tax_treatment": "reverse_charge"},
    ):
        assert staff_client.post(TERMS, facts).status_code == 422

    with service():
        assert BillingProfile.objects.get().vat_state == "none"


def test_an_unverified_number_is_shown_as_such_until_staff_confirms_it(
    acme, profile, staff_client, alice_client
):
    profile(vat_id="DE136695976", country="DE", vat_state="unverified")
    draft = "/o/acme/billing/invoices/2026-01/"
    assert "not verified" in alice_client.get(draft).content.decode()

    staff_client.post(TERMS, {"tax_treatment": "automatic", "is_verified": "on", "currency": "EUR"})

    shown = alice_client.get(draft).content.decode()
    assert "not verified" not in shown
    assert "Reverse charge" in shown


def test_a_round_rate_is_written_as_people_write_it(staff_client):
    assert 'value="20"' in staff_client.get(ADDRESS).content.decode()

"""The operator's legal entity: changed by staff, for the documents to come."""

from decimal import Decimal

from django.urls import reverse

from billing.models import Issuer
from common.database import service
from tenants.models import AuditEntry

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
    response = staff_client.post(reverse("staff:issuer"), FACTS)

    assert response.status_code == 302
    assert (issuer().legal_name, issuer().vat_rate) == ("Telco SA", Decimal("0.195"))
    with service():
        entry = AuditEntry.objects.get(action="issuer.changed")
    assert entry.before["vat_rate"] == "0.2000"
    assert Decimal(entry.after["vat_rate"]) == Decimal("0.195")


def test_a_rate_that_is_no_rate_changes_nothing(staff_client):
    before = issuer().vat_rate

    for rate in ("-1", "100", "NaN", "1e9", "twenty"):
        facts = FACTS | {"vat_percent": rate}
        assert staff_client.post(reverse("staff:issuer"), facts).status_code == 422

    assert issuer().vat_rate == before


def test_customers_do_not_see_the_page(alice_client):
    assert alice_client.get(reverse("staff:issuer")).status_code == 404

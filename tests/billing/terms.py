"""A seller that writes electronic invoices, and what stands in a customer's billing details."""

import pytest

from billing.models import BillingProfile, Issuer
from common.database import service


@pytest.fixture
def electronic(db):
    """The operator writes electronic invoices, with the total in words."""
    with service():
        Issuer.objects.update(
            is_electronic=True,
            vat_id="FR40303265045",
            address="1 rue du Port\n13002 Marseille",
            country="FR",
            iban="FR7630006000011234567890189",
            words_language="fr",
        )


@pytest.fixture
def profile(acme):
    """Change what stands in Acme's billing details."""

    def profile(**facts):
        given = {"legal_name": "Acme SARL", "line1": "1 rue", "city": "Paris", "country": "FR"}
        with service():
            found, _made = BillingProfile.objects.update_or_create(
                organization=acme, defaults=given | facts
            )
        return found

    return profile

"""Billing details and the record of their changes."""

from collections.abc import Mapping
from typing import Any

from billing.models import BillingProfile, VatState
from common.database import atomic
from tenants.models import Organization, User
from tenants.services import audit


def of(organization: Organization) -> BillingProfile:
    """Return the organization's billing details; unsaved ones where none were given yet."""
    found = BillingProfile.objects.filter(organization=organization).first()
    return found or BillingProfile(
        organization=organization, legal_name=organization.name, country=organization.country
    )


@atomic()
def update(organization: Organization, *, by: User, facts: Mapping[str, Any]) -> BillingProfile:
    """Change the details; a new VAT number is unverified until the registry has confirmed it."""
    profile = of(organization)
    before = {name: getattr(profile, name) for name in facts} if not profile._state.adding else {}
    if (
        facts.get("vat_id")
        != BillingProfile.objects.filter(organization=organization)
        .values_list("vat_id", flat=True)
        .first()
    ):
        profile.vat_state = VatState.UNVERIFIED if facts.get("vat_id") else VatState.NONE
    for name, value in facts.items():
        setattr(profile, name, value)
    profile.save()
    audit.record(
        organization=organization,
        actor=by,
        action="billing_profile.changed",
        target=profile,
        before=before,
        after=dict(facts),
    )
    return profile

"""Billing details and the record of their changes."""

from collections.abc import Mapping
from typing import Any

from billing.models import BillingProfile, Issuer, VatState
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
    """Change the details; a new VAT number is unverified until the registry has confirmed it.

    So is the old one of who moves to another country: what was confirmed moves the tax there.
    What stays the same is not written or audited.
    """
    profile = of(organization)
    is_new = profile._state.adding
    before = {} if is_new else {name: getattr(profile, name) for name in facts}
    changed = [name for name in facts if is_new or before[name] != facts[name]]
    if not changed:
        return profile
    for name in changed:
        setattr(profile, name, facts[name])
    if {"vat_id", "country"} & set(changed):
        profile.vat_state = VatState.UNVERIFIED if profile.vat_id else VatState.NONE
    profile.save()
    audit.record(
        organization=organization,
        actor=by,
        action="billing_profile.changed",
        target=profile,
        before=None if is_new else {name: before[name] for name in changed},
        after={name: facts[name] for name in changed},
    )
    return profile


@atomic()
def decide(organization: Organization, *, by: User, facts: Mapping[str, Any]) -> BillingProfile:
    """Set what staff decide: the tax, who invoices, and that a VAT number is confirmed."""
    profile = of(organization)
    changes = {name: value for name, value in facts.items() if name != "is_verified"}
    if profile.vat_id:
        is_verified = facts["is_verified"]
        changes["vat_state"] = VatState.VERIFIED if is_verified else VatState.UNVERIFIED
    before = {name: getattr(profile, name) for name in changes}
    changed = [name for name in changes if before[name] != changes[name]]
    if not changed:
        return profile
    for name in changed:
        setattr(profile, name, changes[name])
    profile.save()
    audit.record(
        organization=organization,
        actor=by,
        action="billing_profile.decided",
        target=profile,
        before={name: _told(before[name]) for name in changed},
        after={name: _told(changes[name]) for name in changed},
    )
    return profile


def _told(value: Any) -> Any:
    return value.code if isinstance(value, Issuer) else value

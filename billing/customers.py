"""What is agreed with customers, read for many of them at once. Called as the service."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from billing import agreements, divisions
from billing.divisions import Division
from billing.models import BillingProfile, Contract, Issuer, Split
from billing.periods import Period
from billing.taxes import Tax
from tenants.models import Organization

#: The last instant of a period lies so long before its end.
TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Customer:
    """An organization with its signed contracts in order, its billing details and who invoices it."""

    organization: Organization
    contracts: Sequence[Contract]
    profile: BillingProfile | None
    issuer: Issuer

    def contract_at(self, at: datetime) -> Contract | None:
        """Return the contract that holds at the instant."""
        return next((it for it in self.contracts if _holds(it, at)), None)

    def contract_of(self, period: Period) -> Contract | None:
        """Return the contract whose terms a month's invoice is written by: the one at its end."""
        return self.contract_at(period.end - TICK)

    def has_committed(self, period: Period) -> bool:
        """Whether a contract that holds in the period asks for a minimum of usage."""
        return any(it.commitment and agreements.meets(it, period) for it in self.contracts)

    def tax(self, contract: Contract | None) -> Tax:
        """Return the tax that its documents carry."""
        return agreements.tax_by(self.organization, self.profile, contract, self.issuer)

    def division(self) -> Division | None:
        """Return how its invoices are divided; None where they are not."""
        split = self.profile.split_by if self.profile else Split.NONE
        return divisions.by(self.organization, split)

    def buyer(self) -> dict[str, Any]:
        """Return the buyer as the billing details name them now, or by the organization's name."""
        if self.profile is not None:
            return self.profile.snapshot()
        return {
            "legal_name": self.organization.name,
            "address": "",
            "country": str(self.organization.country),
            "vat_id": "",
            "vat_state": "none",
        }


def _holds(contract: Contract, at: datetime) -> bool:
    begins, ends = contract.effective_from, contract.effective_until
    return begins is not None and begins <= at and (ends is None or ends > at)


def read(organizations: Iterable[Organization]) -> dict[UUID, Customer]:
    """Return what is agreed with each of the organizations."""
    asked = {it.pk: it for it in organizations}
    signed: dict[UUID, list[Contract]] = {}
    contracts = Contract.objects.active().filter(organization__in=asked)
    for contract in contracts.select_related("price_book", "plan").order_by("effective_from"):
        signed.setdefault(contract.organization_id, []).append(contract)
    found = BillingProfile.objects.filter(organization__in=asked).select_related("issuer")
    profiles = {it.organization_id: it for it in found}
    usual = Issuer.objects.get(is_default=True)
    return {
        pk: Customer(it, signed.get(pk, []), profiles.get(pk), _issuer(profiles.get(pk), usual))
        for pk, it in asked.items()
    }


def _issuer(profile: BillingProfile | None, usual: Issuer) -> Issuer:
    return (profile and profile.issuer) or usual


def of(organization: Organization) -> Customer:
    """Return what is agreed with one organization."""
    return read([organization])[organization.pk]

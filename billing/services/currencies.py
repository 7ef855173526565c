"""Which currency a customer pays in: chosen before anything is agreed or booked, and kept then."""

from django.db.models import Q

from billing.errors import CurrencyFixed
from billing.models import (
    Budget,
    Contract,
    LedgerAccount,
    Order,
    Payer,
    PurchaseOrder,
    RecurringGrant,
    TopUpRule,
    Wallet,
)
from common.database import atomic
from tenants.models import Organization, User
from tenants.services import organizations

#: What names amounts in the customer's currency.
TELLING = (
    Wallet, LedgerAccount, Order, Contract, PurchaseOrder, Budget, TopUpRule, RecurringGrant,
)  # fmt: skip


def is_fixed(organization: Organization) -> bool:
    """Whether something was agreed, bought or booked in the present currency."""
    if any(model.objects.filter(organization=organization).exists() for model in TELLING):
        return True
    return Payer.objects.filter(Q(organization=organization) | Q(payer=organization)).exists()


@atomic()
def choose(organization: Organization, currency: str, *, by: User) -> Organization:
    """Let a customer pay in this currency; it stays once there is anything in the present one."""
    organization = Organization.objects.locked(organization.pk)
    if organization.currency == currency:
        return organization
    if is_fixed(organization):
        raise CurrencyFixed
    return organizations.change(organization, by=by, currency=currency)

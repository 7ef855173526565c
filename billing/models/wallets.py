"""The prepaid purse."""

from django.db import models

from common.models import LockingQuerySet, TimeStamped
from tenants.models import Organization


class WalletQuerySet(LockingQuerySet["Wallet"]):
    """Wallets."""


class Wallet(TimeStamped):
    """What an organization holds in one currency: its grants; the row is the lock over them."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="wallets")
    currency = models.CharField(max_length=3)

    objects = WalletQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "currency"), name="one_wallet_per_currency"
            ),
        )

    def __str__(self) -> str:
        return f"{self.organization_id} {self.currency}"

"""The double-entry journal: appended, balanced by the database at commit, each operation once.

Debits are positive, credits negative. An organization's prepaid balance is therefore what
``customer_prepaid`` is in credit.
"""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models.grants import CreditGrant
from common.models import AppendOnly
from tenants.models import Organization


class AccountKind(models.TextChoices):
    """The accounts every organization has, one of each per currency."""

    CUSTOMER_PREPAID = "customer_prepaid", _("Customer prepaid")
    RECEIVABLE = "receivable", _("Receivable")
    DEFERRED_REVENUE = "deferred_revenue", _("Deferred revenue")
    REVENUE = "revenue", _("Revenue")
    BREAKAGE = "breakage", _("Breakage")
    TAX = "tax", _("Tax")
    PAYMENTS_CLEARING = "payments_clearing", _("Payments clearing")
    ADJUSTMENTS = "adjustments", _("Adjustments")
    #: What banks have withdrawn and may still give back.
    CHARGEBACKS = "chargebacks", _("Taken back by banks")
    PAYMENT_FEES = "payment_fees", _("Fees of payments")
    #: What moved to the organization that pays; nothing over all of them.
    GROUP = "group", _("Between organizations")


class LedgerAccount(AppendOnly):
    """An account of one organization in one currency."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="ledger_accounts"
    )
    kind = models.CharField(max_length=20, choices=AccountKind)
    currency = models.CharField(max_length=3)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "kind", "currency"), name="one_account_of_each_kind"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.currency}"


class LedgerTransaction(AppendOnly):
    """One operation; its entries sum to zero."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="ledger_transactions"
    )
    operation_key = models.CharField(max_length=200)
    kind = models.CharField(max_length=20)
    memo = models.CharField(max_length=200, blank=True)
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "operation_key"), name="operation_booked_once"
            ),
        )
        indexes = (
            models.Index(fields=("organization", "-id"), name="ledger_newest_first"),
            # Rows come in this order: a few pages tell a day's from the others.
            BrinIndex(fields=("recorded_at",), name="ledger_by_time"),
        )

    def __str__(self) -> str:
        return self.operation_key


class LedgerEntry(AppendOnly):
    """One posting; names the grant it drew on or filled."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="ledger_entries"
    )
    transaction = models.ForeignKey(
        LedgerTransaction, on_delete=models.PROTECT, related_name="entries"
    )
    account = models.ForeignKey(LedgerAccount, on_delete=models.PROTECT, related_name="entries")
    grant = models.ForeignKey(
        CreditGrant, on_delete=models.PROTECT, related_name="ledger_entries", null=True
    )
    amount = models.DecimalField(max_digits=30, decimal_places=12)

    class Meta:
        verbose_name_plural = "ledger entries"
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(condition=~models.Q(amount=0), name="entry_is_not_zero"),
        )

    def __str__(self) -> str:
        return f"{self.amount}"

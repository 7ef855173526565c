"""Invoices that are paid through the provider: by a saved method, or on its page."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models.attempts import AttemptQuerySet
from billing.models.invoices import Invoice
from common.models import LockingQuerySet, TimeStamped
from common.money import Money
from tenants.models import Organization


class Collection(models.TextChoices):
    """How the invoices of a contract are paid."""

    CHOICE = "choice", _("As the customer chooses")
    AUTOMATIC = "automatic", _("By the saved method, as soon as they are issued")
    TRANSFER = "transfer", _("By bank transfer, nothing is charged")


class PaymentChoice(TimeStamped):
    """Whether an organization has its invoices charged to its saved method."""

    organization = models.OneToOneField(
        Organization, on_delete=models.PROTECT, related_name="payment_choice"
    )
    is_automatic = models.BooleanField(default=False)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    objects = LockingQuerySet["PaymentChoice"].as_manager()

    def __str__(self) -> str:
        return str(self.organization_id)


class InvoiceChargeQuerySet(AttemptQuerySet["InvoiceCharge"]):
    """Charges."""

    def declined(self) -> "InvoiceChargeQuerySet":
        """Those that a saved method did not pay; one that nobody answered for is among them."""
        ended = (InvoiceCharge.Status.FAILED, InvoiceCharge.Status.EXPIRED)
        return self.filter(is_automatic=True, status__in=ended)


class InvoiceCharge(TimeStamped):
    """One attempt at having an invoice paid; one of an invoice is in flight at a time."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting for payment")
        PAID = "paid", _("Paid")
        FAILED = "failed", _("Payment failed")
        EXPIRED = "expired", _("Expired")

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="invoice_charges"
    )
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="charges")
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    amount = models.DecimalField(max_digits=30, decimal_places=12)
    currency = models.CharField(max_length=3)
    #: With the saved method, while nobody is there; otherwise on the provider's page.
    is_automatic = models.BooleanField(default=False)
    #: The provider's id of the saved method that is charged.
    method_id = models.CharField(max_length=255, blank=True)
    session_id = models.CharField(max_length=255, null=True, unique=True)  # noqa: DJ001
    checkout_url = models.TextField(blank=True)
    payment_reference = models.CharField(max_length=255, blank=True)
    #: Why the provider declined it, in its own word; a bank that asks for the payer included.
    failure = models.CharField(max_length=60, blank=True)
    placed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    ended_at = models.DateTimeField(null=True)

    objects = InvoiceChargeQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("invoice",),
                condition=models.Q(status="pending"),
                name="one_charge_of_an_invoice_in_flight",
            ),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="charge_is_an_amount"),
        )

    def __str__(self) -> str:
        return f"{self.invoice_id} {self.status}"

    @property
    def worth(self) -> Money:
        """How much is charged."""
        return Money(self.amount, self.currency)

    @property
    def waits_for_payer(self) -> bool:
        """Whether somebody has to come to the provider's page."""
        return self.status == self.Status.PENDING and bool(self.failure or not self.is_automatic)

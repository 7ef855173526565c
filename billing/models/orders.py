"""Bundle purchases, and the payment provider's events about them."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models.attempts import AttemptQuerySet
from billing.models.profiles import Issuer
from common.models import TimeStamped
from common.money import Money
from marketplace.models import Bundle, TokenClass
from tenants.models import Organization


class OrderQuerySet(AttemptQuerySet["Order"]):
    """Orders."""

    def by_transfer(self) -> "OrderQuerySet":
        """Those that a bank transfer pays."""
        return self.exclude(transfer_reference=None)

    def uninvoiced(self) -> "OrderQuerySet":
        """Those that were paid and whose invoice is still to be written, unless a person has it."""
        held = models.Q(invoice_holds__status="waiting")
        return self.filter(paid_at__isnull=False, invoice=None).exclude(held)


class Order(TimeStamped):
    """One purchase of a bundle, on the terms of the moment it was placed."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting for payment")
        PAID = "paid", _("Paid")
        EXPIRED = "expired", _("Expired")
        REFUNDED = "refunded", _("Refunded")
        FAILED = "failed", _("Payment failed")

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="orders")
    operation_key = models.CharField(max_length=64)
    bundle = models.ForeignKey(Bundle, on_delete=models.PROTECT, related_name="+")
    bundle_name = models.CharField(max_length=100)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    currency = models.CharField(max_length=3)
    net = models.DecimalField(max_digits=30, decimal_places=12)
    #: Who invoices it; empty is the default legal entity.
    issuer = models.ForeignKey(Issuer, on_delete=models.PROTECT, related_name="+", null=True)
    tax_rate = models.DecimalField(max_digits=6, decimal_places=4)
    tax_category = models.CharField(max_length=2, default="S")
    tax_reason = models.CharField(max_length=200, blank=True)
    tax = models.DecimalField(max_digits=30, decimal_places=12)
    total = models.DecimalField(max_digits=30, decimal_places=12)
    grant_unit = models.CharField(max_length=6)
    grant_quantity = models.DecimalField(max_digits=30, decimal_places=12)
    token_class = models.ForeignKey(
        TokenClass, on_delete=models.PROTECT, related_name="+", null=True
    )
    validity_days = models.PositiveIntegerField()
    session_id = models.CharField(max_length=255, null=True, unique=True)  # noqa: DJ001
    checkout_url = models.TextField(blank=True)
    payment_reference = models.CharField(max_length=255, blank=True)
    placed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    paid_at = models.DateTimeField(null=True)
    #: Bought by the organization's rule, with its saved method.
    is_automatic = models.BooleanField(default=False)
    #: The provider's id of the saved method that is charged for it.
    method_id = models.CharField(max_length=255, blank=True)
    #: What a bank transfer has to carry, where that is how it is paid.
    transfer_reference = models.CharField(max_length=25, null=True, unique=True)  # noqa: DJ001
    #: Until when a transfer is waited for.
    expires_at = models.DateTimeField(null=True)
    #: Why the provider declined it, in its own word; a bank that asks for the payer included.
    failure = models.CharField(max_length=60, blank=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "operation_key"), name="order_once_per_operation"
            ),
            models.CheckConstraint(
                condition=models.Q(total=models.F("net") + models.F("tax"), net__gt=0, tax__gte=0),
                name="order_total_is_net_and_tax",
            ),
            models.UniqueConstraint(
                fields=("organization",),
                condition=models.Q(is_automatic=True, status="pending"),
                name="one_automatic_order_in_flight",
            ),
        )

    def __str__(self) -> str:
        return self.bundle_name

    @property
    def is_by_transfer(self) -> bool:
        """Whether a bank transfer pays it."""
        return self.transfer_reference is not None

    @property
    def gross(self) -> Money:
        """What the customer pays."""
        return Money(self.total, self.currency)


class StripeEvent(models.Model):
    """An event that Stripe delivered; its row stands in the transaction of its effect."""

    id = models.CharField(primary_key=True, max_length=255)
    type = models.CharField(max_length=100)
    object_id = models.CharField(max_length=255, blank=True)
    happened_at = models.DateTimeField()
    recorded_at = models.DateTimeField(default=timezone.now)
    is_handled = models.BooleanField()

    class Meta:
        ordering = ("-recorded_at",)

    def __str__(self) -> str:
        return f"{self.type} {self.id}"

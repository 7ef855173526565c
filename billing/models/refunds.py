"""Money that goes back for bundles that are not used up."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models.credit_notes import CreditNote
from billing.models.orders import Order
from common.models import LockingQuerySet, TimeStamped
from common.money import Money
from tenants.models import Organization

ZERO = 0


class RefundQuerySet(LockingQuerySet["Refund"]):
    """Refunds."""

    def decided(self) -> "RefundQuerySet":
        """Those whose money is out or on its way."""
        return self.filter(status__in=Refund.GOING)

    def unsent(self) -> "RefundQuerySet":
        """Those that the provider has not been seen to take."""
        return self.filter(status=Refund.Status.APPROVED)


class Refund(TimeStamped):
    """What is left of a bought bundle, given back: proposed by one of the staff, approved by another.

    The amounts are those of its credit note; until it is approved they are zero.
    """

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("Waits for a second person")
        APPROVED = "approved", _("On its way")
        SENT = "sent", _("Paid back")
        KEPT = "kept", _("Kept for a transfer")
        FAILED = "failed", _("The payment provider refused it")
        REFUSED = "refused", _("Refused")

    #: The credit is gone and the credit note written.
    GOING = (Status.APPROVED, Status.SENT, Status.KEPT, Status.FAILED)

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="refunds")
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="refunds")
    status = models.CharField(max_length=8, choices=Status, default=Status.PROPOSED)
    net = models.DecimalField(max_digits=30, decimal_places=12, default=ZERO)
    tax = models.DecimalField(max_digits=30, decimal_places=12, default=ZERO)
    words = models.CharField(max_length=1000)
    credit_note = models.OneToOneField(
        CreditNote, on_delete=models.PROTECT, related_name="refund", null=True
    )
    #: The provider's id of the refund.
    reference = models.CharField(max_length=255, blank=True)
    failure = models.CharField(max_length=200, blank=True)
    #: Which try to send it this is: the provider answers one try always the same.
    attempt = models.PositiveSmallIntegerField(default=1)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    decided_at = models.DateTimeField(null=True)

    objects = RefundQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("order",),
                condition=~models.Q(status="refused"),
                name="one_refund_per_order",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=("proposed", "refused"))
                | models.Q(net__gt=0, tax__gte=0, credit_note__isnull=False),
                name="refund_has_its_credit_note",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=("proposed", "refused"))
                | models.Q(decided_by__isnull=False)
                & ~models.Q(decided_by=models.F("proposed_by")),
                name="refund_under_four_eyes",
            ),
        )

    def __str__(self) -> str:
        return f"{self.order_id} {self.status}"

    @property
    def total(self) -> Money:
        """What goes back, with tax."""
        return Money(self.net + self.tax, self.order.currency)

    @property
    def is_open(self) -> bool:
        """Whether a second person has to decide."""
        return self.status == self.Status.PROPOSED

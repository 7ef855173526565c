"""Money of a customer's that no invoice asks for, and how it goes back."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models.credit_notes import CreditNote
from billing.models.invoices import Invoice
from billing.models.orders import Order
from common.models import LockingQuerySet, TimeStamped
from common.money import Money
from tenants.models import Organization


class SurplusQuerySet(LockingQuerySet["Surplus"]):
    """Surpluses."""

    def left_over(self) -> "SurplusQuerySet":
        """Those of which something is still the customer's."""
        return self.filter(left__gt=0)


class Surplus(TimeStamped):
    """What was paid and is not asked for: it stands on the receivable account until it is gone."""

    class Wish(models.TextChoices):
        UNSAID = "", _("The next invoice")
        INVOICES = "invoices", _("Open invoices, then the next one")
        PAY_BACK = "pay_back", _("Pay it back")

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="surpluses"
    )
    #: What was paid too much for; a bundle that was never bought has an order instead.
    invoice = models.ForeignKey(
        Invoice, on_delete=models.PROTECT, related_name="surpluses", null=True
    )
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="surpluses", null=True)
    #: The credit note that took back what was paid.
    credit_note = models.OneToOneField(
        CreditNote, on_delete=models.PROTECT, related_name="surplus", null=True
    )
    #: The provider's payment that brought the money, where one did.
    payment_reference = models.CharField(max_length=255, blank=True)
    operation_key = models.CharField(max_length=255, unique=True)
    amount = models.DecimalField(max_digits=30, decimal_places=12)
    left = models.DecimalField(max_digits=30, decimal_places=12)
    currency = models.CharField(max_length=3)
    wish = models.CharField(max_length=10, choices=Wish, default=Wish.UNSAID, blank=True)
    #: Where the customer wants it, if a transfer has to carry it.
    iban = models.CharField(max_length=34, blank=True)

    objects = SurplusQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "surpluses"
        ordering = ("created_at", "id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(amount__gt=0, left__gte=0, left__lte=models.F("amount")),
                name="surplus_never_given_back_twice",
            ),
        )

    def __str__(self) -> str:
        return f"{self.left} {self.currency}"

    @property
    def rest(self) -> Money:
        """What of it is still the customer's."""
        return Money(self.left, self.currency)


class PayoutQuerySet(LockingQuerySet["Payout"]):
    """Payouts."""

    def open(self) -> "PayoutQuerySet":
        """Those that are proposed or on their way."""
        return self.filter(status__in=Payout.OPEN)

    def transferred(self, since: datetime) -> "PayoutQuerySet":
        """Those that the bank was told of since then."""
        return self.filter(status=Payout.Status.SENT, way=Payout.Way.BANK, updated_at__gte=since)

    def unsent(self) -> "PayoutQuerySet":
        """Those that the provider has not been seen to take."""
        return self.filter(status=Payout.Status.APPROVED, way=Payout.Way.METHOD)


class Payout(TimeStamped):
    """A surplus paid back: proposed by one of the staff, approved by another."""

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("Waits for a second person")
        APPROVED = "approved", _("On its way")
        SENT = "sent", _("Paid back")
        FAILED = "failed", _("Came back")
        REFUSED = "refused", _("Refused")

    class Way(models.TextChoices):
        METHOD = "method", _("The way it came")
        BANK = "bank", _("Bank transfer")

    OPEN = (Status.PROPOSED, Status.APPROVED)

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="payouts")
    surplus = models.ForeignKey(Surplus, on_delete=models.PROTECT, related_name="payouts")
    status = models.CharField(max_length=8, choices=Status, default=Status.PROPOSED)
    way = models.CharField(max_length=6, choices=Way)
    amount = models.DecimalField(max_digits=30, decimal_places=12)
    #: The provider's payment that it goes back by.
    payment_reference = models.CharField(max_length=255, blank=True)
    iban = models.CharField(max_length=34, blank=True)
    words = models.CharField(max_length=1000)
    #: The provider's id of the refund, or the bank's reference of the transfer.
    reference = models.CharField(max_length=255, blank=True)
    failure = models.CharField(max_length=200, blank=True)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    decided_at = models.DateTimeField(null=True)

    objects = PayoutQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("surplus",),
                condition=models.Q(status__in=("proposed", "approved")),
                name="one_open_payout_per_surplus",
            ),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="payout_is_an_amount"),
            models.CheckConstraint(
                condition=models.Q(way="bank", payment_reference="") & ~models.Q(iban="")
                | models.Q(way="method", iban="") & ~models.Q(payment_reference=""),
                name="payout_says_where_it_goes",
            ),
            models.CheckConstraint(
                condition=models.Q(decided_by=None)
                | models.Q(status="refused")
                | ~models.Q(decided_by=models.F("proposed_by")),
                name="payout_needs_four_eyes",
            ),
        )

    def __str__(self) -> str:
        return f"{self.surplus_id} {self.status}"

    @property
    def worth(self) -> Money:
        """How much goes back."""
        return Money(self.amount, self.surplus.currency)

    @property
    def is_proposed(self) -> bool:
        """Whether a second person has to decide."""
        return self.status == self.Status.PROPOSED

    @property
    def may_come_back(self) -> bool:
        """Whether staff may note that the bank sent it back: the provider tells of its own."""
        return self.way == self.Way.BANK and self.status in (self.Status.APPROVED, self.Status.SENT)

    @property
    def awaits_transfer(self) -> bool:
        """Whether somebody has to tell the bank."""
        return self.status == self.Status.APPROVED and self.way == self.Way.BANK

"""Money that came in beside the payment provider, and the bank's statements that tell of it."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models.invoices import Invoice
from billing.models.orders import Order
from common.models import AppendOnly, LockingQuerySet, Row, TimeStamped
from common.money import Money
from tenants.models import Organization


class IncomingPayment(AppendOnly):
    """What was paid on an invoice; all of them together never exceed what is due (trigger).

    What the payer's bank took back afterwards is one more, below zero.
    """

    class Source(models.TextChoices):
        BANK = "bank", _("Bank transfer")
        MANUAL = "manual", _("Entered by staff")
        PROVIDER = "provider", _("Card or debit")
        SURPLUS = "surplus", _("Paid too much before")
        CHARGEBACK = "chargeback", _("Taken back by the bank")

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="incoming_payments"
    )
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="payments")
    source = models.CharField(max_length=10, choices=Source.choices)
    operation_key = models.CharField(max_length=100, unique=True)
    amount = models.DecimalField(max_digits=30, decimal_places=12)
    currency = models.CharField(max_length=3)
    words = models.CharField(max_length=250, blank=True)
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("received_at", "id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(models.Q(source="chargeback"), amount__lt=0)
                | models.Q(~models.Q(source="chargeback"), amount__gt=0),
                name="payment_is_an_amount",
            ),
        )

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"

    @property
    def worth(self) -> Money:
        """How much came in."""
        return Money(self.amount, self.currency)


class BankStatement(Row):
    """A file that was imported."""

    name = models.CharField(max_length=200)
    account = models.CharField(max_length=40)
    digest = models.CharField(max_length=64, unique=True)
    imported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    imported_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-imported_at",)

    def __str__(self) -> str:
        return self.name


class BankLineQuerySet(LockingQuerySet["BankLine"]):
    """Movements."""

    def waiting(self) -> "BankLineQuerySet":
        """Those that a person has to look at."""
        return self.filter(state=BankLine.State.WAITING)


class BankLine(TimeStamped):
    """One movement of a statement, once however many statements tell of it."""

    class State(models.TextChoices):
        MATCHED = "matched", _("Matched")
        WAITING = "waiting", _("Waits for a person")
        SETTLED = "settled", _("Settled by a person")
        OUTGOING = "outgoing", _("Outgoing")

    statement = models.ForeignKey(BankStatement, on_delete=models.PROTECT, related_name="lines")
    #: Account and the bank's own id, or what the line says and which one of its like it is.
    key = models.CharField(max_length=64, unique=True)
    position = models.PositiveIntegerField()
    booked_on = models.DateField(null=True)
    amount = models.DecimalField(max_digits=30, decimal_places=12, null=True)
    currency = models.CharField(max_length=3, blank=True)
    remitter = models.CharField(max_length=140, blank=True)
    text = models.CharField(max_length=500, blank=True)
    state = models.CharField(max_length=10, choices=State.choices)
    #: Why a person has to look at it, or what that person found.
    words = models.CharField(max_length=250, blank=True)
    payment = models.OneToOneField(
        IncomingPayment, on_delete=models.PROTECT, related_name="bank_line", null=True
    )
    #: The purchase that it pays, or a part of it.
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="bank_lines", null=True)

    objects = BankLineQuerySet.as_manager()

    class Meta:
        ordering = ("-booked_on", "position")

    def __str__(self) -> str:
        return f"{self.booked_on} {self.amount} {self.currency}"

    @property
    def worth(self) -> Money | None:
        """What came in, where it could be read."""
        return Money(self.amount, self.currency) if self.amount is not None else None


class ManualPayment(TimeStamped):
    """A payment that staff enters: one proposes, another approves."""

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("Proposed")
        APPROVED = "approved", _("Approved")
        REFUSED = "refused", _("Refused")

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="+")
    amount = models.DecimalField(max_digits=30, decimal_places=12)
    words = models.CharField(max_length=250)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PROPOSED)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    decided_at = models.DateTimeField(null=True)

    objects = LockingQuerySet["ManualPayment"].as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(amount__gt=0), name="manual_payment_is_an_amount"
            ),
            models.CheckConstraint(
                condition=models.Q(decided_by=None)
                | models.Q(status="refused")
                | ~models.Q(decided_by=models.F("proposed_by")),
                name="manual_payment_needs_four_eyes",
            ),
        )

    def __str__(self) -> str:
        return f"{self.amount}"

    @property
    def worth(self) -> Money:
        """How much, in the invoice's currency."""
        return Money(self.amount, self.invoice.currency)

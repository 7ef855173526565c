"""What people ask to change about invoices: disputes, corrections under four eyes, and holds."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models.credit_notes import CreditNote
from billing.models.invoices import Invoice, InvoiceLine
from billing.models.orders import Order
from common.models import LockingQuerySet, TimeStamped
from common.money import Money
from tenants.models import Organization


class DisputeQuerySet(LockingQuerySet["Dispute"]):
    """Disputes."""

    def waiting(self) -> "DisputeQuerySet":
        """Those that the operator has not decided yet."""
        return self.filter(status=Dispute.Status.OPEN)


class Dispute(TimeStamped):
    """A customer's objection to an invoice or to one line of it."""

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        ACCEPTED = "accepted", _("Accepted")
        REFUSED = "refused", _("Refused")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="disputes"
    )
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="disputes")
    line = models.ForeignKey(
        InvoiceLine, on_delete=models.PROTECT, related_name="disputes", null=True
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    reason = models.TextField()
    #: What the customer wants back before tax; empty leaves it to the operator.
    claimed = models.DecimalField(max_digits=30, decimal_places=12, null=True)
    #: The requests it is about, by id.
    request_ids = ArrayField(models.CharField(max_length=100), default=list)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    answer = models.TextField(blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    decided_at = models.DateTimeField(null=True)

    objects = DisputeQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("invoice", "line"),
                condition=models.Q(status="open"),
                nulls_distinct=False,
                name="one_open_dispute_per_line",
            ),
            models.CheckConstraint(
                condition=models.Q(claimed=None) | models.Q(claimed__gt=0),
                name="claim_is_more_than_nothing",
            ),
        )

    def __str__(self) -> str:
        return f"{self.invoice_id} {self.status}"

    @property
    def claim(self) -> Money | None:
        """What the customer wants back before tax."""
        return None if self.claimed is None else Money(self.claimed, self.invoice.currency)


class CorrectionQuerySet(LockingQuerySet["Correction"]):
    """Corrections."""

    def waiting(self) -> "CorrectionQuerySet":
        """Those that wait for a second person."""
        return self.filter(status=Correction.Status.PROPOSED)


class Correction(TimeStamped):
    """A change to what an invoice asks for: proposed by one of the staff, approved by another."""

    class Kind(models.TextChoices):
        CREDIT = "credit", _("Credit note")
        VOID = "void", _("Cancel the invoice")
        WRITE_OFF = "write_off", _("Write off")

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("Waits for a second person")
        APPROVED = "approved", _("Approved")
        REFUSED = "refused", _("Refused")

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="corrections"
    )
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="corrections")
    dispute = models.ForeignKey(
        Dispute, on_delete=models.PROTECT, related_name="corrections", null=True
    )
    kind = models.CharField(max_length=10, choices=Kind)
    status = models.CharField(max_length=10, choices=Status, default=Status.PROPOSED)
    #: Net, of a credit note; empty takes back all that is left.
    amount = models.DecimalField(max_digits=30, decimal_places=12, null=True)
    #: The line it is taken from; empty spreads it over the lines.
    line = models.ForeignKey(InvoiceLine, on_delete=models.PROTECT, related_name="+", null=True)
    words = models.CharField(max_length=1000)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    decided_at = models.DateTimeField(null=True)
    credit_note = models.OneToOneField(
        CreditNote, on_delete=models.PROTECT, related_name="correction", null=True
    )

    objects = CorrectionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("invoice",),
                condition=models.Q(status="proposed"),
                name="one_correction_at_a_time",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="approved")
                | models.Q(decided_by__isnull=False)
                & ~models.Q(decided_by=models.F("proposed_by")),
                name="correction_under_four_eyes",
            ),
            models.CheckConstraint(
                condition=models.Q(amount=None) | models.Q(amount__gt=0),
                name="correction_is_more_than_nothing",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.invoice_id}"

    @property
    def net(self) -> Money | None:
        """What is taken back before tax; None for all that is left."""
        return None if self.amount is None else Money(self.amount, self.invoice.currency)


class InvoiceHoldQuerySet(LockingQuerySet["InvoiceHold"]):
    """Held months."""

    def waiting(self) -> "InvoiceHoldQuerySet":
        """Those that wait for a person."""
        return self.filter(status=InvoiceHold.Status.WAITING)


class InvoiceHold(TimeStamped):
    """A month or a purchase whose invoice looks wrong: it is not numbered until a person decides."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waits for a person")
        RELEASED = "released", _("Released")
        AGAIN = "again", _("Checked again")

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="invoice_holds"
    )
    period_start = models.DateTimeField(null=True)
    period_end = models.DateTimeField(null=True)
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="invoice_holds", null=True
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    #: What looks wrong: {"code", "words"}, in the order of the checks.
    findings = models.JSONField()
    currency = models.CharField(max_length=3)
    total = models.DecimalField(max_digits=30, decimal_places=12)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    decided_at = models.DateTimeField(null=True)
    words = models.CharField(max_length=1000, blank=True)

    objects = InvoiceHoldQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "period_start"),
                condition=models.Q(status="waiting"),
                name="month_held_once",
            ),
            models.UniqueConstraint(
                fields=("order",), condition=models.Q(status="waiting"), name="order_held_once"
            ),
            models.CheckConstraint(
                condition=models.Q(order=None, period_start__isnull=False)
                | models.Q(order__isnull=False, period_start=None),
                name="hold_is_of_a_month_or_an_order",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="released") | models.Q(decided_by__isnull=False),
                name="released_by_a_person",
            ),
        )

    def __str__(self) -> str:
        return f"{self.period_start:%Y-%m}" if self.period_start else f"{self.order_id}"

    @property
    def gross(self) -> Money:
        """What the invoice would ask for."""
        return Money(self.total, self.currency)

"""Credit notes: what is taken back of an invoice, by line; written once like the invoice itself."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models.invoices import Invoice, InvoiceLine
from billing.models.profiles import Issuer
from common.models import AppendOnly, LockingQuerySet, TimeStamped
from common.money import Money
from tenants.models import Organization


class CreditNoteQuerySet(LockingQuerySet["CreditNote"]):
    """Credit notes."""


class CreditNote(TimeStamped):
    """Takes back a part of one invoice, or all of it; together they never exceed it (trigger)."""

    class Reason(models.TextChoices):
        DISPUTE = "dispute", _("Dispute")
        CORRECTION = "correction", _("Correction")
        VOID = "void", _("Cancellation")
        REFUND = "refund", _("Refund")
        CHARGEBACK = "chargeback", _("Taken back by the bank")

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="credit_notes"
    )
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="credit_notes")
    issuer = models.ForeignKey(Issuer, on_delete=models.PROTECT, related_name="credit_notes")
    #: What makes two attempts at one act one credit note.
    operation_key = models.CharField(max_length=100)
    number = models.CharField(max_length=40)
    reason = models.CharField(max_length=10, choices=Reason)
    words = models.CharField(max_length=1000, blank=True)
    currency = models.CharField(max_length=3)
    seller = models.JSONField()
    buyer = models.JSONField()
    purchase_order = models.CharField(max_length=60, blank=True)
    buyer_reference = models.CharField(max_length=60, blank=True)
    net = models.DecimalField(max_digits=30, decimal_places=12)
    tax_rate = models.DecimalField(max_digits=6, decimal_places=4)
    tax_category = models.CharField(max_length=2)
    tax_reason = models.CharField(max_length=200, blank=True)
    tax = models.DecimalField(max_digits=30, decimal_places=12)
    total = models.DecimalField(max_digits=30, decimal_places=12)
    issued_at = models.DateTimeField()
    mailed_at = models.DateTimeField(null=True)

    objects = CreditNoteQuerySet.as_manager()

    class Meta:
        ordering = ("-issued_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("issuer", "number"), name="credit_note_number_once_per_issuer"
            ),
            models.UniqueConstraint(
                fields=("organization", "operation_key"), name="credit_note_once_per_operation"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    total=models.F("net") + models.F("tax"), net__gte=0, tax__gte=0, total__gt=0
                ),
                name="credit_note_total_is_net_and_tax",
            ),
        )
        indexes = (
            models.Index(
                fields=("issued_at",),
                condition=models.Q(mailed_at=None),
                name="credit_notes_to_mail",
            ),
        )

    def __str__(self) -> str:
        return self.number

    @property
    def gross(self) -> Money:
        """What is taken back, with tax."""
        return Money(self.total, self.currency)


class CreditNoteLine(AppendOnly):
    """What is taken back of one line of the invoice; never more than the line (trigger)."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    credit_note = models.ForeignKey(CreditNote, on_delete=models.PROTECT, related_name="lines")
    invoice_line = models.ForeignKey(
        InvoiceLine, on_delete=models.PROTECT, related_name="credit_note_lines"
    )
    position = models.PositiveIntegerField()
    description = models.CharField(max_length=250)
    amount = models.DecimalField(max_digits=30, decimal_places=12)

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(
                fields=("credit_note", "invoice_line"), name="line_once_per_credit_note"
            ),
            models.CheckConstraint(condition=~models.Q(amount=0), name="credited_line_is_not_zero"),
        )

    def __str__(self) -> str:
        return self.description

"""Invoices: written once, numbered without gaps, never changed but in how they are paid."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.bank import references
from billing.models.orders import Order
from billing.models.profiles import Issuer
from common.models import AppendOnly, LockingQuerySet, TimeStamped
from common.money import Money
from tenants.models import Organization


class InvoiceSequenceQuerySet(LockingQuerySet["InvoiceSequence"]):
    """Number series."""


class InvoiceSequence(TimeStamped):
    """The last number given in one series of an issuer; its row lock makes the series gapless."""

    issuer = models.ForeignKey(Issuer, on_delete=models.PROTECT, related_name="sequences")
    series = models.CharField(max_length=20)
    last_number = models.PositiveIntegerField(default=0)

    objects = InvoiceSequenceQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("issuer", "series"), name="series_once_per_issuer"),
        )

    def __str__(self) -> str:
        return self.series


class InvoiceQuerySet(LockingQuerySet["Invoice"]):
    """Invoices."""

    def open(self) -> "InvoiceQuerySet":
        """Those that wait for money."""
        return self.filter(status=Invoice.Status.OPEN)


class Invoice(TimeStamped):
    """A finalized document; drafts are computed and never stored."""

    class Kind(models.TextChoices):
        PURCHASE = "purchase", _("Purchase")
        USAGE = "usage", _("Usage")

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        PAID = "paid", _("Paid")
        VOID = "void", _("Void")
        UNCOLLECTIBLE = "uncollectible", _("Uncollectible")

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="invoices"
    )
    issuer = models.ForeignKey(Issuer, on_delete=models.PROTECT, related_name="invoices")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    status = models.CharField(max_length=15, choices=Status.choices)
    number = models.CharField(max_length=40)
    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="invoice", null=True)
    period_start = models.DateTimeField(null=True)
    period_end = models.DateTimeField(null=True)
    currency = models.CharField(max_length=3)
    seller = models.JSONField()
    buyer = models.JSONField()
    purchase_order = models.CharField(max_length=60, blank=True)
    buyer_reference = models.CharField(max_length=60, blank=True)
    #: Whose terms it was written by; empty where nothing was signed.
    contract = models.ForeignKey(
        "billing.Contract", on_delete=models.PROTECT, related_name="invoices", null=True
    )
    net = models.DecimalField(max_digits=30, decimal_places=12)
    tax_rate = models.DecimalField(max_digits=6, decimal_places=4)
    #: The category of EN 16931 (UNTDID 5305): S, AE, E, Z.
    tax_category = models.CharField(max_length=2, default="S")
    tax_reason = models.CharField(max_length=200, blank=True)
    tax = models.DecimalField(max_digits=30, decimal_places=12)
    total = models.DecimalField(max_digits=30, decimal_places=12)
    #: What the lines come to before each was rounded.
    exact_net = models.DecimalField(max_digits=30, decimal_places=12)
    #: Of usage: the last seal over receipts when it was written. Printed, so that the chain is held to
    #: it by whoever keeps the paper.
    seal_number = models.PositiveIntegerField(null=True)
    seal_hash = models.BinaryField(max_length=32, null=True)
    issued_at = models.DateTimeField()
    due_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        ordering = ("-issued_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("issuer", "number"), name="invoice_number_once_per_issuer"
            ),
            models.UniqueConstraint(
                fields=("organization", "period_start"),
                condition=models.Q(kind="usage"),
                name="usage_invoice_once_per_period",
            ),
            models.CheckConstraint(
                condition=models.Q(total=models.F("net") + models.F("tax")),
                name="invoice_total_is_net_and_tax",
            ),
            models.CheckConstraint(
                condition=models.Q(seal_number=None, seal_hash=None)
                | models.Q(seal_number__isnull=False, seal_hash__isnull=False),
                name="invoice_names_a_seal_or_none",
            ),
        )
        indexes = (
            models.Index(
                fields=("issued_at",),
                condition=models.Q(mailed_at=None),
                name="invoices_to_mail",
            ),
            models.Index(
                fields=("due_at",), condition=models.Q(status="open"), name="invoices_to_be_paid"
            ),
        )

    def __str__(self) -> str:
        return self.number

    @property
    def gross(self) -> Money:
        """What is due, with tax."""
        return Money(self.total, self.currency)

    @property
    def seal_digits(self) -> str | None:
        """The hash of that seal in hexadecimal, as people and the API read it."""
        return bytes(self.seal_hash).hex() if self.seal_hash else None

    @property
    def payment_reference(self) -> str:
        """What a transfer should carry: the number as a creditor reference (ISO 11649)."""
        return references.creditor(self.number)

    @property
    def is_overdue(self) -> bool:
        """Whether its day has passed without the money."""
        return self.status == self.Status.OPEN and self.due_at < timezone.now()


class InvoiceLine(AppendOnly):
    """One line: what it comes to exactly, and rounded once to the currency's minor unit."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=20)
    description = models.CharField(max_length=250)
    quantity = models.DecimalField(max_digits=30, decimal_places=12)
    unit_amount = models.DecimalField(max_digits=30, decimal_places=18)
    #: Of usage: what was used, and the version of the price that applied.
    offer_name = models.CharField(max_length=100, blank=True)
    part = models.CharField(max_length=20, blank=True)
    price_id = models.UUIDField(null=True)
    #: Of a price in tiers: which of them, from 1.
    tier = models.PositiveSmallIntegerField(null=True)
    #: The first instant of the month it belongs to, where that is not the invoice's own.
    corrects = models.DateTimeField(null=True)
    #: The part of the organization it belongs to, where the invoice is split: a project, a key.
    section = models.CharField(max_length=120, blank=True)
    #: Whose usage it is, where the invoice goes to another organization.
    used_by = models.UUIDField(null=True)
    exact_amount = models.DecimalField(max_digits=30, decimal_places=12)
    amount = models.DecimalField(max_digits=30, decimal_places=12)

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(
                fields=("invoice", "position"), name="line_position_once_per_invoice"
            ),
        )
        indexes = (
            # Closing a month asks what other months' invoices said of it.
            models.Index(
                fields=("used_by",),
                condition=models.Q(used_by__isnull=False),
                name="lines_of_who_is_paid_for",
            ),
        )

    def __str__(self) -> str:
        return self.description

    @property
    def usage_key(self) -> tuple[object, ...]:
        """Whose usage it is of what, at which price, tier and weight, and in which month."""
        return (
            self.used_by, self.section, self.offer_name, self.part, self.price_id, self.tier,
            self.unit_amount, self.corrects,
        )  # fmt: skip

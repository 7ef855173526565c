"""Organizations whose usage another one pays for, and what stood of it on each invoice."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models.invoices import Invoice
from common.models import AppendOnly, LockingQuerySet, TimeStamped
from common.money import Money
from tenants.models import Organization


class PayerQuerySet(LockingQuerySet["Payer"]):
    """Who pays for whom."""

    def during(self, month: str) -> "PayerQuerySet":
        """Those that hold in the month, written as 2026-03."""
        lasting = models.Q(last_month="") | models.Q(last_month__gte=month)
        return self.filter(lasting, first_month__lte=month)

    def not_over(self, month: str) -> "PayerQuerySet":
        """Those that hold in the month or later."""
        return self.filter(models.Q(last_month="") | models.Q(last_month__gte=month))


class Payer(TimeStamped):
    """Another organization of the same legal customer that pays for whole months of usage.

    Months are those of the organization's own billing time zone; none is ever cut, so each belongs
    to one invoice. The names are those of the day on which it was agreed.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="payers")
    organization_name = models.CharField(max_length=100)
    payer = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="pays_for")
    payer_name = models.CharField(max_length=100)
    first_month = models.CharField(_("first month"), max_length=7)
    #: Empty while nobody has ended it.
    last_month = models.CharField(_("last month"), max_length=7, blank=True)

    objects = PayerQuerySet.as_manager()

    class Meta:
        ordering = ("organization_name", "first_month")
        constraints = (
            models.CheckConstraint(
                condition=~models.Q(payer=models.F("organization")), name="payer_is_somebody_else"
            ),
            models.CheckConstraint(
                condition=models.Q(last_month="")
                | models.Q(last_month__gte=models.F("first_month")),
                name="payer_pays_for_a_month_at_least",
            ),
        )

    def __str__(self) -> str:
        return f"{self.payer_name} · {self.organization_name}"

    def is_during(self, month: str) -> bool:
        """Whether it holds in the month, written as 2026-03."""
        return self.first_month <= month and (not self.last_month or self.last_month >= month)


class InvoicePart(AppendOnly):
    """What of an invoice to another organization an organization's own month came to.

    It repeats of the invoice what its members may see: they read no other part of it.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="invoice_parts"
    )
    name = models.CharField(max_length=100)
    payer = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    payer_name = models.CharField(max_length=100)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="parts")
    number = models.CharField(max_length=40)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    currency = models.CharField(max_length=3)
    seller: Any = models.JSONField()
    buyer: Any = models.JSONField()
    net = models.DecimalField(max_digits=30, decimal_places=12)
    exact_net = models.DecimalField(max_digits=30, decimal_places=12)
    issued_at = models.DateTimeField()

    class Meta:
        ordering = ("-issued_at", "name")
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "period_start"), name="month_is_part_of_one_invoice"
            ),
            models.UniqueConstraint(
                fields=("invoice", "organization"), name="organization_once_per_invoice"
            ),
        )

    def __str__(self) -> str:
        return f"{self.number} · {self.name}"

    @property
    def worth(self) -> Money:
        """What its lines come to, before tax."""
        return Money(self.net, self.currency)

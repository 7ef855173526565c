"""What was promised to a customer in a month and what came of it: judged once, when it was invoiced."""

from django.db import models

from common.models import AppendOnly
from marketplace.models import ServiceLevel
from tenants.models import Organization


class ServiceMonth(AppendOnly):
    """A customer's month of an offer in a region, with the numbers it was judged by."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="service_months"
    )
    offer_name = models.CharField(max_length=100)
    region = models.CharField(max_length=40)
    #: The month, where the customer is.
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    #: Which version it was judged by.
    level = models.ForeignKey(ServiceLevel, on_delete=models.PROTECT, related_name="+")
    calls = models.BigIntegerField()
    failed = models.BigIntegerField()
    #: Each target with what was measured, by how much it was missed and what that is credited with.
    verdicts = models.JSONField(default=list)
    #: Whether there were calls enough to judge it.
    is_judged = models.BooleanField()
    is_missed = models.BooleanField()
    currency = models.CharField(max_length=3)
    charges = models.DecimalField(max_digits=30, decimal_places=12)
    percent = models.DecimalField(max_digits=5, decimal_places=2)
    #: What is credited, exactly: on the invoice, and as credit what was not left to pay on it.
    credit = models.DecimalField(max_digits=30, decimal_places=12)
    on_invoice = models.DecimalField(max_digits=30, decimal_places=12)
    as_credit = models.DecimalField(max_digits=30, decimal_places=12)
    invoice_number = models.CharField(max_length=40)
    judged_at = models.DateTimeField()

    class Meta:
        ordering = ("-starts_at", "offer_name", "region")
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "starts_at", "offer_name", "region"),
                name="service_month_judged_once",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    credit=models.F("on_invoice") + models.F("as_credit"),
                    on_invoice__gte=0,
                    as_credit__gte=0,
                    credit__lte=models.F("charges"),
                ),
                name="service_month_credit_is_within_charges",
            ),
        )

    def __str__(self) -> str:
        return f"{self.offer_name} {self.starts_at:%Y-%m}"

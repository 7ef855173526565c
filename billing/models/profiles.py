"""Who sells and who buys, as documents name them."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_countries.fields import CountryField

from common.models import LockingQuerySet, TimeStamped
from tenants.models import Organization


class Issuer(TimeStamped):
    """A legal entity of the operator that writes invoices, and its tax rate."""

    code = models.SlugField(max_length=20, unique=True)
    legal_name = models.CharField(_("legal name"), max_length=200)
    address = models.TextField(_("address"))
    country = CountryField()
    vat_id = models.CharField(_("VAT number"), max_length=30, blank=True)
    vat_rate = models.DecimalField(_("VAT rate"), max_digits=6, decimal_places=4)
    is_default = models.BooleanField(default=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(vat_rate__gte=0, vat_rate__lt=1), name="vat_rate_is_a_share"
            ),
            models.UniqueConstraint(
                fields=("is_default",),
                condition=models.Q(is_default=True),
                name="one_default_issuer",
            ),
        )

    def __str__(self) -> str:
        return self.legal_name

    def snapshot(self) -> dict[str, Any]:
        """Return what a document keeps of the seller."""
        return {
            "legal_name": self.legal_name,
            "address": self.address,
            "country": str(self.country),
            "vat_id": self.vat_id,
        }


class VatState(models.TextChoices):
    """How far a VAT number has been checked."""

    NONE = "none", _("None given")
    UNVERIFIED = "unverified", _("Form is right, not verified with the registry")
    VERIFIED = "verified", _("Verified with the registry")


class BillingProfileQuerySet(LockingQuerySet["BillingProfile"]):
    """Billing details."""


class BillingProfile(TimeStamped):
    """How an organization wants to be named on invoices, and where they go."""

    organization = models.OneToOneField(
        Organization, on_delete=models.PROTECT, related_name="billing_profile"
    )
    legal_name = models.CharField(_("legal name"), max_length=200)
    line1 = models.CharField(_("address"), max_length=200)
    line2 = models.CharField(_("address, second line"), max_length=200, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=20, blank=True)
    city = models.CharField(_("city"), max_length=100)
    country = CountryField(_("country"))
    vat_id = models.CharField(_("VAT number"), max_length=30, blank=True)
    vat_state = models.CharField(max_length=10, choices=VatState, default=VatState.NONE)
    purchase_order = models.CharField(_("purchase order number"), max_length=60, blank=True)
    emails = ArrayField(
        models.EmailField(), verbose_name=_("billing e-mail addresses"), default=list, blank=True
    )

    objects = BillingProfileQuerySet.as_manager()

    def __str__(self) -> str:
        return self.legal_name

    def snapshot(self) -> dict[str, Any]:
        """Return what a document keeps of the buyer."""
        lines = [self.line1, self.line2, f"{self.postal_code} {self.city}".strip()]
        return {
            "legal_name": self.legal_name,
            "address": "\n".join(line for line in lines if line),
            "country": str(self.country),
            "vat_id": self.vat_id,
            "vat_state": self.vat_state,
        }

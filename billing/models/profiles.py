"""Who sells and who buys, as documents name them."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_countries.fields import CountryField

from billing.wording import LANGUAGES
from common.models import LockingQuerySet, TimeStamped
from common.money import minor_digits
from tenants.models import Organization

#: Of an amount in an electronic invoice.
MOST_DECIMALS = 2


class IssuerQuerySet(LockingQuerySet["Issuer"]):
    """Legal entities."""


class Issuer(TimeStamped):
    """A legal entity of the operator that writes invoices, and its tax rate."""

    code = models.SlugField(max_length=20, unique=True)
    legal_name = models.CharField(_("legal name"), max_length=200)
    address = models.TextField(_("address"))
    country = CountryField()
    vat_id = models.CharField(_("VAT number"), max_length=30, blank=True)
    vat_rate = models.DecimalField(_("VAT rate"), max_digits=6, decimal_places=4)
    reduced_rate = models.DecimalField(
        _("reduced VAT rate"), max_digits=6, decimal_places=4, default=0
    )
    registration_id = models.CharField(_("company register number"), max_length=40, blank=True)
    email = models.EmailField(_("e-mail address for questions"), blank=True)
    iban = models.CharField(_("IBAN"), max_length=34, blank=True)
    bic = models.CharField(_("BIC"), max_length=11, blank=True)
    #: Where the law asks for the total in words: the language of these words.
    words_language = models.CharField(
        _("total in words"),
        max_length=2,
        blank=True,
        choices=[("", _("No")), *LANGUAGES.items()],
    )
    grace_hours = models.PositiveSmallIntegerField(_("hours of grace"), default=0)
    #: Whether its invoices carry an electronic invoice and must pass the rules of EN 16931.
    is_electronic = models.BooleanField(_("electronic invoices"), default=False)
    is_default = models.BooleanField(default=True)

    objects = IssuerQuerySet.as_manager()

    class Meta:
        ordering = ("code",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(vat_rate__gte=0, vat_rate__lt=1), name="vat_rate_is_a_share"
            ),
            models.CheckConstraint(
                condition=models.Q(reduced_rate__gte=0, reduced_rate__lt=1),
                name="reduced_rate_is_a_share",
            ),
            models.UniqueConstraint(
                fields=("is_default",),
                condition=models.Q(is_default=True),
                name="one_default_issuer",
            ),
        )

    def __str__(self) -> str:
        return self.legal_name

    def snapshot(self, currency: str) -> dict[str, Any]:
        """Return what a document in this currency keeps of the seller.

        EN 16931 writes two decimals at most (BR-DEC): nothing in fils or millimes is an electronic
        invoice, for it would be cut short.
        """
        return {
            "legal_name": self.legal_name,
            "address": self.address,
            "country": str(self.country),
            "vat_id": self.vat_id,
            "registration_id": self.registration_id,
            "email": self.email,
            "iban": self.iban,
            "bic": self.bic,
            "words_language": self.words_language,
            "is_electronic": self.is_electronic and minor_digits(currency) <= MOST_DECIMALS,
        }


class VatState(models.TextChoices):
    """How far a VAT number has been checked."""

    NONE = "none", _("None given")
    UNVERIFIED = "unverified", _("Form is right, not verified with the registry")
    VERIFIED = "verified", _("Verified with the registry")


class TaxTreatment(models.TextChoices):
    """Which VAT stands on an organization's invoices."""

    AUTOMATIC = "automatic", _("By countries and VAT number")
    STANDARD = "standard", _("Standard rate")
    REDUCED = "reduced", _("Reduced rate")
    EXEMPT = "exempt", _("Exempt")
    REVERSE_CHARGE = "reverse_charge", _("Reverse charge")


class Split(models.TextChoices):
    """What an organization's usage invoices are divided by."""

    NONE = "none", _("Not at all")
    PROJECT = "project", _("Project")
    CENTRE = "centre", _("Cost centre")
    KEY = "key", _("Key")


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
    buyer_reference = models.CharField(_("buyer reference"), max_length=60, blank=True)
    split_by = models.CharField(
        _("divide invoices by"), max_length=10, choices=Split, default=Split.NONE
    )
    tax_treatment = models.CharField(
        _("VAT"), max_length=15, choices=TaxTreatment, default=TaxTreatment.AUTOMATIC
    )
    #: Why no VAT is asked for; printed, and told in the electronic invoice.
    tax_reason = models.CharField(_("reason of the exemption"), max_length=200, blank=True)
    #: Which legal entity invoices; empty is the default one.
    issuer = models.ForeignKey(
        Issuer,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("legal entity that invoices"),
    )
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
            "line1": self.line1,
            "line2": self.line2,
            "postal_code": self.postal_code,
            "city": self.city,
        }

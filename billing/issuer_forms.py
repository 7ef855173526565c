"""What staff may type about who invoices, and about how a customer is invoiced."""

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from stdnum import iban

from billing.models import BillingProfile, Issuer, TaxTreatment, VatState
from billing.services import currencies
from marketplace.forms import fields

#: Words that stand in the addresses of the desk.
RESERVED = frozenset({"new"})


def _percent(label: Any, **more: Any) -> fields.Amount:
    return fields.Amount(
        label=label,
        min_value=0,
        max_value=Decimal("99.99"),
        max_digits=4,
        decimal_places=2,
        **more,
    )


def _written(rate: Decimal) -> str:
    """Write a share of one in per cent, as people do: 20, never 2E+1."""
    return f"{(rate * 100).normalize():f}"


class IssuerForm(forms.ModelForm[Issuer]):
    """A legal entity of the operator, as documents name it."""

    vat_percent = _percent(_("VAT rate, in per cent"))
    reduced_percent = _percent(_("Reduced VAT rate, in per cent"), required=False)

    class Meta:
        model = Issuer
        fields = (
            "legal_name", "address", "country", "vat_id", "registration_id", "email", "iban",
            "bic", "words_language", "is_electronic",
        )  # fmt: skip
        labels = {"country": _("Country")}
        widgets = {"address": forms.Textarea(attrs={"rows": 3})}
        help_texts = {
            "words_language": _("Some laws ask for the total in words: in which language."),
            "is_electronic": _(
                "Factur-X in the PDF and UBL beside it; every document is checked against EN 16931. "
                "Amounts with three decimals, as of KWD, cannot be written so: these are PDF only."
            ),
            "iban": _("Printed on open invoices, for transfers."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        issuer = self.instance
        if issuer.vat_rate is not None:
            self.initial["vat_percent"] = _written(issuer.vat_rate)
        self.initial["reduced_percent"] = _written(Decimal(issuer.reduced_rate))

    def facts(self) -> dict[str, Any]:
        """Return the fields of the issuer; its rates are shares of one."""
        facts = dict(self.cleaned_data)
        facts["vat_rate"] = facts.pop("vat_percent") / 100
        facts["reduced_rate"] = (facts.pop("reduced_percent") or Decimal(0)) / 100
        return facts

    def clean_iban(self) -> str:
        """Check the account number's form and check digits."""
        number = re.sub(r"\s", "", self.cleaned_data["iban"]).upper()
        if number and not iban.is_valid(number):
            raise ValidationError(_("This is not an IBAN. Check its digits."))
        return number

    def clean(self) -> dict[str, Any] | None:
        """Refuse electronic invoices of a seller without the number that the rules ask for."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("is_electronic") and not cleaned.get("vat_id"):
            self.add_error("vat_id", _("Electronic invoices need the VAT number of their seller."))
        return cleaned


class NewIssuerForm(IssuerForm):
    """A new one: its code stands in every number it gives, so it is chosen once."""

    class Meta(IssuerForm.Meta):
        fields = ("code", *IssuerForm.Meta.fields)  # type: ignore[assignment]
        help_texts = {
            **IssuerForm.Meta.help_texts,
            "code": _("Its documents are numbered like CODE-2026-000001. It never changes."),
        }

    def clean_code(self) -> str:
        """Keep codes in small letters, so that no two give the same numbers."""
        code: str = self.cleaned_data["code"].lower()
        if code in RESERVED:
            raise ValidationError(_("This word is taken."))
        if Issuer.objects.filter(code=code).exists():
            raise ValidationError(_("There is one with this code already."))
        return code


class TermsForm(forms.ModelForm[BillingProfile]):
    """What staff decide about an organization's documents."""

    is_verified = forms.BooleanField(
        label=_("The registry has confirmed the VAT number"), required=False
    )

    currency = fields.currency(
        help_text=_("Chosen before anything is agreed or bought; then it stays.")
    )
    field_order = ("currency",)

    class Meta:
        model = BillingProfile
        fields = ("tax_treatment", "tax_reason", "issuer")
        help_texts = {
            "tax_reason": _("Printed where no VAT is asked for, like the article of the law."),
            "issuer": _("Empty: the default one."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["is_verified"] = self.instance.vat_state == VatState.VERIFIED
        organization = self.instance.organization
        self.initial["currency"] = organization.currency
        self.fields["currency"].disabled = currencies.is_fixed(organization)

    def facts(self) -> dict[str, Any]:
        """Return what stands in the billing details."""
        return {name: value for name, value in self.cleaned_data.items() if name != "currency"}

    def clean_is_verified(self) -> bool:
        """Refuse to confirm a number that was not given."""
        is_verified: bool = self.cleaned_data["is_verified"]
        if is_verified and not self.instance.vat_id:
            raise ValidationError(_("No VAT number was given."))
        return is_verified

    def clean(self) -> dict[str, Any] | None:
        """Refuse reverse charge without the number that it needs."""
        cleaned = super().clean() or self.cleaned_data
        is_reversed = cleaned.get("tax_treatment") == TaxTreatment.REVERSE_CHARGE
        if is_reversed and not self.instance.vat_id:
            words = _("Reverse charge needs the VAT number of the customer in its billing details.")
            self.add_error("tax_treatment", words)
        return cleaned

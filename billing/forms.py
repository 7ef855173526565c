"""What people may type about buying and billing."""

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _
from stdnum.eu import vat

from billing.models import AccountKind, BillingProfile, Invoice
from billing.shop import OVERDUE

MOST_EMAILS = 10


class OrderForm(forms.Form):
    """Which bundle, and the key that makes two clicks one order."""

    bundle = forms.SlugField(max_length=50)
    operation_key = forms.UUIDField()
    way = forms.ChoiceField(choices=[("page", ""), ("transfer", "")], required=False)


class InvoiceFilter(forms.Form):
    """Which invoices are listed; what is empty is not asked for."""

    year = forms.TypedChoiceField(label=_("Year"), required=False, coerce=int, empty_value=None)
    status = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[("", _("Every state")), *Invoice.Status.choices, (OVERDUE, _("Overdue"))],
    )

    def __init__(self, *args: Any, years: Sequence[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["year"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = [("", _("Every year")), *((str(year), str(year)) for year in years)]

    @property
    def is_filtered(self) -> bool:
        """Whether anything is asked for."""
        return any(self.data.get(name) for name in self.fields)

    def facts(self) -> dict[str, Any]:
        """Return what is asked for."""
        return {name: self.cleaned_data[name] for name in ("year", "status")}


class LedgerFilter(forms.Form):
    """Which operations of the ledger are listed."""

    account = forms.ChoiceField(
        label=_("Account"),
        required=False,
        choices=[("", _("Every account")), *AccountKind.choices],
    )
    before = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def facts(self) -> dict[str, Any]:
        """Return what is asked for."""
        return {name: self.cleaned_data[name] for name in ("account", "before")}


class BillingProfileForm(forms.ModelForm[BillingProfile]):
    """How the organization is named on invoices."""

    emails = forms.CharField(
        label=_("Billing e-mail addresses"),
        required=False,
        max_length=2000,
        help_text=_("Whom to ask about invoices, separated by commas."),
    )

    class Meta:
        model = BillingProfile
        fields = (
            "legal_name",
            "line1",
            "line2",
            "postal_code",
            "city",
            "country",
            "vat_id",
            "purchase_order",
            "buyer_reference",
            "split_by",
        )
        help_texts = {
            "split_by": _(
                "Usage stands under a heading of its own for each, with its subtotal. No total changes."
            ),
            "vat_id": _("With its country letters, like FR40303265045."),
            "purchase_order": _("Printed on every invoice from now on."),
            "buyer_reference": _(
                "What your accounting finds an invoice by: a service code, a routing id."
            ),
        }
        widgets = {
            name: forms.TextInput(attrs={"autocomplete": words})
            for name, words in {
                "legal_name": "organization",
                "line1": "address-line1",
                "line2": "address-line2",
                "postal_code": "postal-code",
                "city": "address-level2",
                "vat_id": "off",
                "purchase_order": "off",
                "buyer_reference": "off",
            }.items()
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["emails"] = ", ".join(self.instance.emails)
        self.fields["split_by"].required = False

    def clean_vat_id(self) -> str:
        """Check the form and check digits of EU numbers; others are kept as they are written."""
        number = re.sub(r"[\s.-]", "", self.cleaned_data["vat_id"]).upper()
        if number and number[:2].lower() in vat.MEMBER_STATES and not vat.is_valid(number):
            raise ValidationError(
                _("This is not a VAT number of %(country)s. Check its digits."),
                params={"country": number[:2]},
            )
        return number

    def clean_split_by(self) -> str:
        """Keep what stands where nothing is said."""
        return self.cleaned_data["split_by"] or self.instance.split_by

    def clean_emails(self) -> list[str]:
        """Split the addresses and check each."""
        found = [it.strip() for it in re.split(r"[,;\s]+", self.cleaned_data["emails"])]
        addresses = list(dict.fromkeys(filter(None, found)))
        if len(addresses) > MOST_EMAILS:
            raise ValidationError(_("At most ten addresses."))
        for address in addresses:
            validate_email(address)
        return addresses

"""What staff types about money that came in."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from billing.bank import references
from billing.budget_forms import MOST
from billing.models import Invoice, Order
from billing.services import receiving
from marketplace.forms import fields

LARGEST = 10_000_000


class StatementForm(forms.Form):
    """A statement to import."""

    file = forms.FileField(
        label=_("Statement"),
        help_text=_(
            "CAMT.053 (XML), or CSV with the columns date, amount and text; at most 10 MB."
        ),
    )
    account = forms.CharField(label=_("Account of a CSV file"), max_length=40, required=False)

    def clean_file(self) -> Any:
        """Refuse what no statement is as large as."""
        file = self.cleaned_data["file"]
        if file.size > LARGEST:
            raise forms.ValidationError(_("This file is larger than 10 MB."))
        return file


class InvoiceNumberForm(forms.Form):
    """An invoice, by its number."""

    number = forms.CharField(label=_("Invoice number"), max_length=40)

    def clean_number(self) -> Invoice:
        """Return the invoice that has this number."""
        found = Invoice.objects.filter(number=self.cleaned_data["number"].strip()).first()
        if found is None:
            raise forms.ValidationError(_("There is no invoice with this number."))
        return found


class AssignForm(InvoiceNumberForm):
    """Which invoice a movement pays; what is too much for it is kept for its customer."""


class AssignOrderForm(forms.Form):
    """Which order a movement pays, by its reference."""

    reference = forms.CharField(label=_("Payment reference of an order"), max_length=40)

    def clean_reference(self) -> Order:
        """Return the order that has this reference, however it was typed."""
        wanted = references.squeezed(self.cleaned_data["reference"])
        found = Order.objects.filter(transfer_reference=wanted).first()
        if found is None:
            raise forms.ValidationError(_("There is no order with this reference."))
        return found


class SettleForm(forms.Form):
    """What a person found out about a movement."""

    words = forms.CharField(label=_("What it is"), max_length=250)


class PaymentForm(InvoiceNumberForm):
    """A payment that somebody else has to approve."""

    def clean_number(self) -> Invoice:
        """Return the invoice, which has to ask for money."""
        found = super().clean_number()
        if not receiving.asks_for_payment(found):
            raise forms.ValidationError(str(receiving.NotOpen(found).detail))
        return found

    amount = fields.money(_("Amount"), max_value=MOST)
    words = forms.CharField(label=_("How it was paid"), max_length=250)

    def clean(self) -> dict[str, Any]:
        """Refuse an amount finer than the invoice's currency."""
        cleaned = super().clean() or self.cleaned_data
        if invoice := cleaned.get("number"):
            fields.check_fineness(self, invoice.currency, "amount")
        return cleaned

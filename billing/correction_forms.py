"""What people may type about an invoice that is not right."""

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from billing.models import Correction, Invoice, InvoiceLine
from common.money import minor_digits
from marketplace.forms import fields

MOST_REQUESTS = 50
LONGEST_ID = 100


class _AboutInvoice(forms.Form):
    """Names a line of an invoice, and an amount in its currency."""

    line = forms.ModelChoiceField[InvoiceLine](
        InvoiceLine.objects.none(), label=_("Line"), required=False, empty_label=_("All of it")
    )
    amount = fields.Amount(
        label=_("Amount before tax"),
        required=False,
        min_value=Decimal(0),
        max_digits=24,
        decimal_places=12,
    )

    def __init__(self, *args: Any, invoice: Invoice, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        line, amount = self.fields["line"], self.fields["amount"]
        assert isinstance(line, forms.ModelChoiceField)  # noqa: S101 - declared above
        line.queryset = InvoiceLine.objects.filter(invoice=invoice, amount__gt=0)
        amount.help_text = _("In %(currency)s. Empty means all that is left of it.") % {
            "currency": invoice.currency
        }
        self.digits = minor_digits(invoice.currency)

    def clean_amount(self) -> Decimal | None:
        """Refuse what the currency cannot write."""
        amount: Decimal | None = self.cleaned_data["amount"]
        if amount is None:
            return None
        if amount != round(amount, self.digits):
            raise ValidationError(_("This has more decimals than the currency."))
        if not amount:
            raise ValidationError(_("Nothing is no amount."))
        return amount


class DisputeForm(_AboutInvoice):
    """What a customer objects to."""

    reason = forms.CharField(
        label=_("What is not right?"), max_length=4000, widget=forms.Textarea(attrs={"rows": 5})
    )
    request_ids = forms.CharField(
        label=_("Requests it is about"),
        required=False,
        max_length=6000,
        help_text=_("Their ids, if you know them: at most fifty, separated by spaces."),
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
    )
    field_order = ("line", "reason", "amount", "request_ids")

    def clean_request_ids(self) -> list[str]:
        """Split the ids."""
        found = list(dict.fromkeys(re.split(r"[\s,;]+", self.cleaned_data["request_ids"].strip())))
        ids = [one for one in found if one]
        if len(ids) > MOST_REQUESTS:
            raise ValidationError(_("At most fifty requests."))
        if any(len(one) > LONGEST_ID for one in ids):
            raise ValidationError(_("One of these is too long for a request's id."))
        return ids

    def facts(self) -> dict[str, Any]:
        """Return what the dispute says."""
        cleaned = self.cleaned_data
        return {
            "line": cleaned["line"],
            "claimed": cleaned["amount"],
            "reason": cleaned["reason"],
            "request_ids": cleaned["request_ids"],
        }


class CorrectionForm(_AboutInvoice):
    """What one of the staff proposes."""

    kind = forms.ChoiceField(label=_("What should happen"), choices=Correction.Kind.choices)
    words = forms.CharField(
        label=_("Reason"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Printed on the credit note; the customer reads it."),
    )
    field_order = ("kind", "line", "amount", "words")

    def facts(self) -> dict[str, Any]:
        """Return what is proposed."""
        cleaned = self.cleaned_data
        return {
            "kind": Correction.Kind(cleaned["kind"]),
            "line": cleaned["line"],
            "amount": cleaned["amount"],
            "words": cleaned["words"],
        }


class AnswerForm(forms.Form):
    """Why a dispute is refused, or a held month let go."""

    answer = forms.CharField(
        label=_("Reason"), max_length=1000, widget=forms.Textarea(attrs={"rows": 3})
    )


class ReleaseForm(forms.Form):
    """Why an invoice goes out in spite of what was found."""

    words = forms.CharField(
        label=_("Reason"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Kept in the audit log."),
    )

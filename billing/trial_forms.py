"""What staff may type about what new customers get to try."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.forms import fields

MOST = Decimal(1_000_000)
MOST_DAYS = 3650


class TrialForm(forms.Form):
    """What new customers of one currency get, and may spend, until they buy."""

    currency = fields.currency()
    amount = fields.money(
        _("Trial credit"),
        least=Decimal(0),
        max_value=MOST,
        help_text=_("Before tax, once for each person. Zero gives none."),
    )
    validity_days = fields.Whole(
        label=_("Days it can be used"),
        min_value=1,
        max_value=MOST_DAYS,
        initial=30,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    daily_spend = fields.money(
        _("Spending a day, at most"),
        max_value=MOST,
        required=False,
        help_text=_("Until the first purchase or contract. Empty means no limit."),
    )
    words = forms.CharField(
        label=_("Note for whoever approves it"),
        max_length=500,
        required=False,
        widget=forms.Textarea({"rows": 2, "dir": "auto"}),
    )

    def clean(self) -> dict[str, Any]:
        """Refuse amounts that no document could write."""
        facts = super().clean() or self.cleaned_data
        if currency := facts.get("currency"):
            fields.check_fineness(self, currency, "amount", "daily_spend")
        return facts

    def facts(self) -> dict[str, Any]:
        """Return what is proposed."""
        return dict(self.cleaned_data)


class RefuseForm(forms.Form):
    """Why terms are refused."""

    answer = forms.CharField(
        label=_("Why"), max_length=500, widget=forms.Textarea({"rows": 3, "dir": "auto"})
    )

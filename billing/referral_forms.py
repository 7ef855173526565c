"""What staff may type about customers who bring customers."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from billing.trial_forms import MOST, MOST_DAYS
from marketplace.forms import fields

MOST_REFERRALS = 1_000_000
_NUMERIC = {"inputmode": "numeric", "autocomplete": "off"}


class ReferralTermsForm(forms.Form):
    """What both sides get in one currency, and how often."""

    currency = fields.currency()
    referrer_amount = fields.money(
        _("For the customer who refers"),
        least=Decimal(0),
        max_value=MOST,
        help_text=_("Before tax. Zero for both switches it off."),
    )
    newcomer_amount = fields.money(
        _("For the new customer"), least=Decimal(0), max_value=MOST, help_text=_("Before tax.")
    )
    minimum_purchase = fields.money(
        _("Smallest purchase that counts"),
        least=Decimal(0),
        max_value=MOST,
        required=False,
        help_text=_("Before tax, of one bundle. Empty: any."),
    )
    validity_days = fields.Whole(
        label=_("Days it can be used"),
        min_value=1,
        max_value=MOST_DAYS,
        initial=90,
        widget=forms.TextInput(attrs=_NUMERIC),
    )
    most_per_referrer = fields.Whole(
        label=_("How many for one customer"),
        min_value=1,
        max_value=MOST_REFERRALS,
        required=False,
        help_text=_("Empty means no limit."),
        widget=forms.TextInput(attrs=_NUMERIC),
    )
    most = fields.Whole(
        label=_("How many for all together"),
        min_value=1,
        max_value=MOST_REFERRALS,
        required=False,
        help_text=_("Empty means no limit."),
        widget=forms.TextInput(attrs=_NUMERIC),
    )
    ends_on = forms.DateField(
        label=_("Last day"),
        required=False,
        help_text=_("In UTC. Empty means no end."),
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
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
            names = ("referrer_amount", "newcomer_amount", "minimum_purchase")
            fields.check_fineness(self, currency, *names)
        return facts


class DecisionForm(forms.Form):
    """Why a referral is held, let go on, or refused."""

    note = forms.CharField(
        label=_("Why"), max_length=500, widget=forms.Textarea({"rows": 3, "dir": "auto"})
    )

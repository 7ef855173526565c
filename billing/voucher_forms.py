"""What people may type about vouchers."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from billing.credit_forms import CreditTermsForm, in_reach
from marketplace.forms import fields

MOST_CODES = 1000
MOST_USES = 100_000


class RedeemForm(forms.Form):
    """The code of a voucher, as somebody reads it off."""

    code = forms.CharField(
        label=_("Voucher code"),
        max_length=40,
        help_text=_("Sixteen letters and digits; hyphens and small letters do not matter."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )


class CampaignForm(CreditTermsForm):
    """A new campaign and how many vouchers it has."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("Customers read it in their audit log.")
    )
    validity_days = fields.Whole(
        label=_("Credit is valid for, in days"), min_value=1, max_value=3660, initial=90
    )
    last_day = forms.DateField(
        label=_("Last day to redeem"),
        help_text=_("Until the end of this day, UTC."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    codes = fields.Whole(
        label=_("Number of vouchers"), min_value=1, max_value=MOST_CODES, initial=1
    )
    uses = fields.Whole(
        label=_("Each may be redeemed by"),
        min_value=1,
        max_value=MOST_USES,
        initial=1,
        help_text=_("So many organizations. More than one makes it a code that is handed around."),
    )
    is_once_each = forms.BooleanField(
        label=_("An organization redeems one voucher of this campaign and no second"),
        required=False,
        initial=True,
    )
    currency = fields.currency(help_text=_("Only customers who pay in it can redeem one."))
    field_order = ("name", "unit", "quantity", "currency", "token_class")

    def clean_last_day(self) -> date:
        """Refuse days out of reach."""
        day: date = self.cleaned_data["last_day"]
        in_reach(day)
        return day

    def facts(self) -> dict[str, Any]:
        """Return what a campaign is issued with."""
        facts = dict(self.cleaned_data)
        last = facts.pop("last_day")
        until = datetime.combine(last + timedelta(days=1), time(), tzinfo=UTC)
        return {**facts, "redeem_until": until}

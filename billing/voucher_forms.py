"""What people may type about vouchers."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models import CreditGrant
from marketplace.forms import fields
from marketplace.models import TokenClass
from marketplace.queries import DEFAULT_CURRENCY

#: More than anybody gives away at once: keeps a slip of the finger out of the books.
MOST_MONEY = Decimal(100_000)
MOST_TOKENS = Decimal(10) ** 12
MOST_CODES = 1000
MOST_USES = 100_000
FURTHEST = timedelta(days=5 * 366)


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


class CampaignForm(forms.Form):
    """A new campaign and how many vouchers it has."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("Customers read it in their audit log.")
    )
    unit = forms.ChoiceField(
        label=_("What each voucher grants"),
        choices=CreditGrant.Unit.choices,
        initial=CreditGrant.Unit.MONEY,
        widget=forms.RadioSelect,
    )
    quantity = fields.Amount(
        label=_("How much"),
        min_value=Decimal("0.01"),
        max_value=MOST_TOKENS,
        decimal_places=2,
        help_text=_("Money in %(currency)s, or a number of tokens.")
        % {"currency": DEFAULT_CURRENCY},
    )
    token_class = forms.ModelChoiceField(
        label=_("Token class"),
        queryset=TokenClass.objects.all(),
        required=False,
        help_text=_("Only for tokens: the models they can be used for."),
    )
    validity_days = forms.IntegerField(
        label=_("Credit is valid for, in days"), min_value=1, max_value=3660, initial=90
    )
    last_day = forms.DateField(
        label=_("Last day to redeem"),
        help_text=_("Until the end of this day, UTC."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    codes = forms.IntegerField(
        label=_("Number of vouchers"), min_value=1, max_value=MOST_CODES, initial=1
    )
    uses = forms.IntegerField(
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

    def clean_last_day(self) -> date:
        """Refuse days that are over, and years that nobody means."""
        last: date = self.cleaned_data["last_day"]
        today = timezone.now().date()
        if last < today:
            raise forms.ValidationError(_("This day is over. Choose today or a later one."))
        if last > today + FURTHEST:
            raise forms.ValidationError(_("This is more than five years away. Check the year."))
        return last

    def clean(self) -> dict[str, Any]:
        """Refuse tokens without a class, a class without tokens, parts of a token, and too much."""
        facts = super().clean() or {}
        quantity, token_class = facts.get("quantity"), facts.get("token_class")
        if facts.get("unit") == CreditGrant.Unit.TOKENS:
            if token_class is None and "token_class" not in self.errors:
                self.add_error("token_class", _("Tokens are of a class of models: choose one."))
            if quantity is not None and quantity % 1:
                self.add_error("quantity", _("A number of tokens is whole."))
        elif facts.get("unit") == CreditGrant.Unit.MONEY:
            if token_class is not None:
                self.add_error("token_class", _("Money is for every model: leave this empty."))
            if quantity is not None and quantity > MOST_MONEY:
                self.add_error("quantity", _("At most 100 000 at once."))
        return facts

    def facts(self) -> dict[str, Any]:
        """Return what a campaign is issued with."""
        facts = dict(self.cleaned_data)
        last = facts.pop("last_day")
        until = datetime.combine(last + timedelta(days=1), time(), tzinfo=UTC)
        return {**facts, "redeem_until": until, "currency": DEFAULT_CURRENCY}

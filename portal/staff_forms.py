"""What staff types about customers."""

import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models import CreditGrant
from marketplace.forms import fields
from marketplace.models import TokenClass

#: More than anybody gives away: keeps a slip of the finger out of the books.
MOST_MONEY = Decimal(100_000)
MOST_TOKENS = Decimal(10) ** 12
FURTHEST = timedelta(days=5 * 366)


class CreditForm(forms.Form):
    """Promotional credit for a customer."""

    unit = forms.ChoiceField(
        label=_("What"),
        choices=CreditGrant.Unit.choices,
        initial=CreditGrant.Unit.MONEY,
        widget=forms.RadioSelect,
    )
    quantity = fields.Amount(
        label=_("How much"),
        min_value=Decimal("0.01"),
        max_value=MOST_TOKENS,
        decimal_places=2,
        help_text=_("An amount of money, net, or a whole number of tokens."),
    )
    token_class = forms.ModelChoiceField(
        label=_("Token class"),
        queryset=TokenClass.objects.all(),
        required=False,
        help_text=_("Only for tokens: the models they can be used for."),
    )
    expires_on = forms.DateField(
        label=_("Last day"),
        required=False,
        help_text=_("It can be used until the end of this day, UTC. Empty means it never expires."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=250,
        help_text=_("The customer reads it in the audit log."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    #: Makes two clicks one grant.
    operation = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def clean_expires_on(self) -> date | None:
        """Refuse days that are over, and years that nobody means."""
        last: date | None = self.cleaned_data["expires_on"]
        today = timezone.now().date()
        if last is not None and last < today:
            raise forms.ValidationError(_("This day is over. Choose today or a later one."))
        if last is not None and last > today + FURTHEST:
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

    def expires_at(self) -> datetime | None:
        """Return the moment from which it cannot be used."""
        last: date | None = self.cleaned_data["expires_on"]
        return datetime.combine(last + timedelta(days=1), time(), tzinfo=UTC) if last else None


class StatusForm(forms.Form):
    """Why a customer is suspended, or let in again."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=250,
        help_text=_("The customer reads it in the audit log."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )

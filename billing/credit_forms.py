"""What staff types about credit."""

import re
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models import CreditGrant
from common.money import minor_digits
from common.templatetags.formats import grouped
from marketplace.forms import fields
from marketplace.models import TokenClass

#: More than anybody gives away at once: keeps a slip of the finger out of the books. It is of a
#: currency with hundredths; of one without, a hundred times as many of its units.
MOST_MONEY = Decimal(100_000)
HUNDREDTHS = 2
MOST_TOKENS = Decimal(10) ** 12
FURTHEST = timedelta(days=5 * 366)
IS_MONTH = RegexValidator(
    re.compile(r"^20[0-9]{2}-(0[1-9]|1[0-2])\Z"), _("Write a month as 2027-03.")
)


def most_money(currency: str) -> Decimal:
    """Return the most that anybody gives away at once."""
    return MOST_MONEY.scaleb(HUNDREDTHS - min(minor_digits(currency), HUNDREDTHS))


def _day(**options: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(required=False, widget=widget, **options)


def _month(**options: Any) -> forms.CharField:
    widget = forms.TextInput(attrs={"type": "month", "placeholder": "2027-03"})
    return forms.CharField(max_length=7, validators=[IS_MONTH], widget=widget, **options)


def in_reach(day: date | None) -> date | None:
    """Refuse days that are over, and years that nobody means."""
    today = timezone.now().date()
    if day is not None and day < today:
        raise forms.ValidationError(_("This day is over. Choose today or a later one."))
    if day is not None and day > today + FURTHEST:
        raise forms.ValidationError(_("This is more than five years away. Check the year."))
    return day


class CreditTermsForm(forms.Form):
    """What is granted: money of a currency, or tokens of a class of models."""

    unit = forms.ChoiceField(
        label=_("What"),
        choices=CreditGrant.Unit.choices,
        initial=CreditGrant.Unit.MONEY,
        widget=forms.RadioSelect,
    )
    quantity = fields.money(
        _("How much"),
        max_value=MOST_TOKENS,
        help_text=_("An amount of money, net, or a whole number of tokens."),
    )
    token_class = forms.ModelChoiceField(
        label=_("Token class"),
        queryset=TokenClass.objects.all(),
        required=False,
        help_text=_("Only for tokens: the models they can be used for."),
    )

    #: The fields that are counted in the unit.
    counted: tuple[str, ...] = ("quantity",)

    def __init__(self, *args: Any, currency: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.customers_currency = currency

    def clean(self) -> dict[str, Any]:
        """Refuse tokens without a class, a class without tokens, parts of a token, and too much."""
        facts = super().clean() or {}
        token_class, is_tokens = facts.get("token_class"), facts.get("unit") == "tokens"
        if is_tokens and token_class is None and "token_class" not in self.errors:
            self.add_error("token_class", _("Tokens are of a class of models: choose one."))
        if facts.get("unit") == CreditGrant.Unit.MONEY and token_class is not None:
            self.add_error("token_class", _("Money is for every model: leave this empty."))
        for name in self.counted:
            number = facts.get(name)
            if number is not None and is_tokens and number % 1:
                self.add_error(name, _("A number of tokens is whole."))
        if not is_tokens and (currency := facts.get("currency") or self.customers_currency):
            self._check_money(currency)
        return facts

    def _check_money(self, currency: str) -> None:
        most = most_money(currency)
        for name in self.counted:
            number = self.cleaned_data.get(name)
            if number is not None and number > most:
                self.add_error(name, _("At most %(most)s at once.") % {"most": grouped(most)})
        fields.check_fineness(self, currency, *self.counted)


class _ForACustomer(CreditTermsForm):
    """Credit that one customer gets, in the order in which it is used, and why."""

    priority = fields.Whole(
        label=_("Priority"),
        required=False,
        min_value=-100,
        max_value=100,
        initial=0,
        help_text=_("Lower numbers are used first. Bought credit has 0."),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=250,
        help_text=_("The customer reads it in the audit log."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    #: Makes two clicks one grant.
    operation = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def clean_priority(self) -> int:
        """Return the usual one where none is given."""
        return self.cleaned_data["priority"] or 0


class CreditForm(_ForACustomer):
    """Promotional credit for a customer."""

    starts_on = _day(
        label=_("First day"),
        help_text=_("From the beginning of this day, UTC. Empty means it can be used at once."),
    )
    expires_on = _day(
        label=_("Last day"),
        help_text=_("It can be used until the end of this day, UTC. Empty means it never expires."),
    )
    field_order = (
        "unit", "quantity", "token_class", "starts_on", "expires_on", "priority", "reason",
    )  # fmt: skip

    def clean_starts_on(self) -> date | None:
        """Refuse days out of reach."""
        return in_reach(self.cleaned_data["starts_on"])

    def clean_expires_on(self) -> date | None:
        """Refuse days out of reach."""
        return in_reach(self.cleaned_data["expires_on"])

    def clean(self) -> dict[str, Any]:
        """Refuse credit that ends before it begins."""
        facts = super().clean()
        first, last = facts.get("starts_on"), facts.get("expires_on")
        if first and last and last < first:
            self.add_error("expires_on", _("This is before the first day."))
        return facts

    def facts(self) -> dict[str, Any]:
        """Return what the credit is granted with."""
        facts = self.cleaned_data
        names = ("unit", "quantity", "token_class", "priority", "reason")
        return {name: facts[name] for name in names} | {
            "source_key": f"promotion:{facts['operation']}",
            "effective_from": _midnight(facts["starts_on"]),
            "expires_at": _midnight(facts["expires_on"], days_later=1),
        }


def _midnight(day: date | None, *, days_later: int = 0) -> datetime | None:
    return datetime.combine(day + timedelta(days_later), time(), tzinfo=UTC) if day else None


class RecurringForm(_ForACustomer):
    """Credit that a customer gets every month."""

    first_month = _month(
        label=_("First month"), help_text=_("The present month is granted at once, whole.")
    )
    last_month = _month(
        label=_("Last month granted"), required=False, help_text=_("Empty: until you end it.")
    )
    rollover = fields.money(
        _("Kept for the month after, at most"),
        least=Decimal(0),
        max_value=MOST_TOKENS,
        initial=Decimal(0),
        required=False,
        help_text=_("What is left of a month can be used for one more, up to this much."),
    )
    field_order = (
        "unit", "quantity", "token_class", "first_month", "last_month", "rollover", "priority",
        "reason",
    )  # fmt: skip
    counted = ("quantity", "rollover")

    def clean_rollover(self) -> Decimal:
        """Return nothing where nothing is given."""
        return self.cleaned_data["rollover"] or Decimal(0)


class ReasonForm(forms.Form):
    """Why something is taken back."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=250,
        help_text=_("The customer reads it in the audit log."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )

"""What staff types about a bundle."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.forms import fields
from marketplace.models import Bundle, GrantUnit
from marketplace.queries import DEFAULT_CURRENCY

#: More than any bundle costs or grants; keeps a slip of the finger out of the books.
MOST_MONEY = Decimal(10_000_000)
MOST_TOKENS = Decimal(10) ** 15
LONGEST_DAYS = 3660


class BundleForm(forms.ModelForm[Bundle]):
    """A new bundle."""

    net_amount = fields.Amount(
        label=_("Price in %(currency)s, excluding tax") % {"currency": DEFAULT_CURRENCY},
        min_value=Decimal("0.01"),
        max_value=MOST_MONEY,
        decimal_places=2,
    )
    grant_quantity = fields.Amount(
        label=_("How much it grants"),
        min_value=Decimal("0.01"),
        max_value=MOST_TOKENS,
        decimal_places=2,
        help_text=_("Money in %(currency)s, or a number of tokens.")
        % {"currency": DEFAULT_CURRENCY},
    )
    validity_days = forms.IntegerField(
        label=_("Valid for, in days"), min_value=1, max_value=LONGEST_DAYS, initial=365
    )

    class Meta:
        model = Bundle
        fields = (
            "name",
            "slug",
            "summary",
            "net_amount",
            "grant_unit",
            "grant_quantity",
            "token_class",
            "validity_days",
        )
        labels = {
            "slug": _("Short name"),
            "grant_unit": _("What it grants"),
            "token_class": _("Class of models"),
        }
        help_texts = {
            "slug": _("Letters, digits and hyphens; it never changes."),
            "token_class": _("Only for tokens: the models they can be used for."),
        }

    def clean(self) -> dict[str, Any]:
        """Refuse tokens without a class, a class without tokens, and parts of a token."""
        facts = super().clean() or {}
        unit, token_class = facts.get("grant_unit"), facts.get("token_class")
        if unit == GrantUnit.TOKENS and token_class is None:
            self.add_error("token_class", _("Tokens are of a class of models: choose one."))
        if unit == GrantUnit.MONEY and token_class is not None:
            self.add_error("token_class", _("Money is for every model: leave this empty."))
        quantity = facts.get("grant_quantity")
        if unit == GrantUnit.TOKENS and quantity is not None and quantity % 1:
            self.add_error("grant_quantity", _("A number of tokens is whole."))
        facts["currency"] = DEFAULT_CURRENCY
        return facts

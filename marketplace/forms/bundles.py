"""What staff types about a bundle."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.forms import fields
from marketplace.models import Bundle, GrantUnit

#: More than any bundle costs or grants; keeps a slip of the finger out of the books.
MOST_MONEY = Decimal(10_000_000)
MOST_TOKENS = Decimal(10) ** 15
LONGEST_DAYS = 3660


class BundleForm(forms.ModelForm[Bundle]):
    """A new bundle."""

    currency = fields.currency(
        help_text=_("Three letters, such as EUR. Customers who pay in it are offered the bundle.")
    )
    net_amount = fields.money(_("Price, excluding tax"), max_value=MOST_MONEY)
    grant_quantity = fields.money(
        _("How much it grants"),
        max_value=MOST_TOKENS,
        help_text=_("Money in the bundle's currency, or a number of tokens."),
    )
    validity_days = fields.Whole(
        label=_("Valid for, in days"), min_value=1, max_value=LONGEST_DAYS, initial=365
    )

    class Meta:
        model = Bundle
        fields = (
            "name",
            "slug",
            "summary",
            "currency",
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
        if currency := facts.get("currency"):
            amounts = (
                ("net_amount",) if unit == GrantUnit.TOKENS else ("net_amount", "grant_quantity")
            )
            fields.check_fineness(self, currency, *amounts)
        return facts

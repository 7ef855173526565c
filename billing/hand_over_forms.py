"""What people may type to hand credit over."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from billing.credit_forms import MOST_TOKENS
from billing.models import CreditGrant
from common.ids import uuid7
from marketplace.forms import fields
from tenants.models import Organization


class HandOverForm(forms.Form):
    """Which credit, to whom and how much; ``operation`` makes two clicks one."""

    grant = forms.TypedChoiceField(label=_("Credit"))
    to = forms.ChoiceField(label=_("To"))
    quantity = fields.money(
        _("How much"),
        required=False,
        max_value=MOST_TOKENS,
        help_text=_("Empty: all that is free of it."),
    )
    operation = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)

    def __init__(
        self,
        *args: Any,
        grants: Iterable[CreditGrant],
        partners: Sequence[Organization],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._grants = {str(it.pk): it for it in grants}
        choices: dict[str, list[tuple[str, str]]] = {
            "grant": [(pk, _told(it)) for pk, it in self._grants.items()],
            "to": [(it.slug, it.name) for it in partners],
        }
        for name, found in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
            field.choices = found

    def clean(self) -> dict[str, Any]:
        """Refuse an amount finer than its currency."""
        cleaned = super().clean() or self.cleaned_data
        given = self._grants.get(cleaned.get("grant", ""))
        if given is not None and given.unit == CreditGrant.Unit.MONEY:
            fields.check_fineness(self, given.wallet.currency, "quantity")
        return cleaned


def _told(given: CreditGrant) -> str:
    """Name a grant by what is left of it and when it ends."""
    unit = given.token_class.name if given.token_class else given.wallet.currency
    left = f"{given.remaining - given.leased:f}".rstrip("0").rstrip(".")
    until = f" · {given.expires_at:%Y-%m-%d}" if given.expires_at else ""
    # Kept together where the page is read from the right.
    return f"\u2066{left} {unit}\u2069{until}"

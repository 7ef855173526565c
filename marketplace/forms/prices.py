"""What staff types about prices."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from marketplace.forms import fields
from marketplace.models import TokenPart

#: Nobody plans prices further ahead; a mistyped year is named.
FURTHEST = timedelta(days=3 * 366)
PARTS = (TokenPart.INPUT, TokenPart.CACHED_INPUT, TokenPart.OUTPUT, TokenPart.REASONING)


class PriceForm(forms.Form):
    """The prices of an offer from a moment on; a part that is left empty has no price of its own."""

    input = fields.per_million(_("Input, per million tokens"), required=True)
    cached_input = fields.per_million(_("Cached input, per million tokens"), required=False)
    output = fields.per_million(_("Output, per million tokens"), required=False)
    reasoning = fields.per_million(_("Reasoning, per million tokens"), required=False)
    effective_from = fields.Moment(
        label=_("From (UTC)"),
        required=False,
        help_text=_("Empty means now. Usage before this time keeps the price it had."),
    )

    def __init__(self, *args: Any, present: Mapping[str, Decimal], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.present = present
        for part, amount in present.items():
            self.fields[part].initial = format(amount.normalize(), "f")

    def clean_effective_from(self) -> datetime | None:
        """Refuse the past, in which customers have already used the old price."""
        begins: datetime | None = self.cleaned_data["effective_from"]
        if begins is not None and begins < timezone.now():
            raise forms.ValidationError(_("A price can begin now or later, never in the past."))
        if begins is not None and begins > timezone.now() + FURTHEST:
            raise forms.ValidationError(_("A price is set three years ahead at most."))
        return begins

    def clean(self) -> dict[str, Any]:
        """Refuse to take a price away: without one nothing could be called."""
        cleaned = super().clean() or self.cleaned_data
        for part in self.present:
            if part not in self.errors and cleaned.get(part) is None:
                self.add_error(part, _("A price cannot be taken away, only changed."))
        return cleaned

    def per_million(self) -> dict[str, Decimal]:
        """Return the prices that were given."""
        given = {str(part): self.cleaned_data[part.value] for part in PARTS}
        return {part: amount for part, amount in given.items() if amount is not None}

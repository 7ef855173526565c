"""What staff types about prices."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from marketplace.forms import fields
from marketplace.models import TokenPart

#: Nobody plans prices further ahead; a mistyped year is named.
FURTHEST = timedelta(days=3 * 366)
#: What the field of a part's price in batches is called.
BATCH = "batch_{}"
HALF = Decimal("0.5")
FINEST = Decimal("1e-6")


def half(amount: Decimal) -> Decimal:
    """Return what batches pay of a price unless they have one of their own."""
    return (amount * HALF).quantize(FINEST, ROUND_DOWN)


#: What comes in batches: nobody trains in one.
BATCHED = [part.value for part in TokenPart if part != TokenPart.TRAINED]


class DayForm(forms.Form):
    """As of when prices are shown."""

    effective_from = fields.Moment(
        label=_("From (UTC)"),
        required=False,
        help_text=_("The form then begins with what is in force at that time."),
    )


class PriceForm(forms.Form):
    """The prices of an offer from a moment on; a part that is left empty has no price of its own.

    Pages send along what they showed: only what differs from it is meant. Who sends no such thing
    means all that is sent.
    """

    effective_from = fields.Moment(
        label=_("From (UTC)"),
        required=False,
        help_text=_("Empty means now. Usage before this time keeps the price it had."),
    )

    def __init__(
        self,
        *args: Any,
        present: Mapping[str, Decimal],
        batch: Mapping[str, Decimal] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.present = {part: present[part] for part in TokenPart.values if part in present}
        for part in TokenPart:
            is_needed = part == TokenPart.INPUT
            self.fields[part.value] = fields.per_million(
                _("%(part)s, per million tokens") % {"part": part.label}, required=is_needed
            )
            if part in BATCHED:
                self.fields[BATCH.format(part.value)] = fields.per_million(
                    _("%(part)s in batches") % {"part": part.label}, required=False
                )
        paid = batch or {}
        own = {it: paid[it] for it in BATCHED if it in paid and self._is_own(it, paid[it])}
        for name, amount in [*self.present.items(), *((BATCH.format(it), own[it]) for it in own)]:
            self.fields[name].initial = format(amount.normalize(), "f")
        for name in self.fields:
            self.fields[name].show_hidden_initial = name != "effective_from"
        self.order_fields([*TokenPart.values, "effective_from"])

    def _is_own(self, part: str, amount: Decimal) -> bool:
        return part not in self.present or half(self.present[part]) != amount

    @property
    def standard(self) -> list[forms.BoundField]:
        """The fields of answers that come at once."""
        return [self[part] for part in TokenPart.values]

    @property
    def batch(self) -> list[forms.BoundField]:
        """The fields of batches."""
        return [self[BATCH.format(part)] for part in BATCHED]

    def clean_effective_from(self) -> datetime | None:
        """Refuse the past, in which customers have already used the old price."""
        begins: datetime | None = self.cleaned_data["effective_from"]
        if begins is not None and begins < timezone.now():
            raise forms.ValidationError(_("A price can begin now or later, never in the past."))
        if begins is not None and begins > timezone.now() + FURTHEST:
            raise forms.ValidationError(_("A price is set three years ahead at most."))
        return begins

    def clean(self) -> dict[str, Any]:
        """Refuse to take a price away, and one of batches alone: what is it half of then?"""
        cleaned = super().clean() or self.cleaned_data
        for part in TokenPart.values:
            if part in self.errors or cleaned.get(part) is not None:
                continue
            if part in self.present:
                self.add_error(part, _("A price cannot be taken away, only changed."))
            elif cleaned.get(BATCH.format(part)) is not None:
                self.add_error(
                    part, _("Batches have a price of their own only where this has one.")
                )
        return cleaned

    @property
    def kept(self) -> list[SafeString]:
        """What is sent again when the change is confirmed: what was typed, and what was shown."""
        shown = (
            it.as_hidden(only_initial=True) for it in self if it.html_initial_name in self.data
        )
        return [*(it.as_hidden() for it in self), *shown]

    def per_million(self) -> dict[str, Decimal]:
        """Return the prices that were given and are not those that were shown."""
        given = {part: self.cleaned_data[part] for part in TokenPart.values}
        changed = self.changed_data
        return {it: amount for it, amount in given.items() if amount is not None and it in changed}

    def batch_per_million(self) -> dict[str, Decimal]:
        """Return what batches come to pay: what was given for them, else half of the part's price."""
        own = {part: self.cleaned_data[BATCH.format(part)] for part in BATCHED}
        changed = self.changed_data
        found = {}
        for part, amount in own.items():
            price: Decimal | None = self.cleaned_data[part]
            is_meant = part in changed or BATCH.format(part) in changed
            if price is not None and is_meant:
                found[part] = half(price) if amount is None else amount
        return found

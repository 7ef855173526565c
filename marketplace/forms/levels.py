"""What staff types when customers of an offer are to be promised something."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

from marketplace.forms import fields
from marketplace.models import TARGETS
from marketplace.models.levels import HUNDRED
from marketplace.services.levels import FIELDS

LONGEST_MS = 600_000
#: From the names of the two pairs of fields to the steps they make.
PAIRS = {
    "steps": (("credit",), ("further_miss", "further_credit")),
    "availability_steps": (
        ("availability_credit",),
        ("availability_further_miss", "availability_further_credit"),
    ),
}


def _share(label: Any, help_text: Any = "") -> fields.Amount:
    return fields.Amount(
        label=label,
        help_text=help_text,
        required=False,
        max_digits=6,
        decimal_places=3,
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(HUNDRED)],
    )


def _milliseconds(label: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, required=False, min_value=1, max_value=LONGEST_MS)


class ServiceLevelForm(forms.Form):
    """All that a level says; a target that is left empty is not promised."""

    ttft_p95_ms = _milliseconds(TARGETS["ttft_p95_ms"])
    tokens_per_second = fields.Amount(
        label=TARGETS["tokens_per_second"],
        required=False,
        max_digits=8,
        decimal_places=1,
        min_value=Decimal("0.1"),
    )
    inter_token_p95_ms = _milliseconds(TARGETS["inter_token_p95_ms"])
    availability = _share(TARGETS["availability"])
    least_calls = forms.IntegerField(
        label=_("Judged from so many calls of a customer in a month"),
        min_value=1,
        max_value=1_000_000_000,
        initial=100,
    )
    credit = _share(
        _("Credit for a missed time or speed (%)"),
        _("Of what the model cost the customer that month."),
    )
    further_miss = _share(_("Missed by more than, percent of the target"))
    further_credit = _share(_("Credit then (%)"))
    availability_credit = _share(_("Credit for missed availability (%)"))
    availability_further_miss = _share(_("Missed by more than (points)"))
    availability_further_credit = _share(_("Credit then (%)"))
    cap = _share(_("All together at most (%)"))
    takes_effect_at = fields.Moment(
        label=_("Holds from (UTC)"),
        required=False,
        help_text=_(
            "Empty means as soon as a colleague approves. Months are judged by what held when they began."
        ),
    )
    words = forms.CharField(
        label=_("Note for your colleague"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def clean(self) -> dict[str, Any]:
        """Refuse a credit that is nobody's, and steps that lead nowhere."""
        cleaned = super().clean() or {}
        if cleaned.get("cap") is None and "cap" not in self.errors:
            cleaned["cap"] = HUNDRED
        for own, further in PAIRS.values():
            self._check(cleaned, own[0], *further)
        return cleaned

    def _check(self, cleaned: dict[str, Any], first: str, miss: str, credit: str) -> None:
        if (cleaned.get(miss) is None) != (cleaned.get(credit) is None):
            empty = miss if cleaned.get(miss) is None else credit
            self.add_error(empty, _("Say both, or neither."))
        elif cleaned.get(credit) is not None:
            if not cleaned[miss]:
                self.add_error(miss, _("A further step begins above nought."))
            if cleaned[credit] < (cleaned.get(first) or 0):
                self.add_error(credit, _("Whoever misses by more credits no less."))

    def facts(self) -> dict[str, Any]:
        """Return what the level says, by :data:`marketplace.services.levels.FIELDS`."""
        said = self.cleaned_data
        made = {
            name: [
                pair
                for pair in (
                    (Decimal(0), said[own[0]]),
                    (said[further[0]], said[further[1]]),
                )
                if pair[1]
            ]
            for name, (own, further) in PAIRS.items()
        }
        return {name: made[name] if name in made else said[name] for name in FIELDS}


def initial(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what holds, as the form's fields say it."""
    found = {name: value for name, value in facts.items() if name not in PAIRS}
    for name, (own, further) in PAIRS.items():
        for miss, credit in facts.get(name, ()):
            if Decimal(miss):
                found |= {further[0]: miss, further[1]: credit}
            else:
                found[own[0]] = credit
    return found

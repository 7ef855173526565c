"""What staff types about customers."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenants.models import Restriction
from tenants.models.notes import CustomerNote

#: How far ahead a start or an end may lie.
FARTHEST = timedelta(days=366)


def _moment(label: Any, help_text: Any) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        required=False,
        help_text=help_text,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )


class StatusForm(forms.Form):
    """Why a customer is let in again."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=250,
        help_text=_("The customer reads it in the audit log."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class RestrictionForm(StatusForm):
    """What a customer is held to, why, and from when to when."""

    level = forms.ChoiceField(
        label=_("What it stops"),
        choices=Restriction.Level,
        required=False,
        widget=forms.RadioSelect,
        initial=Restriction.Level.WARN,
    )
    starts_at = _moment(_("Begins"), _("UTC. Left empty, it begins at once."))
    ends_at = _moment(_("Ends by itself"), _("UTC. Left empty, it holds until somebody lifts it."))

    field_order = ("level", "reason", "starts_at", "ends_at")

    def clean_level(self) -> str:
        """Return the strongest grade where none is chosen."""
        level: str = self.cleaned_data["level"] or Restriction.Level.ALL
        return level

    def clean_starts_at(self) -> Any:
        """Refuse a start that is over, or so far away that nobody means it."""
        return self._ahead("starts_at")

    def clean_ends_at(self) -> Any:
        """Refuse an end that is over, or so far away that nobody means it."""
        return self._ahead("ends_at")

    def _ahead(self, name: str) -> Any:
        at, now = self.cleaned_data[name], timezone.now()
        if at is not None and not now - timedelta(minutes=2) < at < now + FARTHEST:
            raise forms.ValidationError(_("Choose a moment within the next 366 days."))
        return at


class NoteForm(forms.ModelForm[CustomerNote]):
    """What one of the staff wants the others to know."""

    class Meta:
        model = CustomerNote
        fields = ("text",)
        labels = {"text": _("New note")}
        help_texts = {"text": _("Customers never see it. It cannot be changed or taken away.")}
        widgets = {"text": forms.Textarea(attrs={"rows": 3, "maxlength": 2000})}

"""What staff types about customers."""

from django import forms
from django.utils.translation import gettext_lazy as _


class StatusForm(forms.Form):
    """Why a customer is suspended, or let in again."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=250,
        help_text=_("The customer reads it in the audit log."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )

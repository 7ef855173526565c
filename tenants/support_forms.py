"""What staff types to be let into a customer's pages."""

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

from tenants.models import SupportAccess

MOST_MINUTES = 30


class SupportForm(forms.ModelForm[SupportAccess]):
    """Why one of the staff has to read the pages, for how long, and who lets them in."""

    minutes = forms.IntegerField(
        label=_("Minutes"),
        initial=MOST_MINUTES,
        help_text=_("From when you are let in; 30 at most."),
        validators=[MinValueValidator(1), MaxValueValidator(MOST_MINUTES)],
    )

    class Meta:
        model = SupportAccess
        fields = ("reason", "ticket", "minutes", "way")
        labels = {"way": _("Who lets you in")}
        help_texts = {
            "reason": _("The customer reads it."),
            "ticket": _("Where the customer asked for help, or the incident."),
        }
        widgets = {"way": forms.RadioSelect}

"""What staff may type about who pays for whom."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from tenants.models import Organization


class PayerForm(forms.Form):
    """The organization that pays, and from when on."""

    payer = forms.CharField(
        label=_("Organization that pays"),
        max_length=60,
        help_text=_("Its name in addresses, as in /o/name/."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    begins = forms.ChoiceField(
        label=_("Begins"),
        choices=[
            ("this", _("With the running month: all of it")),
            ("next", _("With the next month")),
        ],
        initial="this",
        widget=forms.RadioSelect,
    )

    def clean_payer(self) -> Organization:
        """Find the organization."""
        found = Organization.objects.filter(slug=self.cleaned_data["payer"].strip("/ ")).first()
        if found is None:
            raise ValidationError(_("There is no such organization."))
        return found

    def facts(self) -> dict[str, Any]:
        """Return who pays, and whether only from the next month on."""
        return {
            "payer": self.cleaned_data["payer"],
            "next_month": self.cleaned_data["begins"] == "next",
        }

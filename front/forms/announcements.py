"""What staff types about announcements."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from common import language_fields, languages
from front.forms.incidents import MomentField
from front.forms.site import ADDRESS
from front.models import Announcement, Audience
from marketplace.models import CustomerGroup
from tenants.models import Organization


class AnnouncementForm(forms.Form):
    """An announcement, in each language."""

    tone = forms.ChoiceField(label=_("Kind"), choices=Announcement.Tone.choices)
    audience = forms.ChoiceField(label=_("Who reads it"), choices=Audience.choices)
    groups = forms.ModelMultipleChoiceField(
        CustomerGroup.objects.none(), label=_("Customer groups"), required=False
    )
    organizations = forms.CharField(
        label=_("Organizations"),
        required=False,
        max_length=2000,
        help_text=_("Their names in addresses, such as acme, separated by spaces."),
        widget=forms.TextInput({"dir": "ltr"}),
    )
    starts_at = MomentField(label=_("From"), required=False)
    ends_at = MomentField(label=_("Until"), required=False)
    link = forms.CharField(
        label=_("Where more stands"),
        required=False,
        max_length=300,
        help_text=_("An address such as https://… or /status/."),
        validators=[RegexValidator(ADDRESS, _("Write an address such as https://… or /status/."))],
        widget=forms.TextInput({"dir": "ltr"}),
    )
    is_dismissible = forms.BooleanField(
        label=_("People can put it away"), required=False, initial=True
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        groups: Any = self.fields["groups"]
        groups.queryset = CustomerGroup.objects.all()
        for code in languages.codes():
            self.fields[f"text_{code}"] = language_fields.area(
                code, _("Text"), rows=2, most=300, required=code == settings.LANGUAGE_CODE
            )

    def clean_organizations(self) -> list[Organization]:
        """Return the organizations that are named."""
        slugs = set(self.cleaned_data["organizations"].replace(",", " ").split())
        found = list(Organization.objects.filter(slug__in=slugs))
        if missing := slugs - {it.slug for it in found}:
            words = _("There is no organization “%(name)s”.") % {"name": min(missing)}
            raise forms.ValidationError(words)
        return found

    def facts(self) -> dict[str, Any]:
        """Return what is announced."""
        plain = {
            name: value for name, value in self.cleaned_data.items() if not name.startswith("text_")
        }
        return {**plain, "texts": language_fields.written(self.cleaned_data, "text")}

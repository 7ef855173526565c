"""What staff types about legal pages."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from common import language_fields, languages
from front.models import LegalText

LONGEST = 100_000


class LegalForm(forms.Form):
    """A version of a legal page, in each language."""

    version = forms.CharField(
        label=_("Version"),
        max_length=20,
        help_text=_("Recorded with everybody who signs up under it, such as 2027-01."),
        validators=[
            RegexValidator(r"^[A-Za-z0-9][A-Za-z0-9.-]*\Z", _("Use letters, digits, - and ."))
        ],
        widget=forms.TextInput({"dir": "ltr", "autocomplete": "off"}),
    )
    effective_on = forms.DateField(
        label=_("In force from"),
        help_text=_("Today or later; it then holds from midnight UTC."),
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, data: Any = None, *, former: LegalText | None = None) -> None:
        texts = former.texts if former else {}
        initial = {f"text_{code}": text for code, text in texts.items()}
        super().__init__(data, initial=initial)
        for code in languages.codes():
            self.fields[f"text_{code}"] = language_fields.area(
                code,
                _("Text"),
                rows=16,
                most=LONGEST,
                required=code == settings.LANGUAGE_CODE,
                help_text=_("Markdown: headings, lists, tables and links; HTML stays text."),
            )

    def facts(self) -> dict[str, Any]:
        """Return what is proposed."""
        return {
            "version": self.cleaned_data["version"],
            "effective_on": self.cleaned_data["effective_on"],
            "texts": language_fields.written(self.cleaned_data, "text"),
        }


class RefuseForm(forms.Form):
    """Why a version is refused."""

    answer = forms.CharField(
        label=_("Why"), max_length=1000, widget=forms.Textarea({"rows": 3, "dir": "auto"})
    )

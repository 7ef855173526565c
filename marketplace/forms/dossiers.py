"""What staff writes in a model's dossier."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace import dossier_files, dossiers
from marketplace.forms import fields
from marketplace.models import Dossier


class DossierForm(forms.Form):
    """Measurements line by line, energy, and what was tried to break the model."""

    evaluations = forms.CharField(
        label=_("Evaluations"),
        required=False,
        max_length=dossiers.LONGEST * dossiers.MOST,
        widget=forms.Textarea(attrs={"rows": 6, "dir": "ltr", "spellcheck": "false"}),
        help_text=_(
            "One a line: name | language | score | date | source, such as "
            "KazMMLU | kk | 61.2 % | 2026-03-31 | our own run."
        ),
    )
    energy = fields.Amount(
        label=_("Energy per million tokens, in watt-hours"),
        required=False,
        min_value=0.001,
        max_digits=12,
        decimal_places=3,
    )
    energy_source = forms.CharField(label=_("How it was measured"), required=False, max_length=200)
    red_team = forms.CharField(
        label=_("Red-team notes"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("For staff alone. They hold at once."),
    )

    def __init__(self, data: Any = None, *, dossier: Dossier) -> None:
        initial = {
            "evaluations": dossiers.written(dossier.evaluations),
            "energy": dossier.energy,
            "energy_source": dossier.energy_source,
            "red_team": dossier.red_team,
        }
        super().__init__(data, initial=initial)

    def clean_evaluations(self) -> list[dict[str, str]]:
        """Name the lines that cannot be read."""
        found, faults = dossiers.read(self.cleaned_data["evaluations"])
        if faults:
            raise forms.ValidationError([forms.ValidationError(it) for it in faults[:5]])
        return found


class DossierFileForm(forms.Form):
    """A file to keep with the dossier."""

    file = forms.FileField(
        label=_("File"),
        max_length=150,
        help_text=_("PDF, CSV, JSON or Markdown; 20 MB at most."),
        widget=forms.ClearableFileInput(attrs={"accept": ".pdf,.csv,.json,.md"}),
    )
    about = forms.CharField(
        label=_("What it is about"),
        max_length=150,
        help_text=_("Such as: full results of KazMMLU."),
    )

    def clean_file(self) -> Any:
        """Refuse what is too large before it is read."""
        file = self.cleaned_data["file"]
        if file.size > dossier_files.LARGEST:
            raise forms.ValidationError(_("This file is larger than 20 MB."))
        return file

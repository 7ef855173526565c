"""What people send when they upload a dataset."""

from django import forms
from django.utils.translation import gettext_lazy as _

from common.ids import uuid7


class UploadForm(forms.Form):
    """A file; ``upload_id`` makes two clicks one."""

    file = forms.FileField(
        label=_("File"),
        max_length=255,
        allow_empty_file=True,
        widget=forms.FileInput(
            attrs={"accept": ".jsonl,.json,.csv,.tsv", "data-upload-file": True}
        ),
        help_text=_(
            "JSON Lines in UTF-8, named *.jsonl. Lists in *.json and tables in *.csv or *.tsv are "
            "made into JSON Lines."
        ),
    )
    question = forms.CharField(label=_("Column of the question"), required=False, max_length=100)
    answer = forms.CharField(label=_("Column of the answer"), required=False, max_length=100)
    system = forms.CharField(
        label=_("Column of what the model is told beforehand"), required=False, max_length=100
    )
    upload_id = forms.UUIDField(required=False, initial=uuid7, widget=forms.HiddenInput)

    @property
    def columns(self) -> dict[str, str]:
        """The columns of a table, by what they hold; empty where their names tell."""
        usual = {"prompt": "question", "completion": "answer", "system": "system"}
        found = {name: self.cleaned_data[field].strip() for name, field in usual.items()}
        return {name: column for name, column in found.items() if column}

    @property
    def columns_are_asked(self) -> bool:
        """Whether a file was sent that is a table; its columns may have to be named."""
        sent = self.files.get("file")
        return bool(sent and str(sent.name).lower().endswith((".csv", ".tsv")))

    @property
    def of_tables(self) -> list[forms.BoundField]:
        """The fields that only tables need."""
        return [self[name] for name in ("question", "answer", "system")]

    @property
    def source_key(self) -> str:
        """What makes this upload itself, however often it is sent."""
        upload_id = self.cleaned_data["upload_id"]
        return f"page:{upload_id}" if upload_id else ""

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
        widget=forms.FileInput(attrs={"accept": ".jsonl", "data-upload-file": True}),
        help_text=_("JSON Lines in UTF-8, named *.jsonl."),
    )
    upload_id = forms.UUIDField(required=False, initial=uuid7, widget=forms.HiddenInput)

    @property
    def source_key(self) -> str:
        """What makes this upload itself, however often it is sent."""
        upload_id = self.cleaned_data["upload_id"]
        return f"page:{upload_id}" if upload_id else ""

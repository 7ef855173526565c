"""The tokenizer of a version, as a file."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.tokenizing.checking import LARGEST


class TokenizerForm(forms.Form):
    """A file that counts tokens as the version's engines do."""

    file = forms.FileField(
        label=_("Tokenizer"),
        max_length=255,
        help_text=_(
            "The tokenizer.json that stands beside the model's weights, in the format of Hugging"
            " Face's library; 64 MB at most."
        ),
    )

    def clean_file(self) -> Any:
        """Refuse what no vocabulary is as large as."""
        file = self.cleaned_data["file"]
        if file.size > LARGEST:
            raise forms.ValidationError(_("This file is larger than 64 MB."))
        return file

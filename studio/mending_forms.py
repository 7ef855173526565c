"""How a dataset is to be mended, in words for people."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

#: By the code of the fix.
LABELS: dict[str, StrOrPromise] = {
    "convert": _("Make messages of what another tool has written"),
    "roles": _("Call human, gpt and the like user and assistant"),
    "keys": _("Remove keys that have no meaning here"),
    "weights": _("Write weights as 0 and 1, and only at answers"),
    "system": _("Put what system messages say at the beginning"),
    "answer": _("End each example with its last answer"),
    "redact": _("Replace personal data and secrets by their kind"),
    "repeated": _("Keep one of each repeated example"),
    "unusable": _("Leave out what still cannot be used"),
}


class MendingForm(forms.Form):
    """Which of the fixes that a dataset offers are made."""

    fixes = forms.MultipleChoiceField(
        label=_("What is mended"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one.")},
    )

    def __init__(self, offered: Sequence[str], data: Any = None) -> None:
        super().__init__(data, initial={"fixes": list(offered)})
        self.fields["fixes"].choices = [(code, LABELS[code]) for code in offered]  # type: ignore[attr-defined]

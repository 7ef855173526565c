"""What staff types when a change of a model is proposed and decided on."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.forms import fields
from marketplace.models import ModelChange
from marketplace.services import curation

LONGEST = 1000


class SubmitForm(forms.Form):
    """When a model is to be put on sale, and what the second person should know."""

    takes_effect_at = fields.Moment(
        label=_("On sale from (UTC)"),
        required=False,
        help_text=_("Empty means as soon as a colleague approves. It is checked again then."),
    )
    words = forms.CharField(
        label=_("Note for your colleague"),
        required=False,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class ApproveForm(forms.Form):
    """What the second person takes upon themselves; nothing, where notice is kept."""

    accepts_short_notice = forms.BooleanField(
        label=_("Customers get less notice than they were promised, and it must be so"),
        required=False,
    )

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, change: ModelChange, **options: Any
    ) -> None:
        super().__init__(data, **options)
        if not curation.is_short(change):
            del self.fields["accepts_short_notice"]


class RefuseForm(forms.Form):
    """Why a change is not wanted."""

    answer = forms.CharField(
        label=_("Why not"), max_length=LONGEST, widget=forms.Textarea(attrs={"rows": 2})
    )

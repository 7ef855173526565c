"""Which jobs are listed."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from studio.models import FineTuningJobQuerySet
from studio.states import State

OPEN = "open"


class JobFilter(forms.Form):
    """What is empty is not asked for."""

    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[("", _("Every state")), (OPEN, _("Not ended")), *State.choices],
    )
    model = forms.ChoiceField(label=_("Model"), required=False)

    def __init__(self, *args: Any, models: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["model"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = [("", _("Every model")), *((name, name) for name in models)]

    @property
    def is_filtered(self) -> bool:
        """Whether anything is asked for."""
        return any(self.data.get(name) for name in self.fields)

    def of(self, jobs: FineTuningJobQuerySet) -> FineTuningJobQuerySet:
        """Return those of the jobs that are asked for."""
        state, model = self.cleaned_data["state"], self.cleaned_data["model"]
        if state:
            jobs = jobs.open() if state == OPEN else jobs.filter(state=state)
        return jobs.filter(offer__name=model) if model else jobs

"""What staff types about incidents and maintenance."""

from datetime import UTC
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from common import language_fields, languages
from front.models import ALLOWED, Impact, Incident, Part, State
from marketplace.models import AIModel
from tenants.models import Region

MOMENT = "%Y-%m-%dT%H:%M"
UNPLANNED = [it for it in Impact.choices if it[0] != Impact.MAINTENANCE]


class MomentField(forms.DateTimeField):
    """A moment in UTC, whatever the zone of who types it."""

    def __init__(self, **facts: Any) -> None:
        widget = forms.DateTimeInput({"type": "datetime-local"}, format=MOMENT)
        super().__init__(widget=widget, help_text=_("In UTC."), **facts)

    def prepare_value(self, value: Any) -> Any:
        """Show a moment as it is in UTC."""
        return value.astimezone(UTC).strftime(MOMENT) if hasattr(value, "astimezone") else value


class _ToldForm(forms.Form):
    """Something that is told in each language."""

    def add_texts(self) -> None:
        """Ask for what is said, in each language."""
        for code in languages.codes():
            self.fields[f"text_{code}"] = language_fields.area(
                code,
                _("What is said"),
                rows=3,
                most=2000,
                required=code == settings.LANGUAGE_CODE,
            )

    def texts(self) -> dict[str, str]:
        """Return what is said, by language."""
        return language_fields.written(self.cleaned_data, "text")


class ConcernForm(_ToldForm):
    """What something concerns, and what is said of it."""

    parts = forms.MultipleChoiceField(
        label=_("What it concerns"), choices=Part, widget=forms.CheckboxSelectMultiple
    )
    models = forms.ModelMultipleChoiceField(
        AIModel.objects.none(),
        label=_("Models"),
        required=False,
        help_text=_("None: it concerns them all. Only those that everybody may see are named."),
    )
    regions = forms.ModelMultipleChoiceField(
        Region.objects.none(),
        label=_("Regions"),
        required=False,
        help_text=_("None: it concerns them all."),
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        models: Any = self.fields["models"]
        models.queryset = AIModel.objects.filter(owner=None).order_by("name")
        regions: Any = self.fields["regions"]
        regions.queryset = Region.objects.all()
        for code in languages.codes():
            self.fields[f"title_{code}"] = language_fields.area(
                code, _("Title"), rows=1, most=120, required=code == settings.LANGUAGE_CODE
            )
        self.add_texts()

    def facts(self) -> dict[str, Any]:
        """Return what is told."""
        plain = {
            name: value
            for name, value in self.cleaned_data.items()
            if not name.startswith(("title_", "text_"))
        }
        titles = language_fields.written(self.cleaned_data, "title")
        return {**plain, "titles": titles, "texts": self.texts()}


class IncidentForm(ConcernForm):
    """Something that does not work."""

    impact = forms.ChoiceField(label=_("Impact"), choices=UNPLANNED)
    state = forms.ChoiceField(
        label=_("State"),
        choices=[(it.value, it.label) for it in ALLOWED[State.INVESTIGATING]],
    )
    started_at = MomentField(label=_("Began"), required=False)

    field_order = ("parts", "impact", "state", "started_at", "models", "regions")


class MaintenanceForm(ConcernForm):
    """Work in a window that is to come."""

    starts_at = MomentField(label=_("Begins"))
    ends_at = MomentField(label=_("Ends"))

    field_order = ("parts", "starts_at", "ends_at", "models", "regions")


class UpdateForm(_ToldForm):
    """What is new of an incident."""

    state = forms.ChoiceField(label=_("State"))

    def __init__(self, incident: Incident, data: Any = None) -> None:
        super().__init__(data, initial={"state": incident.state, "impact": incident.impact})
        state: Any = self.fields["state"]
        state.choices = [(it.value, it.label) for it in ALLOWED[incident.state]]
        if not incident.is_maintenance:
            self.fields["impact"] = forms.ChoiceField(label=_("Impact"), choices=UNPLANNED)
        self.add_texts()

    def facts(self) -> dict[str, Any]:
        """Return what is new."""
        impact = self.cleaned_data.get("impact")
        return {
            "state": State(self.cleaned_data["state"]),
            "impact": Impact(impact) if impact else None,
            "texts": self.texts(),
        }

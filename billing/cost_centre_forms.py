"""What people may type about cost centres."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from billing.models import CostCentre, CostCentreProject
from tenants.models import Organization, Project


class CostCentreForm(forms.Form):
    """A new one."""

    code = forms.CharField(label=_("Code"), max_length=40)
    name = forms.CharField(label=_("Name"), max_length=100)


class ChargeForm(forms.Form):
    """Which cost centre each project is charged to."""

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.projects: Sequence[Project] = list(Project.objects.filter(organization=organization))
        centres = CostCentre.objects.filter(organization=organization)
        charged = CostCentreProject.objects.filter(organization=organization)
        present = dict(charged.values_list("project", "cost_centre"))
        for project in self.projects:
            self.fields[str(project.pk)] = forms.ModelChoiceField(
                label=project.name,
                queryset=centres,
                required=False,
                empty_label=_("No cost centre"),
                initial=present.get(project.pk),
            )

    def facts(self) -> dict[Project, CostCentre | None]:
        """Return each project's cost centre."""
        return {it: self.cleaned_data[str(it.pk)] for it in self.projects}

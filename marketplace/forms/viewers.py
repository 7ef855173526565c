"""Whom a model is shown to, as staff chooses it."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from common.languages import listed
from marketplace.models import CustomerGroup
from marketplace.viewers import Audience
from tenants.models import Organization

EVERYBODY, SOME = "everybody", "some"
#: More customers than this share a group.
MOST_NAMED = 500


class CustomersField(forms.CharField):
    """Customers by the address behind ``/o/``, one a line."""

    def __init__(self, **options: Any) -> None:
        attrs = {"rows": 5, "dir": "ltr", "autocapitalize": "none", "spellcheck": "false"}
        super().__init__(widget=forms.Textarea(attrs=attrs), max_length=40_000, **options)

    def clean(self, value: Any) -> Any:
        """Return the organizations, or say which addresses nobody has."""
        asked = list(dict.fromkeys(super().clean(value).split()))
        if len(asked) > MOST_NAMED:
            raise forms.ValidationError(
                _("These are more than %(most)d customers. Put them in a group."),
                params={"most": MOST_NAMED},
            )
        found = Organization.objects.filter(slug__in=asked).order_by("slug")
        missing = sorted(set(asked) - {it.slug for it in found})
        if missing:
            raise forms.ValidationError(
                _("There is no customer with the address %(names)s."),
                params={"names": listed(missing)},
            )
        return list(found)


class ViewersForm(forms.Form):
    """Everybody, or some groups and some customers."""

    audience = forms.ChoiceField(
        label=_("Shown to"),
        choices=((EVERYBODY, _("Everybody")), (SOME, _("Some customers alone"))),
        widget=forms.RadioSelect,
        help_text=_(
            "To everybody else it does not exist: neither in the catalogue nor in the API."
        ),
    )
    groups = forms.ModelMultipleChoiceField(
        label=_("Groups of customers"),
        queryset=CustomerGroup.objects.none(),
        to_field_name="code",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Whoever joins a group later sees the model too."),
    )
    organizations = CustomersField(
        label=_("Customers by name"),
        required=False,
        help_text=_("The address after /o/, such as northwind-ai. One a line."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["groups"]
        assert isinstance(field, forms.ModelMultipleChoiceField)  # noqa: S101 - declared as one
        field.queryset = CustomerGroup.objects.all()

    def clean(self) -> dict[str, Any]:
        """Ask for somebody who sees it."""
        cleaned = super().clean() or self.cleaned_data
        is_somebody = cleaned.get("groups") or cleaned.get("organizations")
        if cleaned.get("audience") == SOME and not self.errors and not is_somebody:
            self.add_error("groups", _now("Choose a group, or name a customer."))
        return cleaned

    def chosen(self) -> Audience:
        """Return the audience; the form must be valid."""
        if self.cleaned_data["audience"] == EVERYBODY:
            return Audience()
        return Audience(
            frozenset(it.pk for it in self.cleaned_data["groups"]),
            frozenset(it.pk for it in self.cleaned_data["organizations"]),
        )


def initial(audience: Audience) -> dict[str, Any]:
    """Return what the form says of an audience."""
    groups = CustomerGroup.objects.filter(pk__in=audience.groups)
    customers = Organization.objects.filter(pk__in=audience.organizations).order_by("slug")
    return {
        "audience": SOME if audience.is_restricted else EVERYBODY,
        "groups": list(groups.values_list("code", flat=True)),
        "organizations": "\n".join(customers.values_list("slug", flat=True)),
    }

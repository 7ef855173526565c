"""What people may type about organizations, keys and members."""

import zoneinfo
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.ids import uuid7
from tenants import key_scopes, roles
from tenants.audit_search import Search, Unreadable, parse
from tenants.limit_forms import (
    LimitsForm,
    RangesField,
    classification_of,
    keep_classification,
)
from tenants.models import ApiKey, Invitation, Membership, Organization, Project, Role
from tenants.queries import jurisdictions


class OrganizationForm(forms.ModelForm[Organization]):
    """The first facts of a new organization; ``organization_id`` makes two clicks one."""

    organization_id = forms.UUIDField(required=False, initial=uuid7, widget=forms.HiddenInput)
    use = forms.CharField(
        label=_("What will you use it for?"),
        max_length=500,
        help_text=_("A few words. A person of the operator reads them, and lets you in."),
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )

    class Meta:
        model = Organization
        fields = ("name", "slug", "kind", "country")
        labels = {"kind": _("Kind of organization"), "slug": _("Address on these pages")}
        help_texts = {
            "slug": _("Like northwind in /o/northwind/. Left empty, it is made of the name."),
            "kind": _("You can change it later."),
        }
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "organization"}),
            "slug": forms.TextInput(attrs={"autocomplete": "off", "dir": "ltr"}),
            "kind": forms.RadioSelect,
        }

    def __init__(self, *args: Any, is_looked_at: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_looked_at:
            del self.fields["use"]
        self.fields["slug"].required = False
        self.fields["slug"].error_messages["invalid"] = _(
            "Write letters, digits, - and _ only, without spaces or accents."
        )

    def _get_validation_exclusions(self) -> set[str]:
        # The database alone says whether an address is taken; the app role cannot see others'.
        return {*super()._get_validation_exclusions(), "slug"}  # type: ignore[misc]


class OrganizationSettingsForm(LimitsForm, forms.ModelForm[Organization]):
    """What an organization may change of itself."""

    allowed_jurisdictions = forms.MultipleChoiceField(
        label=_("Jurisdictions where requests may be served"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None ticked means everywhere the operator computes."),
        error_messages={"invalid_choice": _("The operator does not compute in “%(value)s”.")},
    )

    class Meta:
        model = Organization
        fields = (
            "name", "kind", "country", "time_zone", "allowed_jurisdictions", "classification",
            "rpm_limit", "tpm_limit", "concurrency_limit",
        )  # fmt: skip
        labels = {"kind": _("Kind of organization")}
        help_texts = {
            "country": _("Where it is registered."),
            "time_zone": _("Months of invoices follow it."),
            "classification": _(
                "All of it is at least so confidential: models that are not cleared for it are"
                " refused. Projects, and requests, can say that theirs is more so."
            ),
        }
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "organization"}),
            "time_zone": forms.TextInput(attrs={"list": "time-zones", "autocomplete": "off"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["allowed_jurisdictions"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 - declared above
        field.choices = jurisdictions(also=self.instance.allowed_jurisdictions)
        keep_classification(self)

    def clean_classification(self) -> str:
        """Keep what is there where nothing was chosen."""
        return classification_of(self)

    @property
    def time_zones(self) -> list[str]:
        """The names to choose from."""
        return sorted(zoneinfo.available_timezones())

    def clean_time_zone(self) -> str:
        """Accept the names of the IANA time zone database."""
        name: str = self.cleaned_data["time_zone"]
        if name not in zoneinfo.available_timezones():
            raise forms.ValidationError(
                _("“%(name)s” is no time zone. Write it like Europe/Paris or UTC."),
                params={"name": name},
            )
        return name


class RotationForm(forms.Form):
    """How long programs may take to change to a key's new text."""

    overlap = forms.TypedChoiceField(
        label=_("The old key works for"),
        coerce=int,
        initial=24,
        choices=[
            (0, _("no longer: it stops at once")),
            (1, _("1 hour")),
            (24, _("1 day")),
            (7 * 24, _("7 days")),
            (30 * 24, _("30 days")),
        ],
    )
    last_four = forms.CharField(widget=forms.HiddenInput, min_length=4, max_length=4)

    def clean_overlap(self) -> timedelta:
        """Return the hours as a time."""
        return timedelta(hours=self.cleaned_data["overlap"])


class ApiKeyForm(LimitsForm, forms.ModelForm[ApiKey]):
    """A key, new or to be changed; ``key_id`` makes two clicks one key."""

    project = forms.ModelChoiceField(
        label=_("Project"),
        queryset=Project.objects.none(),
        help_text=_("Its usage is filed under it, and its limits and budgets apply."),
    )
    allowed_models = forms.MultipleChoiceField(
        label=_("Models it may call"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None ticked means every model that your organization may use."),
        error_messages={
            "invalid_choice": _("“%(value)s” is not a model that your organization may use."),
        },
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        required=False,
        choices=list(key_scopes.WORDS.items()),
        initial=key_scopes.USUAL,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("It stays as you choose it now. None ticked means the first two."),
    )
    ip_ranges = RangesField(
        label=_("Addresses it may be used from"),
        help_text=_("One address or range a line, like 203.0.113.0/24. Empty means from anywhere."),
    )
    expires_at = forms.DateTimeField(
        label=_("Expires"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("In UTC. Empty means never."),
    )
    key_id = forms.UUIDField(required=False, initial=uuid7, widget=forms.HiddenInput)
    field_order = (
        "name", "project", "scopes", "allowed_models", "rpm_limit", "tpm_limit",
        "concurrency_limit", "ip_ranges", "expires_at",
    )  # fmt: skip

    class Meta:
        model = ApiKey
        fields = (
            "name", "allowed_models", "rpm_limit", "tpm_limit", "concurrency_limit", "ip_ranges",
            "expires_at",
        )  # fmt: skip
        help_texts = {"name": _("What calls with it: a program, a server, a person.")}

    def __init__(
        self,
        *args: Any,
        models: Sequence[str] = (),
        projects: QuerySet[Project] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        choices = self.fields["allowed_models"]
        assert isinstance(choices, forms.MultipleChoiceField)  # noqa: S101 - declared above
        # A model that has gone stays until it is taken away.
        kept = [name for name in self.instance.allowed_models if name not in models]
        choices.choices = [(name, name) for name in [*models, *kept]]
        if not models:
            choices.help_text = _("No model is on offer yet; the key may call those to come.")
        self._offer_projects(projects)
        if not self.instance._state.adding:
            del self.fields["scopes"]

    def _offer_projects(self, projects: QuerySet[Project] | None) -> None:
        """Let a new key be put into one of several projects; it stays there."""
        if projects is None or projects.count() < 2:
            del self.fields["project"]
            return
        field = self.fields["project"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - declared above
        field.queryset = projects
        field.initial = projects.filter(slug="default").first()

    def clean_scopes(self) -> list[str]:
        """Return what was ticked, or what keys usually do."""
        return self.cleaned_data["scopes"] or list(key_scopes.USUAL)

    def clean_expires_at(self) -> Any:
        """Refuse a key that is born dead."""
        expires_at = self.cleaned_data["expires_at"]
        if expires_at and expires_at <= timezone.now():
            raise forms.ValidationError(_("This moment has passed. Choose a later one."))
        return expires_at


class InvitationForm(forms.ModelForm[Invitation]):
    """An address and the role it is offered."""

    class Meta:
        model = Invitation
        fields = ("email", "role")
        widgets = {
            "email": forms.EmailInput(attrs={"autocomplete": "off"}),
            "role": forms.RadioSelect,
        }

    def __init__(self, *args: Any, by: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"] = forms.ChoiceField(
            label=_("Role"),
            choices=roles.described(roles.offered(by)),
            initial=Role.DEVELOPER,
            widget=forms.RadioSelect,
        )


class RoleForm(forms.Form):
    """Another role for a member."""

    role = forms.ChoiceField(label=_("Role"))

    def __init__(self, *args: Any, by: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["role"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = [(role.value, role.label) for role in roles.offered(by)]


class AuditSearchForm(forms.Form):
    """A search in the audit log."""

    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=200,
        help_text=_(
            "Words, or <code>actor:</code> <code>action:</code> <code>target:</code> and "
            "<code>created:2026-03-01..2026-03-31</code>"
        ),
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": "actor:alice action:member created:2026-03"}
        ),
    )

    def clean_q(self) -> Search:
        """Understand the words."""
        try:
            return parse(self.cleaned_data["q"])
        except Unreadable as error:
            raise forms.ValidationError(error.sentence, params=error.facts) from error

    def search(self) -> Search:
        """Return what to look for."""
        search: Search = self.cleaned_data["q"]
        return search

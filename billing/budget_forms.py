"""What people may type about budgets."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

from billing.models import Budget
from common.ids import uuid7
from marketplace.forms import fields
from tenants.models import ApiKey, Organization, Project

#: More than any budget: keeps a slip of the finger from passing for one.
MOST = Decimal(1_000_000_000)
SHARES = (50, 80, 90, 100)
#: Days that every clock can show, and that somebody may mean.
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
DAYS = (MinValueValidator(EARLIEST.date()), MaxValueValidator(LATEST.date()))
#: A budget of everything, in the choices.
WHOLE = ""


class BudgetChangeForm(forms.Form):
    """What may be changed of a budget."""

    name = forms.CharField(label=_("Name"), max_length=100)
    amount = fields.money(_("Amount"), max_value=MOST)
    is_hard = forms.TypedChoiceField(
        label=_("When it is used up"),
        choices=[
            ("True", _("Requests stop: never is more spent than the amount")),
            ("False", _("Requests go on: you are only told")),
        ],
        coerce=lambda value: value == "True",
        initial="True",
        widget=forms.RadioSelect,
    )
    thresholds = forms.TypedMultipleChoiceField(
        label=_("Tell us by e-mail when this much is spent"),
        choices=[(share, f"{share} %") for share in SHARES],
        coerce=int,
        required=False,
        initial=[50, 80, 100],
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Owners, admins and billing members are told, within a minute."),
    )

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.organization = organization
        self.fields["amount"].help_text = _("In %(currency)s, net of tax.") % {
            "currency": organization.currency
        }

    def clean(self) -> dict[str, Any]:
        """Refuse an amount finer than the currency."""
        cleaned = super().clean() or self.cleaned_data
        fields.check_fineness(self, self.organization.currency, "amount")
        return cleaned


class BudgetForm(BudgetChangeForm):
    """A new budget; ``budget_id`` makes two clicks one."""

    of = forms.ChoiceField(label=_("Of"), required=False)
    window = forms.ChoiceField(
        label=_("How often it begins anew"),
        choices=Budget.Window.choices,
        initial=Budget.Window.MONTH,
        widget=forms.RadioSelect,
    )
    first_day = forms.DateField(
        label=_("First day"),
        required=False,
        validators=DAYS,
        help_text=_("Only from one day to another."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    last_day = forms.DateField(
        label=_("Last day"),
        required=False,
        validators=DAYS,
        help_text=_("Included."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    budget_id = forms.UUIDField(required=False, initial=uuid7, widget=forms.HiddenInput)
    field_order = (
        "name", "of", "amount", "window", "first_day", "last_day", "is_hard", "thresholds",
    )  # fmt: skip

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, organization=organization, **kwargs)
        self._projects = {f"project:{it.pk}": it for it in organization.projects.all()}
        keys = organization.api_keys.lasting()
        self._keys = {f"key:{it.pk}": it for it in keys}
        field = self.fields["of"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = [
            (WHOLE, _("The whole organization")),
            (
                _("A project"),
                [
                    (value, _("Project %(name)s") % {"name": it.name})
                    for value, it in self._projects.items()
                ],
            ),
            (_("A key"), [(value, str(it)) for value, it in self._keys.items()]),
        ]

    def clean(self) -> dict[str, Any]:
        """Ask for both days of a fixed window, in their order."""
        facts = super().clean()
        if facts.get("window") != Budget.Window.FIXED:
            return facts
        first, last = facts.get("first_day"), facts.get("last_day")
        for name, day in (("first_day", first), ("last_day", last)):
            if day is None and name not in self.errors:
                self.add_error(name, _("Choose a day."))
        if first and last and last < first:
            self.add_error("last_day", _("It ends before it begins."))
        return facts

    def facts(self) -> dict[str, Any]:
        """Return the budget's terms."""
        facts = dict(self.cleaned_data)
        of, first, last = facts.pop("of"), facts.pop("first_day"), facts.pop("last_day")
        project: Project | None = self._projects.get(of)
        key: ApiKey | None = self._keys.get(of)
        if facts["window"] == Budget.Window.FIXED:
            zone = ZoneInfo(self.organization.time_zone)
            facts["starts_at"] = datetime.combine(first, time(), tzinfo=zone)
            facts["ends_at"] = datetime.combine(last + timedelta(days=1), time(), tzinfo=zone)
        return {**facts, "project": project, "api_key": key}

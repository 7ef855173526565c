"""What part of the usage a reader asks for, as it stands in the address of the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BoundField
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from metering import queries
from metering.models import UsageEvent
from metering.queries import Cut, Label
from portal.usage import periods, places
from portal.usage.periods import Period
from tenants.models import Organization

PERIODS = {
    "month": _("This month"),
    "last-month": _("Last month"),
    "7d": _("Last 7 days"),
    "30d": _("Last 30 days"),
    "custom": _("From day to day"),
}
HEADINGS = {
    "day": _("By day"),
    "model": _("By model"),
    "project": _("By project"),
    "key": _("By key"),
    "member": _("By member"),
}
#: What usage can be narrowed to, with what stands for all of it.
NARROWED = {
    "project": (_("Project"), _("All projects")),
    "key": (_("Key"), _("All keys")),
    "member": (_("Member"), _("All members")),
}
MEASURES = {"tokens": _("Tokens"), "cost": _("Cost")}
ZONES: dict[str, StrOrPromise] = {"billing": _("Billing time zone"), "utc": "UTC"}
#: What the rows of a file are.
ROWS = {"requests": _("Requests"), "sums": _("Sums")}
LINKED = {"by": HEADINGS, "show": MEASURES}
#: What links have set, the form carries along.
CARRIED = ("by", "show", "zone")
DEFAULTS = {"period": "month", "by": "day", "show": "tokens", "zone": "billing", "rows": "requests"}

EARLIEST = date(2020, 1, 1)
LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Link:
    """The same page seen another way."""

    name: str
    label: StrOrPromise
    url: str
    is_current: bool


class DayInput(forms.DateInput):
    """The browser's own calendar."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class LinkedField(forms.ChoiceField):
    """A choice that links on the page make."""

    widget = forms.HiddenInput
    default_error_messages = {
        "invalid_choice": _("“%(value)s” is nothing that this page can show."),
    }

    def __init__(self, *, choices: Mapping[str, StrOrPromise]) -> None:
        super().__init__(choices=list(choices.items()), required=False)


class UsageFilter(forms.Form):
    """The filters of the usage page; each that is left out has a default."""

    period = forms.ChoiceField(label=_("Period"), choices=PERIODS, required=False)
    start = forms.DateField(label=_("From"), required=False, widget=DayInput)
    end = forms.DateField(label=_("Until, included"), required=False, widget=DayInput)
    model = forms.CharField(label=_("Model"), max_length=100, required=False, widget=forms.Select)
    by = LinkedField(choices=HEADINGS)
    show = LinkedField(choices=MEASURES)
    zone = LinkedField(choices=ZONES)
    rows = LinkedField(choices=ROWS)
    #: The request that the list goes on after.
    before = forms.CharField(max_length=100, required=False, widget=forms.HiddenInput)

    def __init__(self, organization: Organization, asked: Mapping[str, Any]) -> None:
        facts = dict(asked.items())
        if not facts.get("period") and (facts.get("start") or facts.get("end")):
            facts["period"] = "custom"
        super().__init__(facts)
        self.organization = organization
        self._offer_models([])
        self.places = places.of(organization)
        for name, (label, all_of_it) in NARROWED.items():
            known = ((str(it.pk), it.name) for it in self.places[name].values())
            self.fields[name] = forms.ChoiceField(
                label=label, required=False, choices=[("", all_of_it), *known]
            )

    def clean_before(self) -> UsageEvent | None:
        """Find the request that the list goes on after."""
        if not (event_id := self.cleaned_data["before"]):
            return None
        if event := queries.request_named(self.organization, event_id):
            return event
        raise ValidationError(_("The list cannot go on: there is no such request."))

    def clean(self) -> dict[str, Any]:
        """Name the defaults, and settle which days are meant."""
        facts = super().clean() or {}
        for name, default in DEFAULTS.items():
            facts[name] = facts.get(name) or default
        zone = "UTC" if facts["zone"] == "utc" else self.organization.time_zone
        today = timezone.now().astimezone(ZoneInfo(zone)).date()
        if facts["period"] != "custom":
            return facts | {"days": periods.named(facts["period"], today, zone)}
        self._check_days(facts.get("start"), facts.get("end"), today)
        if not self.errors:
            facts["days"] = Period(facts["start"], facts["end"], zone, today)
        return facts

    def _check_days(self, first: date | None, last: date | None, today: date) -> None:
        if first is None or last is None:
            for name, day in (("start", first), ("end", last)):
                if day is None and name not in self.errors:
                    self.add_error(name, _("Choose a day."))
        elif last < first:
            self.add_error("end", _("This day is before the first one."))
        elif not EARLIEST <= first <= today:
            self.add_error("start", _("Choose a day from 1 January 2020 to today."))
        elif last - first >= LONGEST:
            self.add_error("end", _("A period is a year at most."))

    @property
    def days(self) -> Period:
        """The period asked for, once the form is valid."""
        found: Period = self.cleaned_data["days"]
        return found

    @property
    def cut(self) -> Cut:
        """The usage asked for, once the form is valid."""
        facts, days = self.cleaned_data, self.days
        return Cut(
            self.organization,
            days.start,
            days.end,
            days.time_zone,
            offer_name=facts["model"],
            api_key_id=_pk(facts["key"]),
            project_id=_pk(facts["project"]),
            member_id=_pk(facts["member"]),
        )

    def offer_models(self) -> None:
        """Let the reader choose among the models that the period knows."""
        days = self.days
        period = Cut(self.organization, days.start, days.end, days.time_zone)
        self._offer_models(queries.models_used(period))

    def _offer_models(self, used: Sequence[str]) -> None:
        """Offer these, and the one that was asked for."""
        names = dict.fromkeys([*used, self.data.get("model")])
        choices = [("", _("All models")), *((name, name) for name in names if name)]
        self.fields["model"].widget = forms.Select(choices=choices)

    def address(self, **changes: Any) -> str:
        """Return the query of this page with some filters changed; what is empty is left out."""
        kept = {name: self.data.get(name) for name in self.fields if name not in ("before", "rows")}
        return "?" + urlencode({name: it for name, it in (kept | changes).items() if it})

    def links(self, name: str) -> list[Link]:
        """Return the page as each choice of this filter shows it."""
        chosen = self.cleaned_data[name]
        return [
            Link(value, label, self.address(**{name: value}), is_current=value == chosen)
            for value, label in LINKED[name].items()
        ]

    @property
    def place_names(self) -> dict[Label, str]:
        """What sums under the heading asked for are called, where that is not what they stand under."""
        known = self.places.get(self.cleaned_data["by"], {})
        return {label: it.name for label, it in known.items()}

    @property
    def narrowing(self) -> list[BoundField]:
        """Project, key and member, where there are several or one is asked for."""
        offered = (self[name] for name in NARROWED)
        return [
            it for it in offered if len(self.places[it.name]) > 1 or it.name == "key" or it.value()
        ]

    @property
    def carried(self) -> list[BoundField]:
        """What links have set and the form sends along; nothing that was refused."""
        return [self[name] for name in CARRIED if self[name].value() and not self[name].errors]

    @property
    def heading_links(self) -> list[Link]:
        """By day, by model, by project, by key, by member."""
        return self.links("by")

    @property
    def measure_links(self) -> list[Link]:
        """What the chart draws."""
        return self.links("show")

    @property
    def other_zone(self) -> Link | None:
        """The same days in UTC, or back in the billing time zone, where that is another."""
        own = self.organization.time_zone
        if own == "UTC":
            return None
        if self.cleaned_data["zone"] == "utc":
            return Link("billing", own, self.address(zone=""), is_current=False)
        return Link("utc", "UTC", self.address(zone="utc"), is_current=False)

    @property
    def sums_file(self) -> str:
        """The query of the file of sums."""
        return self.address(rows="sums")

    @property
    def requests_file(self) -> str:
        """The query of the file of requests."""
        return self.address(rows="requests")


def _pk(text: str) -> UUID | None:
    return UUID(text) if text else None

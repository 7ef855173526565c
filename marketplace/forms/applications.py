"""What staff types about services, and what people choose among them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar

from django import forms
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from marketplace.applications import Listed
from marketplace.forms import fields, translating
from marketplace.forms.models import FURTHEST, OTHER_LANGUAGES, PublisherInput
from marketplace.forms.sections import FilledSection, Section
from marketplace.forms.words import LANGUAGES
from marketplace.listing import Listing
from marketplace.models import AIModel, Application, ApplicationKind
from marketplace.services import applications
from tenants.models import Classification, Region

ANY = ("", _("Any"))
LONGEST = 20_000


def _long(label: Any, rows: int, *, required: bool = True, help_text: Any = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        required=required,
        max_length=LONGEST,
        help_text=help_text,
        widget=forms.Textarea(attrs={"rows": rows}),
    )


class ApplicationForm(forms.Form):
    """What customers read of a service, which models it calls, and where it runs."""

    name = forms.CharField(label=_("Name"), max_length=100)
    slug = forms.SlugField(
        label=_("Address"),
        max_length=60,
        required=False,
        help_text=_("The last part of its page's address. Empty: made of the name. It stays."),
        widget=forms.TextInput(attrs={"dir": "ltr"}),
    )
    publisher_name = forms.CharField(
        label=_("Publisher"),
        max_length=100,
        widget=PublisherInput,
        help_text=_("Who made it: one that is listed, or a new one."),
    )
    kind = forms.ChoiceField(label=_("Kind"), choices=ApplicationKind.choices)
    summary = forms.CharField(label=_("Summary"), max_length=250)
    description = _long(
        _("Description"), 10, help_text=_("Headings begin with ##, list items with a hyphen.")
    )
    languages = forms.MultipleChoiceField(
        label=_("Languages"),
        choices=LANGUAGES,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    documentation_url = fields.WebAddress(label=_("Documentation"), required=False, max_length=200)
    uses = forms.ModelMultipleChoiceField(
        label=_("Models that it calls"),
        queryset=AIModel.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Its price: their tokens, at the prices in force."),
    )
    regions = forms.ModelMultipleChoiceField(
        label=_("Regions it runs in"),
        queryset=Region.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Only organizations whose policy allows all of them can enable it."),
    )
    base_url = fields.ServerAddress(
        label=_("Where it runs"),
        max_length=300,
        required=False,
        help_text=_(
            "Shown to members of organizations that have it enabled. Empty: customers read that it"
            " is not connected yet, and cannot enable it."
        ),
        widget=forms.TextInput(attrs={"inputmode": "url", "dir": "ltr", "autocomplete": "off"}),
    )
    clearance = forms.ChoiceField(label=_("Cleared for data up to"), choices=Classification.choices)
    data_policy = _long(_("What it keeps of customers' data"), 3)
    limits = _long(_("Limits"), 3, required=False)
    terms = _long(
        _("Terms"), 5, required=False, help_text=_("Who enables it agrees to this wording.")
    )

    sections: ClassVar[tuple[Section, ...]] = (
        Section(
            "identity",
            _("Identity"),
            _("Which service it is, and who made it."),
            ("name", "slug", "publisher_name", "kind"),
        ),
        Section(
            "words",
            _("Description"),
            _("What customers read: one sentence in lists, the whole on the service's page."),
            ("summary", "description", "languages", "documentation_url"),
        ),
        Section(
            "works",
            _("How it works"),
            _("What it calls, and where it computes."),
            ("uses", "regions", "base_url"),
        ),
        Section(
            "data",
            _("Data and terms"),
            _("What may be entrusted to it, and on which conditions."),
            ("clearance", "data_policy", "limits", "terms"),
        ),
        OTHER_LANGUAGES,
    )
    #: What is written in each language: how many lines it is given, and how long it may be.
    translated: ClassVar[dict[str, tuple[Any, int, int]]] = {
        "summary": (_("Summary"), 2, 250),
        "description": (_("Description"), 10, LONGEST),
        "data_policy": (_("What it keeps of customers' data"), 3, LONGEST),
        "limits": (_("Limits"), 3, LONGEST),
    }

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        application: Application | None = None,
        shown: str = "",
    ) -> None:
        initial: dict[str, Any] = (
            applications.written(application)
            if application
            else {"clearance": Classification.INTERNAL}
        )
        super().__init__(data, initial=initial)
        self.shown = shown
        translating.add(self, self.translated, initial.get(translating.NAME, {}))
        if application is not None:
            del self.fields["slug"]
        for name, queryset in (
            ("uses", AIModel.objects.live().public()),
            ("regions", Region.objects.all()),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ModelMultipleChoiceField)  # noqa: S101 - declared so
            field.queryset = queryset

    def clean(self) -> dict[str, Any]:
        """Make an address of the name where none was written."""
        cleaned = super().clean() or self.cleaned_data
        if "slug" in self.fields and not cleaned.get("slug") and cleaned.get("name"):
            cleaned["slug"] = slugify(cleaned["name"])[:60]
            if not cleaned["slug"]:
                self.add_error("slug", _("Write the address in Latin letters, digits and hyphens."))
        cleaned[translating.NAME] = translating.written(cleaned, self.translated)
        return cleaned

    @property
    def filled_sections(self) -> list[FilledSection]:
        """Return the sections with their fields."""
        return [
            FilledSection(
                it,
                [self[name] for name in it.names if name in self.fields],
                translating.folds(self, self.translated, self.shown)
                if it is OTHER_LANGUAGES
                else [],
            )
            for it in self.sections
        ]


class NoteForm(forms.Form):
    """What the second person should know."""

    words = forms.CharField(
        label=_("Note for your colleague"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class LastDayForm(forms.Form):
    """When a service goes."""

    retires_on = forms.DateField(
        label=_("Last day"),
        help_text=_("Its keys work until the end of this day, UTC."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def clean_retires_on(self) -> date:
        """Refuse years that nobody means."""
        last: date = self.cleaned_data["retires_on"]
        if last > timezone.now().date() + FURTHEST:
            raise forms.ValidationError(_("This is more than five years away. Check the year."))
        return last

    def retires_at(self) -> datetime:
        """Return the moment from which it is gone."""
        day_after: date = self.cleaned_data["retires_on"] + timedelta(days=1)
        return datetime.combine(day_after, time(), tzinfo=UTC)


class RetireAtOnceForm(forms.Form):
    """Why a service goes without notice."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=250,
        help_text=_("It stands in the audit log."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class ServiceFilterForm(forms.Form):
    """The filters of the list of services; all of them stand in the address."""

    q = forms.CharField(
        label=_("Search"),
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    kind = forms.ChoiceField(
        label=_("Kind"), choices=[ANY, *ApplicationKind.choices], required=False
    )
    language = forms.ChoiceField(label=_("Language"), choices=[ANY, *LANGUAGES], required=False)
    region = forms.ChoiceField(label=_("Region"), choices=[ANY], required=False)
    model = forms.ChoiceField(label=_("Model"), choices=[ANY], required=False)

    def __init__(self, data: Mapping[str, Any], *, entries: Sequence[Listed[Listing]]) -> None:
        super().__init__(data)
        regions = {it.code: it.name for entry in entries for it in entry.application.regions.all()}
        models = {it.slug: it.name for entry in entries for it in entry.application.uses.all()}
        for name, found in (("region", regions), ("model", models)):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared as one
            field.choices = [ANY, *sorted(found.items(), key=lambda pair: pair[1])]

    def fitting(self, entries: Sequence[Listed[Listing]]) -> list[Listed[Listing]]:
        """Return those that meet every filter that makes sense."""
        self.is_valid()
        facts = self.cleaned_data
        return [it for it in entries if self._fits(it, facts)]

    def _fits(self, entry: Listed[Listing], facts: Mapping[str, Any]) -> bool:
        it = entry.application
        regions = {region.code for region in it.regions.all()}
        models = {model.slug for model in it.uses.all()}
        wanted = (
            ("kind", {it.kind}),
            ("language", set(it.languages)),
            ("region", regions),
            ("model", models),
        )
        words = facts.get("q")
        fits = all(not facts.get(name) or facts[name] in there for name, there in wanted)
        return fits and (not words or entry.says(words))

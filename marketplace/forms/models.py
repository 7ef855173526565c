"""What staff types about models and the terms they are offered on."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from django_countries import countries

from marketplace.errors import NameTaken
from marketplace.forms import counting, fields, translating
from marketplace.forms.sections import FilledSection, Section
from marketplace.forms.words import FEATURES, LANGUAGES, MODALITIES
from marketplace.models import (
    AIModel,
    Kind,
    Offer,
    Publisher,
    Route,
    RouteRole,
    TokenClass,
    TokenPart,
    Upstream,
)
from marketplace.models.catalogue import SERVED

#: More than any engine takes: keeps a slip of the finger out of the bound that is reserved.
LONGEST_CONTEXT = 100_000_000
LONGEST_CARD = 20_000
MOST_REQUESTS = 10_000_000
MOST_TOKENS = 2_000_000_000
#: A retirement further ahead is a mistyped year.
FURTHEST = timedelta(days=5 * 366)


class PublisherInput(forms.TextInput):
    """A text with the publishers that are known as suggestions."""

    template_name = "staff/publisher_input.html"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add the names."""
        context: dict[str, Any] = super().get_context(name, value, attrs)
        context["widget"]["attrs"]["list"] = f"{name}-known"
        context["known"] = list(Publisher.objects.values_list("name", flat=True))
        return context


def _choices(label: Any, choices: Any) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=label, choices=choices, required=False, widget=forms.CheckboxSelectMultiple
    )


def _count(label: Any, most: int, *, least: int = 1, **options: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=least, max_value=most, **options)


OTHER_LANGUAGES = Section(
    "languages",
    _("In other languages"),
    _("Who reads the portal in one of these reads what stands here, where something does."),
    (),
)


class CardForm(forms.ModelForm[AIModel]):
    """The card of a model."""

    publisher_name = forms.CharField(
        label=_("Publisher"),
        max_length=100,
        widget=PublisherInput,
        help_text=_("Who made the model: one that is listed, or a new one."),
    )
    context_window = _count(_("Context window, in tokens"), LONGEST_CONTEXT)
    max_output = _count(
        _("Longest answer, in tokens"),
        LONGEST_CONTEXT,
        least=0,
        help_text=_("Zero for models that give no text, such as embeddings."),
    )
    licence_url = fields.WebAddress(
        label=_("Address of the licence"), required=False, max_length=200
    )
    origin = forms.ChoiceField(
        label=_("Country of origin"),
        required=False,
        choices=lambda: [("", "—"), *countries],
        help_text=_("Where it was made."),
    )
    features = _choices(_("Features"), FEATURES)
    modalities = _choices(_("Modalities"), MODALITIES)
    languages = _choices(_("Languages"), LANGUAGES)

    sections: ClassVar[tuple[Section, ...]] = (
        Section(
            "identity",
            _("Identity"),
            _("Which model it is, and who made it."),
            ("name", "publisher_name", "family", "kind"),
        ),
        Section(
            "card",
            _("Card"),
            _("What customers read: one sentence in lists, the whole card on the model's page."),
            ("summary", "card"),
        ),
        Section(
            "capabilities",
            _("Capabilities"),
            _("What requests may ask of it. The limits are part of what is reserved beforehand."),
            ("context_window", "max_output", "features", "modalities", "languages", "clearance"),
        ),
        Section(
            "terms",
            _("Terms"),
            _("Under which licence you serve it, and where it comes from."),
            ("licence", "licence_url", "origin"),
        ),
        counting.SECTION,
        OTHER_LANGUAGES,
    )

    class Meta:
        model = AIModel
        fields = (
            "name",
            "family",
            "kind",
            "summary",
            "card",
            "context_window",
            "max_output",
            "features",
            "modalities",
            "languages",
            "clearance",
            "licence",
            "licence_url",
            "origin",
            *counting.NAMES,
        )
        widgets = {
            "summary": forms.Textarea(attrs={"rows": 2}),
            "card": forms.Textarea(attrs={"rows": 12}),
            "licence": forms.TextInput(attrs={"placeholder": "Apache-2.0"}),
        }
        labels = counting.LABELS
        help_texts = {
            "card": _("A blank line begins a paragraph, “## ” a heading, “- ” an item of a list."),
            "family": _("Models that belong together, such as versions of different sizes."),
            "licence": _("Its name, such as Apache-2.0. Without one the model is not published."),
            "clearance": _("More confidential data is refused before the model gets anything."),
            **counting.HELP,
        }

    #: What is written in each language: how many lines it is given, and how long it may be.
    translated: ClassVar[dict[str, tuple[Any, int, int]]] = {
        "summary": (_("Summary"), 2, 250),
        "card": (_("Model card"), 12, LONGEST_CARD),
    }

    def __init__(self, *args: Any, shown: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shown = shown
        translating.add(self, self.translated, self.instance.translations)
        # A draft may wait for its licence; the checklist asks for it before customers see it.
        self.fields["licence"].required = False
        for name in ("clearance", *counting.NAMES):
            self.fields[name].required = False
        self._keep_origin()
        kind = self.fields["kind"]
        assert isinstance(kind, forms.ChoiceField)  # noqa: S101 - a choice in the model
        kind.choices = [(it.value, it.label) for it in SERVED]

        # Mistakes are summed up in the order in which the page asks.
        self.order_fields([name for section in self.sections for name in section.names])

    def _keep_origin(self) -> None:
        """Offer what was written before countries were chosen, so that it is not lost unseen."""
        origin, written = self.fields["origin"], self.instance.origin
        assert isinstance(origin, forms.ChoiceField)  # noqa: S101 - declared as one
        if written and written not in dict(countries):
            origin.choices = [("", "—"), *countries, (written, written)]

    def filled_sections(self) -> Iterator[FilledSection]:
        """Yield the sections with their fields, in order."""
        for section in self.sections:
            folds = (
                translating.folds(self, self.translated, self.shown)
                if section is OTHER_LANGUAGES
                else []
            )
            yield FilledSection(section, [self[name] for name in section.names], folds)

    def clean_publisher_name(self) -> str:
        """Refuse a name that has nothing to read in it."""
        name: str = self.cleaned_data["publisher_name"]
        if not slugify(name, allow_unicode=True):
            raise forms.ValidationError(_("Write the publisher's name in letters."))
        return name

    def clean(self) -> dict[str, Any]:
        """Refuse a chat model that could not answer."""
        cleaned = super().clean() or self.cleaned_data
        longest, window = cleaned.get("max_output"), cleaned.get("context_window")
        if cleaned.get("kind") == Kind.CHAT and longest == 0:
            self.add_error("max_output", _("A chat model answers with at least one token."))
        if longest is not None and window is not None and longest > window:
            self.add_error("max_output", _("An answer cannot be longer than the context window."))
        cleaned["clearance"] = cleaned.get("clearance") or self.instance.clearance
        counting.complete(self, cleaned)
        return cleaned

    def card(self) -> dict[str, Any]:
        """Return the fields of the card alone."""
        card = {name: self.cleaned_data[name] for name in self._meta.fields or ()}
        return {**card, "translations": translating.written(self.cleaned_data, self.translated)}


class NewModelForm(CardForm):
    """A model with all it needs to be published."""

    offer_name = forms.CharField(
        label=_("Name in the API"),
        max_length=100,
        validators=[fields.API_NAME],
        help_text=_("What programs pass as “model”. It never changes."),
        widget=forms.TextInput(
            attrs={"dir": "ltr", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    slug = forms.SlugField(
        label=_("Address of its page"),
        max_length=60,
        required=False,
        help_text=_("Part of the page's address. Left empty, it is made of the name in the API."),
        widget=forms.TextInput(attrs={"dir": "ltr", "autocapitalize": "none"}),
    )
    upstream = forms.ModelChoiceField(
        empty_label=_("Choose a server"),
        label=_("Server"),
        queryset=Upstream.objects.filter(is_enabled=True).select_related("region"),
        help_text=_("The offer is sold as computed in the server's region."),
    )
    upstream_model = forms.CharField(
        label=_("Model name at the server"),
        max_length=200,
        widget=forms.TextInput(
            attrs={"dir": "ltr", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    version = forms.CharField(label=_("Version"), max_length=60, initial="1.0")
    quantization = forms.CharField(
        label=_("Quantization"), max_length=20, required=False, help_text=_("Such as fp8.")
    )
    default_rpm = _count(_("Requests per minute"), MOST_REQUESTS, initial=600)
    default_tpm = _count(_("Tokens per minute"), MOST_TOKENS, initial=1_000_000)
    default_concurrency = _count(_("Requests at once"), 100_000, initial=64)
    token_class = forms.ModelChoiceField(
        empty_label=_("none: only money pays for it"),
        label=_("Token class"),
        queryset=TokenClass.objects.all(),
        required=False,
        help_text=_("Token bundles of this class pay for the model."),
    )
    price_input = fields.per_million(_("Input, per million tokens"), required=True)
    price_cached_input = fields.per_million(_("Cached input, per million tokens"), required=False)
    price_output = fields.per_million(_("Output, per million tokens"), required=False)

    sections = (
        Section(
            "identity",
            _("Identity"),
            _("Which model it is, who made it, and what programs call it."),
            ("name", "publisher_name", "offer_name", "slug", "family", "kind"),
        ),
        *CardForm.sections[1:],
        Section(
            "place",
            _("Where it runs"),
            _("The server that answers, and so the region in which customers' data is computed."),
            ("upstream", "upstream_model", "version", "quantization"),
        ),
        Section(
            "limits",
            _("Limits"),
            _("For each customer, unless a key of theirs has a lower one."),
            ("default_rpm", "default_tpm", "default_concurrency", "token_class"),
        ),
        Section(
            "prices",
            _("Prices"),
            _(
                "They hold from now on. Without a price of its own, cached input costs what input does."
            ),
            ("price_input", "price_cached_input", "price_output"),
        ),
    )

    def clean_offer_name(self) -> str:
        """Tell beside the field that a name is taken; the database decides between two at once."""
        name: str = self.cleaned_data["offer_name"]
        if Offer.objects.filter(name=name).exists():
            raise forms.ValidationError(NameTaken.detail)
        return name

    def clean(self) -> dict[str, Any]:
        """Make the address, and ask for the price of output where there is output."""
        cleaned = super().clean()
        if cleaned.get("kind") == Kind.CHAT and cleaned.get("price_output") is None:
            self.add_error("price_output", _("A chat model needs a price for its output."))
        if not cleaned.get("slug") and "slug" not in self.errors:
            cleaned["slug"] = slugify(_dashed(cleaned.get("offer_name", "")))[:60].strip("-")
        return cleaned

    def limits(self) -> dict[str, int]:
        """Return the offer's limits."""
        names = ("default_rpm", "default_tpm", "default_concurrency")
        return {name: self.cleaned_data[name] for name in names}

    def per_million(self) -> dict[str, Decimal]:
        """Return the prices that were given."""
        prices = {
            TokenPart.INPUT: self.cleaned_data["price_input"],
            TokenPart.CACHED_INPUT: self.cleaned_data["price_cached_input"],
            TokenPart.OUTPUT: self.cleaned_data["price_output"],
        }
        return {str(part): amount for part, amount in prices.items() if amount is not None}


def _dashed(name: str) -> str:
    return name.translate(str.maketrans("./:", "---"))


class TermsForm(forms.ModelForm[Offer]):
    """An offer's limits and its class of tokens."""

    default_rpm = _count(_("Requests per minute"), MOST_REQUESTS)
    default_tpm = _count(_("Tokens per minute"), MOST_TOKENS)
    default_concurrency = _count(_("Requests at once"), 100_000)

    class Meta:
        model = Offer
        fields = ("default_rpm", "default_tpm", "default_concurrency", "token_class")
        labels = {"token_class": _("Token class")}
        help_texts = {"token_class": _("Token bundles of this class pay for the model.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["token_class"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - a foreign key's
        field.empty_label = _("none: only money pays for it")


class RouteForm(forms.ModelForm[Route]):
    """One more server for an offer."""

    priority = _count(
        _("Order"), 1000, least=0, initial=0, help_text=_("Lower numbers are asked first.")
    )
    weight = _count(
        _("Share"), 1000, initial=1, help_text=_("Among servers of the same order, how often.")
    )
    share = _count(
        _("On trial: per cent of the requests"),
        100,
        least=0,
        initial=0,
        required=False,
        help_text=_("Of a canary or a shadow alone, which have neither order nor share."),
    )

    class Meta:
        model = Route
        fields = ("upstream", "upstream_model", "priority", "weight", "role", "share")
        labels = {"upstream": _("Server"), "role": _("What it is for")}

    def __init__(self, *args: Any, offer: Offer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["upstream"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - a foreign key's
        field.queryset = Upstream.objects.filter(region=offer.region_id)
        field.empty_label = _("Choose a server")
        self.fields["role"].required = False

    def clean(self) -> dict[str, Any]:
        """Refuse a share where nothing is tried, and a trial of nothing."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        cleaned["share"] = cleaned.get("share") or 0
        cleaned["role"] = cleaned.get("role") or RouteRole.SERVES
        is_trial = cleaned["role"] != RouteRole.SERVES
        if is_trial and not cleaned["share"]:
            self.add_error("share", _("Write how many per cent, from 1 to 100."))
        if not is_trial and cleaned["share"]:
            self.add_error("share", _("Only a canary or a shadow has one. Leave it at 0."))
        return cleaned


class ShareForm(forms.Form):
    """How much a way on trial gets; nothing stops it."""

    share = _count(_("Per cent of the requests"), 100, least=0)


class RouteNameForm(forms.ModelForm[Route]):
    """What a server calls the model."""

    class Meta:
        model = Route
        fields = ("upstream_model",)


class DeprecateForm(forms.Form):
    """When a model goes, and what to use instead."""

    retires_on = forms.DateField(
        label=_("Last day"),
        help_text=_("It can be called until the end of this day, UTC."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    replaced_by = forms.ModelChoiceField(
        label=_("Use instead"),
        queryset=AIModel.objects.none(),
        required=False,
        help_text=_("Customers are shown the way to it."),
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, model: AIModel) -> None:
        last = model.retires_at and (model.retires_at - timedelta(microseconds=1)).date()
        present = {"retires_on": last, "replaced_by": model.replaced_by_id}
        super().__init__(data, initial=present)
        field = self.fields["replaced_by"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - declared as one
        field.queryset = AIModel.objects.replacing(model)
        field.empty_label = _("none")

    def clean_retires_on(self) -> date:
        """Refuse days that are over, and years that nobody means."""
        last: date = self.cleaned_data["retires_on"]
        today = timezone.now().date()
        if last < today:
            raise forms.ValidationError(_("This day is over. Choose today or a later one."))
        if last > today + FURTHEST:
            raise forms.ValidationError(_("This is more than five years away. Check the year."))
        return last

    def facts(self) -> dict[str, str | None]:
        """Return what a proposal keeps."""
        successor = self.cleaned_data["replaced_by"]
        return {
            "retires_at": self.retires_at().isoformat(),
            "replaced_by": str(successor.pk) if successor else None,
        }

    def retires_at(self) -> datetime:
        """Return the moment from which it cannot be called."""
        day_after: date = self.cleaned_data["retires_on"] + timedelta(days=1)
        return datetime.combine(day_after, time(), tzinfo=UTC)


class RetireForm(forms.Form):
    """Why a model goes without notice, and its name, typed to be sure."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=250,
        help_text=_("It stands in the audit log."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    confirmation = forms.CharField(
        max_length=100,
        widget=forms.TextInput(
            attrs={
                "dir": "ltr",
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        ),
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, model: AIModel) -> None:
        super().__init__(data)
        self.word = model.slug
        self.fields["confirmation"].label = _("Type %(word)s to confirm") % {"word": self.word}

    def clean_confirmation(self) -> str:
        """Refuse another name than the model's."""
        typed: str = self.cleaned_data["confirmation"]
        if typed != self.word:
            raise forms.ValidationError(
                _("This is not %(word)s. Type it exactly.") % {"word": self.word}
            )
        return typed

"""What people type into the catalogue's filters and the operator's desk."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from marketplace.models import AIModel, Kind, Publisher, TokenClass, TokenPart, Upstream
from tenants.models import Region

FEATURES = (
    ("tools", _("Tools")),
    ("json", _("JSON mode")),
    ("streaming", _("Streaming")),
    ("vision", _("Vision")),
    ("reasoning", _("Reasoning")),
)
MODALITIES = (("text", _("Text")), ("image", _("Image")), ("audio", _("Audio")))
LANGUAGES = (
    ("en", _("English")),
    ("fr", _("French")),
    ("ar", _("Arabic")),
    ("kk", _("Kazakh")),
    ("ru", _("Russian")),
    ("de", _("German")),
    ("es", _("Spanish")),
)
CONTEXTS = (("", _("Any")), ("32000", "32 k"), ("128000", "128 k"), ("1000000", "1 M"))
SORTS = (("", _("Name")), ("price", _("Price of input")), ("context", _("Context window")))


def _regions() -> Iterator[tuple[str, Any]]:
    yield "", _("Any")
    for region in Region.objects.all():
        yield region.code, region.name


def _publishers() -> Iterator[tuple[str, Any]]:
    yield "", _("Any")
    for publisher in Publisher.objects.filter(models__in=AIModel.objects.live()).distinct():
        yield publisher.slug, publisher.name


def _licences() -> Iterator[tuple[str, Any]]:
    yield "", _("Any")
    names = AIModel.objects.live().order_by("licence").values_list("licence", flat=True)
    for name in names.distinct():
        yield name, name


class FilterForm(forms.Form):
    """The catalogue's filters; all of them stand in the address."""

    q = forms.CharField(label=_("Search"), max_length=100, required=False)
    kind = forms.ChoiceField(
        label=_("Kind"), choices=[("", _("Any")), *Kind.choices], required=False
    )
    region = forms.ChoiceField(label=_("Region"), choices=_regions, required=False)
    publisher = forms.ChoiceField(label=_("Publisher"), choices=_publishers, required=False)
    licence = forms.ChoiceField(label=_("Licence"), choices=_licences, required=False)
    context = forms.TypedChoiceField(
        label=_("Context, at least"),
        choices=CONTEXTS,
        coerce=int,
        empty_value=None,
        required=False,
    )
    features = forms.MultipleChoiceField(
        label=_("Features"),
        choices=FEATURES,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    sort = forms.ChoiceField(label=_("Sort by"), choices=SORTS, required=False)

    def facts(self) -> dict[str, Any]:
        """Return the filters that make sense; the others are named beside their fields."""
        self.is_valid()
        return self.cleaned_data


class ModelForm(forms.ModelForm):  # type: ignore[type-arg]
    """The card of a model."""

    publisher_name = forms.CharField(label=_("Publisher"), max_length=100)
    licence_url = forms.URLField(
        label=_("Address of the licence"), required=False, assume_scheme="https", max_length=200
    )
    features = forms.MultipleChoiceField(
        label=_("Features"),
        choices=FEATURES,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    modalities = forms.MultipleChoiceField(
        label=_("Modalities"),
        choices=MODALITIES,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    languages = forms.MultipleChoiceField(
        label=_("Languages"),
        choices=LANGUAGES,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = AIModel
        fields: ClassVar[tuple[str, ...]] = (
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
            "licence",
            "licence_url",
            "origin",
        )

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
        return cleaned

    def card(self) -> dict[str, Any]:
        """Return the fields of the card alone."""
        return {name: self.cleaned_data[name] for name in self._meta.fields or ()}


def _price(label: Any, *, required: bool) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        required=required,
        min_value=Decimal(0),
        max_digits=14,
        decimal_places=6,
        help_text=_("In EUR, excluding tax."),
    )


class NewModelForm(ModelForm):
    """A model with all it needs to be published."""

    slug = forms.SlugField(
        label=_("Name in the API"),
        max_length=60,
        help_text=_("What programs pass as “model”. It never changes."),
    )
    version = forms.CharField(label=_("Version"), max_length=60, initial="1.0")
    quantization = forms.CharField(label=_("Quantization"), max_length=20, required=False)
    upstream = forms.ModelChoiceField(
        label=_("Server"),
        queryset=Upstream.objects.filter(is_enabled=True),
        help_text=_("The offer's region is the server's."),
    )
    upstream_model = forms.CharField(label=_("Model name at the server"), max_length=200)
    token_class = forms.ModelChoiceField(
        label=_("Token class"),
        queryset=TokenClass.objects.all(),
        required=False,
        help_text=_("Token bundles of this class pay for the model."),
    )
    price_input = _price(_("Input, per million tokens"), required=True)
    price_cached_input = _price(_("Cached input, per million tokens"), required=False)
    price_output = _price(_("Output, per million tokens"), required=False)

    field_order = ("name", "slug", "publisher_name")

    def clean(self) -> dict[str, Any]:
        """Ask for the price of output where there is output."""
        cleaned = super().clean()
        if cleaned.get("kind") == Kind.CHAT and cleaned.get("price_output") is None:
            self.add_error("price_output", _("A chat model needs a price for its output."))
        return cleaned

    def per_million(self) -> dict[str, Decimal]:
        """Return the prices that were given."""
        prices = {
            TokenPart.INPUT: self.cleaned_data["price_input"],
            TokenPart.CACHED_INPUT: self.cleaned_data["price_cached_input"],
            TokenPart.OUTPUT: self.cleaned_data["price_output"],
        }
        return {str(part): amount for part, amount in prices.items() if amount is not None}


class PriceForm(forms.Form):
    """A new price of one token part, from a time on."""

    token_part = forms.ChoiceField(label=_("Tokens"), choices=TokenPart.choices)
    per_million = _price(_("Price per million tokens"), required=True)
    effective_from = forms.DateTimeField(
        label=_("From (UTC)"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("Empty means now. Usage before this time keeps the price it had."),
    )

    def clean_effective_from(self) -> datetime | None:
        """Refuse the past, in which customers have already used the old price."""
        begins: datetime | None = self.cleaned_data["effective_from"]
        if begins is not None and begins < timezone.now():
            raise forms.ValidationError(_("A price can begin now or later, never in the past."))
        return begins

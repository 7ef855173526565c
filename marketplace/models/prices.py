"""What a token costs since when. A price is never changed: a new one closes the old."""

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, Row, TimeStamped
from tenants.models import Organization

if TYPE_CHECKING:
    from marketplace.models.offers import Offer


class TokenPart(models.TextChoices):
    """The disjoint parts of a request's tokens, and those that a model is trained with."""

    INPUT = "input", _("Input")
    CACHED_INPUT = "cached_input", _("Cached input")
    CACHE_WRITE = "cache_write", _("Cache write")
    IMAGE_INPUT = "image_input", _("Image input")
    AUDIO_INPUT = "audio_input", _("Audio input")
    OUTPUT = "output", _("Output")
    REASONING = "reasoning", _("Reasoning")
    AUDIO_OUTPUT = "audio_output", _("Audio output")
    TRAINED = "trained", _("Trained tokens")


#: A part without a price, or a weight, of its own costs what this other part does: never nothing.
FALLBACK: dict[str, str] = {
    TokenPart.CACHED_INPUT: TokenPart.INPUT,
    TokenPart.CACHE_WRITE: TokenPart.INPUT,
    TokenPart.IMAGE_INPUT: TokenPart.INPUT,
    TokenPart.AUDIO_INPUT: TokenPart.INPUT,
    TokenPart.REASONING: TokenPart.OUTPUT,
    TokenPart.AUDIO_OUTPUT: TokenPart.OUTPUT,
}
T = TypeVar("T")


def with_twins(own: Mapping[str, T]) -> dict[str, T]:
    """Return what stands for each part, where need be what stands for its twin."""
    return {part: own[twin] for part, twin in FALLBACK.items() if twin in own} | dict(own)


class OtherPart(models.TextChoices):
    """What is priced beside tokens."""

    GPU_HOURS = "gpu_hours", _("GPU hours")
    REQUESTS = "requests", _("Requests")


#: All that a price can be for; a word that is none of these is an unknown dimension.
PRICED_PARTS = [*TokenPart.choices, *OtherPart.choices]
#: What a class of models can say in its tokens; of GPU-hours, none pay unless it does.
WEIGHED_PARTS = [*TokenPart.choices, (OtherPart.GPU_HOURS.value, OtherPart.GPU_HOURS.label)]


class ServiceTier(models.TextChoices):
    """How soon an answer comes: at once, or within a day for less."""

    STANDARD = "standard", _("Standard")
    BATCH = "batch", _("Batch")


class PriceBookQuerySet(LockingQuerySet["PriceBook"]):
    """Price books."""


class PriceBook(TimeStamped):
    """A list of prices in one currency: for everybody, for a group or for one customer.

    One that is for none of these holds for whom a contract names it.
    """

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=100)
    currency = models.CharField(max_length=3)
    is_default = models.BooleanField(default=True)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="price_books", null=True, blank=True
    )
    customer_group = models.ForeignKey(
        "marketplace.CustomerGroup",
        on_delete=models.PROTECT,
        related_name="price_books",
        null=True,
        blank=True,
    )

    objects = PriceBookQuerySet.as_manager()

    class Meta:
        ordering = ("code",)
        constraints = (
            models.UniqueConstraint(
                fields=("currency",),
                condition=models.Q(is_default=True),
                name="one_default_book_per_currency",
            ),
            models.UniqueConstraint(
                fields=("organization", "currency"), name="one_own_book_per_currency"
            ),
            models.UniqueConstraint(
                fields=("customer_group", "currency"), name="one_book_per_group_and_currency"
            ),
            models.CheckConstraint(
                condition=models.Q(organization=None, customer_group=None)
                | models.Q(is_default=False, customer_group=None)
                | models.Q(is_default=False, organization=None),
                name="book_is_for_one_audience",
            ),
        )

    def __str__(self) -> str:
        return self.name


class PriceQuerySet(LockingQuerySet["Price"]):
    """Prices."""

    def standard(self) -> "PriceQuerySet":
        """Those of answers that come at once: what people mean by the price."""
        return self.filter(service_tier=ServiceTier.STANDARD)

    def in_force(self, at: datetime) -> "PriceQuerySet":
        """Those that apply at this instant."""
        return self.filter(effective_from__lte=at).filter(
            models.Q(effective_until=None) | models.Q(effective_until__gt=at)
        )

    def upcoming(self, at: datetime) -> "PriceQuerySet":
        """Those that will begin after this instant, and were not withdrawn."""
        kept = models.Q(effective_until=None) | models.Q(
            effective_until__gt=models.F("effective_from")
        )
        return self.filter(kept, effective_from__gt=at)

    def lasting(self, at: datetime) -> "PriceQuerySet":
        """Those that hold at this instant or will after it, and were not withdrawn."""
        lasting = models.Q(effective_until=None) | models.Q(effective_until__gt=at)
        return self.filter(lasting).exclude(effective_until=models.F("effective_from"))

    def changes(self, after: datetime) -> set[datetime]:
        """Return the moments after this one at which one of them begins or ends."""
        held = self.exclude(effective_until=models.F("effective_from")).order_by()
        begin = held.filter(effective_from__gt=after).values_list("effective_from", flat=True)
        end = held.filter(effective_until__gt=after).values_list("effective_until", flat=True)
        return set(begin.union(end))

    def of(
        self,
        offer: "Offer",
        token_part: str,
        currency: str,
        service_tier: str = ServiceTier.STANDARD,
    ) -> "PriceQuerySet":
        """The history of one part of an offer in the currency's default book."""
        found = self.filter(offer=offer, token_part=token_part, service_tier=service_tier)
        return found.listed(currency)

    def listed(self, currency: str) -> "PriceQuerySet":
        """Those of the book that holds for everybody."""
        return self.filter(book__currency=currency, book__is_default=True)


class Price(Row):
    """The price of one token part of an offer, from an instant (in) until another (out).

    ``definition`` is the house's price definition. The database refuses every change but that of
    ``effective_until``, once it has come that too, and any two that overlap. A scheduled price that
    was withdrawn ends at the instant it would have begun: it never held.
    """

    book = models.ForeignKey(PriceBook, on_delete=models.PROTECT, related_name="prices")
    offer = models.ForeignKey("marketplace.Offer", on_delete=models.PROTECT, related_name="prices")
    #: The version of the book it came with; empty where it was set alone.
    version = models.ForeignKey(
        "marketplace.PriceBookVersion",
        on_delete=models.PROTECT,
        related_name="prices",
        null=True,
        blank=True,
    )
    token_part = models.CharField(max_length=20, choices=PRICED_PARTS)
    service_tier = models.CharField(
        max_length=10, choices=ServiceTier, default=ServiceTier.STANDARD
    )
    definition = models.JSONField()
    effective_from = models.DateTimeField()
    effective_until = models.DateTimeField(null=True, blank=True)

    objects = PriceQuerySet.as_manager()

    class Meta:
        ordering = ("token_part", "-effective_from")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(effective_until=None)
                | models.Q(effective_until__gte=models.F("effective_from")),
                name="price_never_ends_before_it_begins",
            ),
        )

    def __str__(self) -> str:
        return f"{self.offer} {self.token_part}"

    @property
    def is_withdrawn(self) -> bool:
        """Whether it was taken back before it held."""
        return self.effective_until == self.effective_from

    @property
    def is_per_unit(self) -> bool:
        """Whether it says nothing but what a unit costs."""
        return set(self.definition) == {"model", "unit_amount"}

    @property
    def per_token(self) -> Decimal:
        """The dearest amount that one token can cost."""
        return dearest_per_token(self.definition)

    @property
    def per_million(self) -> Decimal:
        """The same for a million tokens, as people read it."""
        return self.per_token * 1_000_000


#: What a price definition says in money.
AMOUNTS = frozenset(
    {"unit_amount", "flat_amount", "package_amount", "minimum_amount", "maximum_amount"}
)
TWELFTH_DECIMAL = Decimal("1e-12")
HALF = Decimal("0.5")


def halved(definition: dict[str, Any]) -> dict[str, Any]:
    """Return the definition at half its amounts; what twelve decimals cannot hold is left off.

    One that says itself what a batch counts stays as it is.
    """
    if "batch_multiplier" in definition:
        return definition
    return _scaled(definition, HALF, ROUND_DOWN)


def scaled(definition: dict[str, Any], factor: Decimal) -> dict[str, Any]:
    """Return the definition with its amounts times the factor, half up to twelve decimals."""
    return _scaled(definition, factor, ROUND_HALF_UP)


def _scaled(definition: dict[str, Any], factor: Decimal, rounding: str) -> dict[str, Any]:
    return {
        name: _times(name, value, factor, rounding) if value is not None else None
        for name, value in definition.items()
    }


def _times(name: str, value: Any, factor: Decimal, rounding: str) -> Any:
    if name == "tiers":
        return [_scaled(tier, factor, rounding) for tier in value]
    if name not in AMOUNTS:
        return value
    found = (Decimal(value) * factor).quantize(TWELFTH_DECIMAL, rounding)
    return format(found.normalize(), "f")


def dearest_per_token(definition: dict[str, Any]) -> Decimal:
    """Return the dearest amount per token that the definition can come to.

    By its unit amounts alone: fees, minimums and the like are trued up when the period ends.
    """
    match definition.get("model"):
        case "per_unit":
            unit = Decimal(definition["unit_amount"])
        case "graduated" | "volume":
            unit = max(_tier_unit(tier) for tier in definition["tiers"])
        case "package":
            # A token pays its share of a package; what the last one is not full of is trued up.
            share = Decimal(definition["package_amount"]) / Decimal(definition["package_size"])
            unit = share.quantize(TWELFTH_DECIMAL, ROUND_UP)
        case model:
            raise ValueError(f"a token cannot be priced as {model!r}")
    return _converted(unit, definition.get("unit_conversion"))


def _tier_unit(tier: dict[str, Any]) -> Decimal:
    unit = Decimal(tier.get("unit_amount", "0"))
    size = tier.get("package_size")
    return (unit / Decimal(size)).quantize(TWELFTH_DECIMAL, ROUND_UP) if size else unit


def _converted(unit: Decimal, conversion: dict[str, Any] | None) -> Decimal:
    """Return the amount of a counted unit, up to twelve decimals, where a price is for others."""
    if conversion is None:
        return unit
    factor = Decimal(conversion["factor"])
    found = unit / factor if conversion["operation"] == "divide" else unit * factor
    return found.quantize(TWELFTH_DECIMAL, ROUND_UP)

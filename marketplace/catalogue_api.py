"""The catalogue over the management API: for everybody, and for each what they may see."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.api import InOrderPagination
from common.errors import NotFound
from common.money import Money
from marketplace import readers, selection, side_by_side, similar
from marketplace.changes import Change
from marketplace.errors import ModelRetired
from marketplace.forms.filters import FilterForm
from marketplace.models import AIModel, Measurement
from marketplace.readers import Reader
from marketplace.showcase import ComingPrice, PricedOffer
from marketplace.side_by_side import Cell
from marketplace.views import feed

#: So many changes at once.
MOST_CHANGES = 100


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


class OfferMeasuredOut(serializers.Serializer[Any]):
    """What was measured of thirty days and all customers: milliseconds, hundredths of all calls."""

    since = serializers.DateTimeField()
    calls = serializers.IntegerField()
    ttft_p50_ms = serializers.IntegerField(allow_null=True)
    ttft_p95_ms = serializers.IntegerField(allow_null=True)
    tokens_per_second = serializers.SerializerMethodField()
    availability = serializers.SerializerMethodField()

    def get_tokens_per_second(self, figures: Measurement) -> str | None:
        """Return how fast answers are written."""
        speed = figures.tokens_per_second
        return None if speed is None else _plain(speed)

    def get_availability(self, figures: Measurement) -> str:
        """Return of a hundred calls those that did not fail because of us."""
        return _plain(figures.availability)


class OfferOut(serializers.Serializer[Any]):
    """A model where it is computed, and what one token of each part costs the reader, before tax."""

    id = serializers.CharField(source="api_name", help_text="What `/v1` is passed as `model`.")
    slug = serializers.SlugField(help_text="The model: it may be offered in several regions.")
    name = serializers.CharField()
    publisher = serializers.CharField()
    family = serializers.CharField(source="model.family")
    summary = serializers.CharField(
        source="model.said_summary", help_text="In the language asked for, where there is one."
    )
    summary_language = serializers.CharField(source="model.said_summary.language")
    kind = serializers.CharField(source="model.kind")
    status = serializers.CharField(source="model.status")
    is_new = serializers.BooleanField(source="model.is_new")
    published_at = serializers.DateTimeField(source="model.published_at")
    deprecated_at = serializers.DateTimeField(source="model.deprecated_at")
    retires_at = serializers.DateTimeField(source="model.retires_at")
    replaced_by = serializers.CharField(source="model.replaced_by.slug", default=None)
    context_window = serializers.IntegerField()
    max_output = serializers.IntegerField(source="model.max_output")
    features = serializers.ListField(source="model.features", child=serializers.CharField())
    modalities = serializers.ListField(source="model.modalities", child=serializers.CharField())
    languages = serializers.ListField(source="model.languages", child=serializers.CharField())
    licence = serializers.CharField(source="model.licence")
    licence_url = serializers.CharField(source="model.licence_url")
    origin = serializers.CharField(
        source="model.origin", help_text="The country where it was made, by ISO 3166 code."
    )
    clearance = serializers.CharField(source="model.clearance")
    needs_approval = serializers.BooleanField(source="model.needs_approval")
    has_terms = serializers.SerializerMethodField()
    version = serializers.CharField(source="offer.model_version.label")
    quantization = serializers.CharField(source="offer.model_version.quantization")
    region = serializers.CharField(source="offer.region_id")
    region_name = serializers.CharField(source="region")
    jurisdiction = serializers.CharField()
    limits = serializers.SerializerMethodField()
    currency = serializers.CharField()
    unit_amounts = serializers.SerializerMethodField()
    batch_unit_amounts = serializers.SerializerMethodField()
    measured = OfferMeasuredOut(
        allow_null=True, help_text="Null where it is too little, or tells of single customers."
    )

    def get_has_terms(self, entry: PricedOffer) -> bool:
        """Return whether customers accept terms before they call it."""
        return entry.model.terms_id is not None

    def get_limits(self, entry: PricedOffer) -> dict[str, int]:
        """Return the limits of each customer, unless lower ones hold for it."""
        offer = entry.offer
        return {
            "requests_per_minute": offer.default_rpm,
            "tokens_per_minute": offer.default_tpm,
            "concurrency": offer.default_concurrency,
        }

    def get_unit_amounts(self, entry: PricedOffer) -> dict[str, str]:
        """Return the price of one token of each part that has one of its own."""
        named = {
            "input": entry.input,
            "cached_input": entry.cached_input,
            "output": entry.output,
            **{part.value: amount for part, amount in entry.others.items()},
        }
        return _amounts(named)

    def get_batch_unit_amounts(self, entry: PricedOffer) -> dict[str, str]:
        """Return the same for lines of a batch."""
        return _amounts({"input": entry.batch_input, "output": entry.batch_output})


def _amounts(named: Mapping[str, Decimal | None]) -> dict[str, str]:
    return {part: _plain(amount) for part, amount in named.items() if amount is not None}


class OffersOut(serializers.Serializer[Any]):
    """What fits, page by page, and how many there are to choose from."""

    total = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = OfferOut(many=True)


class ComingPriceOut(serializers.Serializer[Any]):
    """A price that is set for a later day."""

    model = serializers.CharField(source="offer.name")
    part = serializers.CharField(source="label")
    unit_amount = serializers.SerializerMethodField()
    currency = serializers.CharField(source="price.currency")
    effective_from = serializers.DateTimeField(source="starts_at")

    def get_unit_amount(self, coming: ComingPrice) -> str:
        """Return the price of one token."""
        return _plain(coming.price.amount / 1_000_000)


class CatalogueModelOut(serializers.Serializer[Any]):
    """A model: its card, where it is offered, and what it will cost."""

    slug = serializers.SlugField(source="model.slug")
    name = serializers.CharField(source="model.name")
    card = serializers.CharField(source="model.said_card")
    card_language = serializers.CharField(source="model.said_card.language")
    offers = OfferOut(many=True)
    coming_prices = ComingPriceOut(source="coming", many=True)


class AnswerOut(serializers.Serializer[Any]):
    """What one model answers to a question: a text, a number, or an object such as an amount."""

    model = serializers.CharField(source="name")
    value = serializers.SerializerMethodField("said")

    def said(self, cell: Cell) -> Any:
        """Return it as JSON can say it."""
        value = cell.value
        if isinstance(value, Money):
            return {"amount": _plain(value.amount), "currency": value.currency}
        return value if isinstance(value, (dict, int, datetime)) or value is None else str(value)


class QuestionOut(serializers.Serializer[Any]):
    """What buyers ask of each of the models, in words, and whether they differ in it."""

    question = serializers.CharField(source="label")
    differs = serializers.BooleanField()
    answers = AnswerOut(source="cells", many=True)


class ComparisonOut(serializers.Serializer[Any]):
    """Up to four models side by side, and what was asked for and is not among them."""

    models = OfferOut(source="chosen.entries", many=True)
    beyond = serializers.ListField(source="chosen.beyond", child=serializers.CharField())
    unknown = serializers.ListField(source="chosen.unknown", child=serializers.CharField())
    rows = QuestionOut(many=True)


class NewPriceOut(serializers.Serializer[Any]):
    """A part whose price changed, per million tokens."""

    part = serializers.CharField()
    service_tier = serializers.CharField()
    before = serializers.SerializerMethodField()
    after = serializers.SerializerMethodField()

    def get_before(self, price: Any) -> str:
        """Return what a million tokens cost before."""
        return _plain(price.old)

    def get_after(self, price: Any) -> str:
        """Return what they cost from then on."""
        return _plain(price.new)


class CatalogueChangeOut(serializers.Serializer[Any]):
    """One change of the catalogue: since when it is known, and from when on it holds."""

    key = serializers.CharField()
    what = serializers.CharField()
    model = serializers.SlugField(source="model.slug")
    known_at = serializers.DateTimeField()
    effective_from = serializers.DateTimeField(source="holds_at")
    retires_at = serializers.DateTimeField(source="model.retires_at")
    replaced_by = serializers.SerializerMethodField()
    version = serializers.CharField()
    offer = serializers.CharField()
    currency = serializers.CharField()
    prices = NewPriceOut(many=True)

    def get_replaced_by(self, change: Change) -> str | None:
        """Return the model to use instead, of one that goes."""
        successor = change.model.replaced_by if change.model.retires_at else None
        return successor.slug if successor else None


class CatalogueView(APIView):
    """Open to everybody; who signs in, or sends a key, sees their organization's models and prices."""

    permission_classes = ()

    def reader(self, request: Request) -> Reader:
        """Return who reads."""
        return readers.of(request)


FILTERS = [
    OpenApiParameter(name, str, many=name == "features", description=str(field.label))
    for name, field in FilterForm.base_fields.items()
]
PAGES = [
    OpenApiParameter("limit", int, description="So many at once, 200 at most."),
    OpenApiParameter("cursor", str, description="As `next` and `previous` have it."),
]


class ModelList(CatalogueView):
    """The models on sale."""

    @extend_schema(
        operation_id="catalogue_models", parameters=[*FILTERS, *PAGES], responses=OffersOut
    )
    def get(self, request: Request) -> Response:
        """List what fits all filters, as the catalogue's page does; fifty at once, or ``limit``."""
        reader = self.reader(request)
        entries = readers.listings_seen_by(reader)
        form = FilterForm(request.query_params, entries=entries)
        if not form.is_valid():
            raise ValidationError(
                {name: [str(it) for it in said] for name, said in form.errors.items()}
            )
        wanted = selection.conditions(form, request.query_params)
        found = selection.fitting(entries, wanted, form.cleaned_data.get("sort", ""))
        page = InOrderPagination()
        rows = readers.whole(reader, page.paginate_queryset(found, request))
        facts = {
            "total": len(entries),
            "next": page.get_next_link(),
            "previous": page.get_previous_link(),
            "results": rows,
        }
        return Response(OffersOut(facts).data)


class ModelDetail(CatalogueView):
    """One model."""

    @extend_schema(operation_id="catalogue_model", responses=CatalogueModelOut)
    def get(self, request: Request, slug: str) -> Response:
        """Show a model; of one that is retired, since when and what to use instead."""
        return Response(CatalogueModelOut(_page(self.reader(request), slug)).data)


class SimilarModels(CatalogueView):
    """Models that do what another does."""

    @extend_schema(operation_id="catalogue_similar", responses=OfferOut(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """Propose up to three, the most similar first."""
        reader = self.reader(request)
        own = _page(reader, slug)["offers"]
        found = similar.to(own, readers.listings_seen_by(reader))
        return Response(OfferOut(readers.whole(reader, found), many=True).data)


def _page(reader: Reader, slug: str) -> dict[str, Any]:
    page = readers.page_of(reader, slug)
    if page is not None:
        return page
    gone = readers.gone(reader, slug)
    raise NotFound if gone is None else ModelRetired(_farewell(gone))


def _farewell(model: AIModel) -> str:
    facts = {"name": model.name, "day": f"{model.retires_at:%Y-%m-%d}"}
    successor = model.replaced_by
    if successor is None or not successor.is_open:
        return _("%(name)s was retired on %(day)s.") % facts
    words = _("%(name)s was retired on %(day)s. Use %(instead)s instead.")
    return words % {**facts, "instead": successor.slug}


class Comparison(CatalogueView):
    """Models side by side."""

    @extend_schema(
        operation_id="catalogue_comparison",
        parameters=[OpenApiParameter(side_by_side.PARAMETER, str, many=True, required=True)],
        responses=ComparisonOut,
    )
    def get(self, request: Request) -> Response:
        """Compare up to four models, each named as `/v1` knows it or by its page's address."""
        entries = readers.offers_seen_by(self.reader(request))
        names = request.query_params.getlist(side_by_side.PARAMETER)
        chosen = side_by_side.chosen(entries, names)
        rows = side_by_side.rows(chosen.entries)
        return Response(ComparisonOut({"chosen": chosen, "rows": rows}).data)


class SinceIn(serializers.Serializer[Any]):
    """From when on changes are asked for."""

    since = serializers.DateTimeField(required=False)


class ChangeFeed(CatalogueView):
    """What changed."""

    @extend_schema(
        operation_id="catalogue_changes",
        parameters=[SinceIn],
        responses=CatalogueChangeOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """List what everybody may know, as the Atom feed does: the newest first, 180 days at most."""
        asked = SinceIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        now = timezone.now()
        earliest = now - feed.REACH
        since = max(asked.validated_data.get("since", earliest), earliest)
        found = feed.everybodys(since, now)[:MOST_CHANGES]
        return Response(CatalogueChangeOut(found, many=True).data)

"""One model over the management API: whole, as staff sees it, and as a customer will."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import Named
from common.errors import NotFound
from marketplace import desk, previewing, showcase
from marketplace.catalogue_api import CatalogueModelOut, ComingPriceOut, OfferOut
from marketplace.change_api import CheckOut, ModelChangeOut
from marketplace.models import AIModel, ModelVersion
from marketplace.route_api import StaffRouteOut
from marketplace.services import publishing
from tenants.key_api import Strict
from tenants.models import Organization
from tenants.staff_api import StaffView


class TokenizerOut(serializers.ModelSerializer[ModelVersion]):
    """What counts the tokens of a version; where `sha256` is empty, bytes count."""

    version_id = serializers.UUIDField(source="id")
    sha256 = serializers.CharField(source="tokenizer_sha256")
    filename = serializers.CharField(source="tokenizer_filename")
    size = serializers.IntegerField(source="tokenizer_bytes", help_text="In bytes.")
    vocabulary = serializers.IntegerField(source="tokenizer_vocabulary")

    class Meta:
        model = ModelVersion
        fields = ("version_id", "sha256", "filename", "size", "vocabulary")


class StaffOfferOut(serializers.Serializer[Any]):
    """Where a model is sold, at list prices, and who answers for it."""

    offer = OfferOut(source="entry")
    token_class = serializers.CharField(
        source="entry.offer.token_class.code",
        default=None,
        allow_null=True,
        help_text="Which bundles of tokens pay for it; null: only money does.",
    )
    tokenizer = TokenizerOut(source="entry.offer.model_version")
    routes = StaffRouteOut(many=True)


class StaffModelDetailOut(serializers.Serializer[Any]):
    """A model with all that staff sees of it, whether customers see it or not.

    `checklist` is what must be so before it is published; `steps` are the states it can come into
    next; `changes` wait for a decision, or for their day.
    """

    slug = serializers.CharField(source="model.slug")
    name = serializers.CharField(source="model.name")
    publisher = serializers.CharField(source="model.publisher.name")
    kind = serializers.CharField(source="model.kind")
    status = serializers.CharField(source="model.status")
    summary = serializers.CharField(source="model.summary")
    card = serializers.CharField(source="model.card")
    licence = serializers.CharField(source="model.licence")
    created_at = serializers.DateTimeField(source="model.created_at")
    published_at = serializers.DateTimeField(source="model.published_at", allow_null=True)
    retires_at = serializers.DateTimeField(source="model.retires_at", allow_null=True)
    replaced_by = serializers.CharField(
        source="model.replaced_by.slug", default=None, allow_null=True
    )
    shown_to = serializers.CharField(source="audience.words", help_text="In words.")
    requests_last_day = serializers.IntegerField()
    steps = serializers.SerializerMethodField()
    checklist = CheckOut(source="checks", many=True)
    changes = ModelChangeOut(many=True)
    offers = StaffOfferOut(many=True)
    coming_prices = serializers.SerializerMethodField()

    def get_steps(self, whole: desk.WholeModel) -> list[str]:
        """Return the states that may follow."""
        return sorted(publishing.ALLOWED[whole.model.status])

    @extend_schema(responses=ComingPriceOut(many=True))
    def get_coming_prices(self, whole: desk.WholeModel) -> Any:
        """Return the list prices that are set for later, the next ones first."""
        coming = showcase.coming([it.entry for it in whole.offers])
        return ComingPriceOut(coming, many=True).data


class PreviewQuery(Strict):
    """Through whose eyes."""

    customer = Named(
        "slug",
        queryset=Organization.objects.all(),
        required=False,
        default=None,
        help_text="The address of a customer; everybody, if none is named.",
    )


class ModelPreviewOut(serializers.Serializer[Any]):
    """A model as customers, or one of them, will see it once what is proposed of it is done.

    Prices are what that customer will pay, or the list's. `hidden` says why offers are not theirs to
    see; `shown_to` whom it is shown to, where that is not everybody, or is to change.
    """

    customer = serializers.CharField(
        source="sight.organization.slug", default=None, allow_null=True
    )
    hidden = serializers.ListField(
        source="sight.hidden", child=serializers.CharField(), default=list
    )
    shown_to = serializers.CharField(source="audience.words", default=None, allow_null=True)
    has_proposed_card = serializers.BooleanField(source="has_card")
    model = CatalogueModelOut(source="context")


class StaffModelDetail(StaffView):
    """One model."""

    @extend_schema(operation_id="staff_model", responses=StaffModelDetailOut)
    def get(self, request: Request, slug: str) -> Response:
        """Show a model: its state, what it lacks, its offers with routes and prices, what waits."""
        return Response(StaffModelDetailOut(desk.whole(_model(slug))).data)


class StaffModelPreview(StaffView):
    """A model before customers see it."""

    @extend_schema(
        operation_id="staff_model_preview",
        parameters=[
            OpenApiParameter(
                "customer",
                str,
                description="The address of a customer; everybody, if none is named.",
            )
        ],
        responses=ModelPreviewOut,
    )
    def get(self, request: Request, slug: str) -> Response:
        """Show what customers, or one of them, will see, with the card and audience proposed."""
        asked = PreviewQuery(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        preview = previewing.of(_model(slug), asked.validated_data["customer"])
        return Response(ModelPreviewOut(preview).data)


def _model(slug: str) -> AIModel:
    found = showcase.all_models().filter(slug=slug).first()
    if found is None:
        raise NotFound
    return found

"""Work on a draft of a price book over the management API: by the file, by per cent, price by price."""

from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import Named
from marketplace import price_files
from marketplace.book_api import VersionOut, find_version
from marketplace.forms.books import PriceFileForm
from marketplace.models import PRICED_PARTS, Offer, ServiceTier
from marketplace.proposing import valid
from marketplace.services import drafting
from marketplace.services.drafting import Place
from tenants.key_api import Strict
from tenants.once import once
from tenants.staff_api import StaffView


class PriceFileIn(serializers.Serializer[Any]):
    """Prices as the export writes them, of 2 MB at most."""

    file = serializers.FileField(
        help_text="In UTF-8, with the columns model, part, tier, amount, per and definition."
    )


class DraftPriceIn(Strict):
    """What one part of a model is to cost; null: the draft says nothing of it."""

    model = Named("name", queryset=Offer.objects.all())
    part = serializers.ChoiceField(PRICED_PARTS)
    tier = serializers.ChoiceField(ServiceTier.choices, default=ServiceTier.STANDARD)
    definition = serializers.DictField(allow_null=True)


class DraftPricesIn(Strict):
    """Prices of a draft; what is not named stays."""

    prices = DraftPriceIn(many=True, allow_empty=False)


class AdjustIn(Strict):
    """By how much prices of a draft change, and which; what is not named is not asked for."""

    percent = serializers.RegexField(
        r"^[+-]?[0-9]{1,4}(\.[0-9]{1,4})?\Z",
        help_text="`-10` makes prices a tenth cheaper; above -100, at most 1000, and not 0.",
    )
    model = Named("name", queryset=Offer.objects.all(), required=False)
    part = serializers.ChoiceField(PRICED_PARTS, required=False)
    tier = serializers.ChoiceField(ServiceTier.choices, required=False)


class AdjustedOut(serializers.Serializer[Any]):
    """How many prices changed."""

    changed = serializers.IntegerField()


class DraftFile(StaffView):
    """The prices of a version as a file."""

    parser_classes = (MultiPartParser,)

    @extend_schema(
        operation_id="staff_price_file", responses={(200, "text/csv"): OpenApiTypes.BINARY}
    )
    def get(self, request: Request, code: str, number: int) -> HttpResponse:
        """Give the prices that a version says itself, as comma-separated values."""
        return price_files.response(find_version(code, number))

    @extend_schema(
        operation_id="staff_price_file_import",
        request={"multipart/form-data": PriceFileIn},
        responses=VersionOut,
    )
    def put(self, request: Request, code: str, number: int) -> Response:
        """Let a draft say what a file says, all of it or nothing; wrong lines are named."""
        version = find_version(code, number)
        wanted = PriceFileIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        form = valid(PriceFileForm({}, wanted.validated_data), {})
        prices = price_files.read(form.cleaned_data["file"].read())
        drafting.replace(version, prices, by=self.user)
        return Response(VersionOut(version).data)


class DraftPrices(StaffView):
    """Single prices of a draft."""

    @extend_schema(
        operation_id="staff_draft_prices_set", request=DraftPricesIn, responses=VersionOut
    )
    def patch(self, request: Request, code: str, number: int) -> Response:
        """Let a draft say these prices, or nothing of them; all of it is done or nothing."""
        version = find_version(code, number)
        wanted = DraftPricesIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        prices = {
            Place(it["model"], it["part"], it["tier"]): it["definition"]
            for it in wanted.validated_data["prices"]
        }
        drafting.set_prices(version, prices, by=self.user)
        return Response(VersionOut(version).data)


class DraftAdjust(StaffView):
    """A percentage on prices of a draft."""

    @extend_schema(operation_id="staff_draft_adjust", request=AdjustIn, responses=AdjustedOut)
    @once()
    def post(self, request: Request, code: str, number: int) -> Response:
        """Raise, or lower, all prices of a draft that fit by a percentage; all of them or none."""
        version = find_version(code, number)
        wanted = AdjustIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        facts = wanted.validated_data
        names = (("offers", "model"), ("parts", "part"), ("tiers", "tier"))
        fitting: dict[str, Any] = {
            plural: [facts[name]] if name in facts else [] for plural, name in names
        }
        changed = drafting.adjust(
            version, percent=Decimal(facts["percent"]), by=self.user, **fitting
        )
        return Response(AdjustedOut({"changed": changed}).data)

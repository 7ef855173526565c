"""How models answer and what was promised, over the management API, for the operator's staff."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import service_board
from billing.api import PlainDecimal
from billing.service_level_api import MeasuredOut, VerdictOut
from tenants.staff_api import StaffView


class LoadOut(serializers.Serializer[Any]):
    """What the GPUs of a model carry, on the average of the last seven whole days (UTC)."""

    gpus = PlainDecimal(allow_null=True)
    tokens_per_second = PlainDecimal(source="per_second")
    tokens_per_second_and_gpu = PlainDecimal(source="per_gpu", allow_null=True)
    growth_a_week = PlainDecimal(source="growth", allow_null=True)
    share_of_fullest_day = PlainDecimal(source="proven", allow_null=True)
    weeks_left = serializers.IntegerField(allow_null=True)


class MonthMeasuredOut(serializers.Serializer[Any]):
    """The same of thirty days, as it was told last."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    calls = serializers.IntegerField()
    customers = serializers.IntegerField()
    ttft_p50_ms = serializers.IntegerField(allow_null=True)
    ttft_p95_ms = serializers.IntegerField(allow_null=True)
    tokens_per_second = PlainDecimal(allow_null=True)
    inter_token_p95_ms = PlainDecimal(allow_null=True)
    availability = PlainDecimal()


class BoardRowOut(serializers.Serializer[Any]):
    """A model in a region: the last twenty-four hours, the last thirty days, and its targets."""

    model = serializers.CharField(source="offer.name")
    region = serializers.CharField(source="offer.region_id")
    last_day = MeasuredOut(source="day")
    last_month = serializers.SerializerMethodField()
    level = serializers.IntegerField(source="level.number", allow_null=True, default=None)
    targets = VerdictOut(source="verdicts", many=True)
    is_missed = serializers.BooleanField()
    load = LoadOut()

    @extend_schema_field(MonthMeasuredOut(allow_null=True))
    def get_last_month(self, row: service_board.Row) -> dict[str, Any] | None:
        """Return the figures of thirty days, whatever customers are shown of them."""
        return MonthMeasuredOut(row.month).data if row.month else None


class AtRiskOut(serializers.Serializer[Any]):
    """A customer whose running month misses a promise so far; ``percent`` would be credited."""

    organization = serializers.CharField(source="slug")
    model = serializers.CharField(source="offer_name")
    region = serializers.CharField()
    calls = serializers.IntegerField()
    percent = PlainDecimal()
    missed = VerdictOut(many=True)


class ServiceBoardOut(serializers.Serializer[Any]):
    """All models on sale; ``at_risk`` is looked for every hour, and null until then."""

    models = BoardRowOut(source="rows", many=True)
    at_risk = AtRiskOut(many=True, allow_null=True)
    made_at = serializers.DateTimeField()


class ServiceBoard(StaffView):
    """How models answer now."""

    @extend_schema(responses=ServiceBoardOut)
    def get(self, request: Request) -> Response:
        """Show the board."""
        return Response(ServiceBoardOut(service_board.board()).data)

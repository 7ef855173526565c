"""What was promised and what came of it, over the management API."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import promises
from billing.api import PlainDecimal
from tenants.models import Permission
from tenants.organization_api import OrganizationView
from tenants.scope import scope

MONTH = OpenApiParameter(
    "month", description="Such as 2026-03, where the organization is; the running one if absent."
)


class MeasuredOut(serializers.Serializer[Any]):
    """How calls were answered: times in milliseconds, availability in hundredths of all calls."""

    calls = serializers.IntegerField()
    failed = serializers.IntegerField()
    ttft_p50_ms = serializers.IntegerField(allow_null=True)
    ttft_p95_ms = serializers.IntegerField(allow_null=True)
    tokens_per_second = PlainDecimal(allow_null=True)
    inter_token_p95_ms = PlainDecimal(allow_null=True)
    availability = PlainDecimal(allow_null=True)


class MeasuredDayOut(MeasuredOut):
    """The same of a day."""

    day = serializers.DateField()


class VerdictOut(serializers.Serializer[Any]):
    """A target and what was measured; ``credit`` is in hundredths of the month's charges."""

    name = serializers.CharField()
    target = PlainDecimal()
    measured = PlainDecimal(allow_null=True)
    missed_by = PlainDecimal()
    credit = PlainDecimal()
    is_missed = serializers.BooleanField()


class PromiseOut(serializers.Serializer[Any]):
    """A month of a model in a region; ``is_judged`` once its invoice was written."""

    model = serializers.CharField(source="offer_name")
    region = serializers.CharField()
    level = serializers.IntegerField(source="level.number", allow_null=True, default=None)
    is_enough = serializers.BooleanField()
    is_missed = serializers.BooleanField()
    is_judged = serializers.SerializerMethodField()
    measured = MeasuredOut(source="its")
    targets = VerdictOut(source="verdicts", many=True)
    days = serializers.SerializerMethodField()

    def get_is_judged(self, promise: promises.Promise) -> bool:
        """Tell whether it is decided."""
        return promise.judged is not None

    @extend_schema_field(MeasuredDayOut(many=True))
    def get_days(self, promise: promises.Promise) -> list[dict[str, Any]]:
        """Return its days."""
        return [{"day": day, **MeasuredOut(its).data} for day, its in promise.days]


class ServiceMonthOut(serializers.Serializer[Any]):
    """All models that were called in a month."""

    month = serializers.CharField(source="period.label")
    is_over = serializers.BooleanField()
    models = PromiseOut(source="promises", many=True)


class ServiceLevels(OrganizationView):
    """What was promised, and what came of it."""

    permissions = {"GET": Permission.USAGE_READ}

    @extend_schema(parameters=[MONTH], responses=ServiceMonthOut)
    def get(self, request: Request, org: str) -> Response:
        """Show a month: targets, what was measured, what is credited, and day by day."""
        label = request.query_params.get("month") or promises.months(self.organization)[0]
        with scope(self.organization):
            return Response(ServiceMonthOut(promises.month(self.organization, label)).data)

"""Usage over the management API."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from metering import queries
from tenants.models import Permission
from tenants.organization_api import OrganizationView
from tenants.scope import scope

LONGEST = timedelta(days=366)


class PeriodIn(serializers.Serializer[Any]):
    """A half-open period and how to group it."""

    start = serializers.DateTimeField(required=False)
    end = serializers.DateTimeField(required=False)
    by = serializers.ChoiceField(("day", "model", "key"), default="day")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Fill in the last thirty days; refuse a period that is reversed or longer than a year."""
        end: datetime = attrs.setdefault("end", timezone.now())
        start: datetime = attrs.setdefault("start", end - timedelta(days=30))
        if not timedelta(0) < end - start <= LONGEST:
            raise serializers.ValidationError(
                {"start": "A period ends after it starts, within a year."}
            )
        return attrs


class UsageOut(serializers.Serializer[Any]):
    """Sums over some requests."""

    requests = serializers.IntegerField()
    failures = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    cached_input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    reasoning_tokens = serializers.IntegerField()
    total_tokens = serializers.IntegerField()
    mean_ttft_ms = serializers.IntegerField(allow_null=True)


class GroupOut(serializers.Serializer[Any]):
    """The sums of one day, model or key."""

    group = serializers.CharField()
    usage = UsageOut()


class UsageReport(serializers.Serializer[Any]):
    """The period, its sums, and the groups asked for."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    total = UsageOut()
    groups = GroupOut(many=True)


GROUPS: dict[str, tuple[Callable[..., list[Any]], str]] = {
    "day": (queries.by_day, "day"),
    "model": (queries.by_model, "offer_name"),
    "key": (queries.by_key, "api_key_id"),
}


class UsageDetail(OrganizationView):
    """What the organization used."""

    permissions = {"GET": Permission.USAGE_READ}

    @extend_schema(parameters=[PeriodIn], responses=UsageReport)
    def get(self, request: Request, org: str) -> Response:
        """Sum usage up over a period, by day, model or key."""
        asked = PeriodIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        start, end = asked.validated_data["start"], asked.validated_data["end"]
        grouped, label = GROUPS[asked.validated_data["by"]]
        with scope(self.organization):
            groups = [
                {"group": str(getattr(row, label)), "usage": row.usage}
                for row in grouped(self.organization, start=start, end=end)
            ]
            total = queries.total(self.organization, start=start, end=end)
        report = {"start": start, "end": end, "total": total, "groups": groups}
        return Response(UsageReport(report).data)

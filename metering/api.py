"""Usage over the management API."""

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
    by = serializers.ChoiceField(
        ("day", "model", "key", "project", "member", "region"), default="day"
    )

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
    cache_write_tokens = serializers.IntegerField()
    image_input_tokens = serializers.IntegerField()
    audio_input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    reasoning_tokens = serializers.IntegerField()
    audio_output_tokens = serializers.IntegerField()
    trained_tokens = serializers.IntegerField()
    total_tokens = serializers.IntegerField()
    gpu_seconds = serializers.IntegerField()
    mean_ttft_ms = serializers.IntegerField(allow_null=True)


class GroupOut(serializers.Serializer[Any]):
    """The sums under one heading; "None" is usage that came without a key."""

    group = serializers.CharField()
    usage = UsageOut()


class UsageReport(serializers.Serializer[Any]):
    """The period, its sums, and the groups asked for."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    total = UsageOut()
    groups = GroupOut(many=True)


class UsageDetail(OrganizationView):
    """What the organization used."""

    permissions = {"GET": Permission.USAGE_READ}

    @extend_schema(parameters=[PeriodIn], responses=UsageReport)
    def get(self, request: Request, org: str) -> Response:
        """Sum usage up over a period: by day, model, key, project, member or region."""
        asked = PeriodIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        start, end = asked.validated_data["start"], asked.validated_data["end"]
        cut = queries.Cut(self.organization, start, end, self.organization.time_zone)
        with scope(self.organization):
            total = queries.total(cut)
            groups = _groups(cut, asked.validated_data["by"])
        report = {"start": start, "end": end, "total": total, "groups": groups}
        return Response(UsageReport(report).data)


def _groups(cut: queries.Cut, by: str) -> list[dict[str, Any]]:
    """Return days in their order, all else the busiest first."""
    found = [
        {"group": str(label), "usage": sums} for (label,), sums in queries.usage(cut, by).items()
    ]
    return found if by == "day" else sorted(found, key=_requests, reverse=True)


def _requests(group: dict[str, Any]) -> int:
    usage: queries.Usage = group["usage"]
    return usage.requests

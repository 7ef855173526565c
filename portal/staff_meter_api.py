"""What meters told twice and not alike, and how receipts are sealed, over the API for staff."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import seal_standing
from common.api import CURSOR, LIMIT, NewestFirstPagination, paged
from portal import conflicts
from tenants.staff_api import StaffView


class MeterDifferenceOut(serializers.Serializer[Any]):
    """A fact on which two events of one id differ; null is not told."""

    field = serializers.CharField(help_text="Such as `input_tokens`.")
    counted = serializers.JSONField(allow_null=True)
    refused = serializers.JSONField(allow_null=True)


class MeterConflictOut(serializers.Serializer[Any]):
    """An event that came again under its id and said something else: the first counts."""

    id = serializers.UUIDField(source="conflict.pk")
    organization = serializers.CharField(source="conflict.organization.slug")
    source = serializers.CharField(source="conflict.source")  # type: ignore[assignment]
    event_id = serializers.CharField(source="conflict.event_id")
    refused_at = serializers.DateTimeField(source="conflict.recorded_at")
    differences = MeterDifferenceOut(
        many=True, help_text="Empty: they differ in details that are not compared here."
    )


class SealingOut(serializers.Serializer[Any]):
    """How far receipts are sealed; null: nothing is sealed, or checked, yet.

    `is_late`: receipts wait for their seal longer than they should. `problems` are receipts and
    seals that are not as they were sealed.
    """

    sealed_until = serializers.DateTimeField(source="last.ends_at", default=None, allow_null=True)
    seals = serializers.IntegerField(source="last.number", default=0)
    key_id = serializers.CharField(source="last.key.key_id", default=None, allow_null=True)
    is_late = serializers.BooleanField()
    checked_at = serializers.DateTimeField(source="check.checked_at", default=None, allow_null=True)
    checked_seals = serializers.IntegerField(source="check.through", default=0)
    checked_receipts = serializers.IntegerField(source="check.receipts", default=0)
    problems = serializers.ListField(
        child=serializers.CharField(), source="check.problems", default=list
    )


class MeterConflictList(StaffView):
    """Contradictions of meters."""

    @extend_schema(
        operation_id="staff_meter_conflicts",
        parameters=[CURSOR, LIMIT],
        responses=paged(MeterConflictOut),
    )
    def get(self, request: Request) -> Response:
        """List events that were refused because others of their id count, newest first."""
        page = NewestFirstPagination()
        rows = page.paginate_queryset(conflicts.refused(), request, view=self) or []
        return page.get_paginated_response(MeterConflictOut(conflicts.told(rows), many=True).data)


class Sealing(StaffView):
    """The seals over receipts."""

    @extend_schema(operation_id="staff_sealing", responses=SealingOut)
    def get(self, request: Request) -> Response:
        """Say how far receipts are sealed, and what came of the last check."""
        return Response(SealingOut(seal_standing.standing()).data)

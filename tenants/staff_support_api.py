"""Who asks to read customers' pages, and who does, over the API: staff's side of all customers."""

import uuid
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import NewestFirstPagination, paged
from tenants.models import SupportAccess
from tenants.services import support
from tenants.staff_api import StaffView
from tenants.support_api import SupportAccessOut

Way = SupportAccess.Way


class StaffSupportOut(SupportAccessOut):
    """Who asked to read whose pages, why, and what came of it."""

    customer = serializers.CharField(source="organization.slug")
    way = serializers.CharField()
    state = serializers.CharField()

    class Meta(SupportAccessOut.Meta):
        fields = (*SupportAccessOut.Meta.fields, "customer")  # type: ignore[assignment]


class StaffSupportList(StaffView):
    """Reading customers' pages."""

    @extend_schema(
        operation_id="staff_support",
        parameters=[
            OpenApiParameter(
                "show",
                str,
                enum=["waiting", "open"],
                description="Emergencies that wait for a colleague, or what is open now; else all.",
            )
        ],
        responses=paged(StaffSupportOut),
    )
    def get(self, request: Request) -> Response:
        """List what was asked for, the newest first."""
        found, wanted = _accesses(), request.query_params.get("show", "")
        if wanted not in ("", "waiting", "open"):
            raise serializers.ValidationError({"show": "Accepted: waiting, open."})
        if wanted == "waiting":
            found = found.filter(pk__in=SupportAccess.objects.waiting(), way=Way.EMERGENCY)
        if wanted == "open":
            found = found.filter(pk__in=SupportAccess.objects.open())
        pages = NewestFirstPagination()
        rows = pages.paginate_queryset(found, request, view=self)
        return pages.get_paginated_response(StaffSupportOut(rows, many=True).data)


class _Move(StaffView):
    """What one of the staff does about one of them."""

    def moved(self, move: Any, access_id: uuid.UUID, **facts: Any) -> Response:
        """Do it, and show what came of it."""
        move(get_object_or_404(_accesses(), pk=access_id, **facts), by=self.user)
        return Response(StaffSupportOut(_accesses().get(pk=access_id)).data)


class SupportGrant(_Move):
    """Letting a colleague in."""

    @extend_schema(operation_id="staff_support_grant", request=None, responses=StaffSupportOut)
    def post(self, request: Request, access_id: uuid.UUID) -> Response:
        """Let a colleague in for an emergency; customers answer all other questions."""
        return self.moved(support.grant, access_id)


class SupportRefusal(_Move):
    """Letting a colleague not in."""

    @extend_schema(operation_id="staff_support_refuse", request=None, responses=StaffSupportOut)
    def post(self, request: Request, access_id: uuid.UUID) -> Response:
        """Refuse a colleague's emergency."""
        return self.moved(support.refuse, access_id)


class SupportEnd(_Move):
    """Leaving."""

    @extend_schema(operation_id="staff_support_end", request=None, responses=StaffSupportOut)
    def post(self, request: Request, access_id: uuid.UUID) -> Response:
        """Leave a customer's pages for good, or take your question back; twice is once."""
        return self.moved(support.end, access_id, supporter=self.user)


def _accesses() -> QuerySet[SupportAccess]:
    return SupportAccess.objects.select_related("organization", "supporter", "decided_by")

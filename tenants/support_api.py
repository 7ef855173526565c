"""The operator's support reading the organization's pages, over the management API."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import NewestFirstPagination, paged
from tenants.models import Permission, SupportAccess, User
from tenants.organization_api import OrganizationView
from tenants.scope import scope
from tenants.services import support

MOVES = {"grant": support.grant, "refuse": support.refuse, "end": support.end}


class SupportAccessOut(serializers.ModelSerializer[SupportAccess]):
    """Who asked to read the pages, why, and what came of it."""

    supporter = serializers.EmailField(source="supporter.email")
    decided_by = serializers.EmailField(source="decided_by.email", allow_null=True, default=None)

    class Meta:
        model = SupportAccess
        fields = (
            "id", "supporter", "reason", "ticket", "minutes", "way", "state", "created_at",
            "decided_by", "decided_at", "expires_at", "ended_at",
        )  # fmt: skip


class SupportDecision(serializers.Serializer[Any]):
    """What is done about it."""

    act = serializers.ChoiceField(list(MOVES))


class SupportAccessList(OrganizationView):
    """Who asked to read the organization's pages."""

    permissions = {"GET": Permission.SETTINGS_READ}

    @extend_schema(
        operation_id="v1_organizations_support_accesses_list", responses=paged(SupportAccessOut)
    )
    def get(self, request: Request, org: str) -> Response:
        """List them, newest first."""
        with scope(self.organization):
            page = NewestFirstPagination()
            found = self.organization.support_accesses.select_related("supporter", "decided_by")
            rows = page.paginate_queryset(found, request, view=self)
            return page.get_paginated_response(SupportAccessOut(rows, many=True).data)


class SupportAccessDetail(OrganizationView):
    """One of them."""

    permissions = {"POST": Permission.SETTINGS_MANAGE}

    @extend_schema(request=SupportDecision, responses=SupportAccessOut)
    def post(self, request: Request, org: str, access_id: uuid.UUID) -> Response:
        """Let the supporter in, refuse, or end it; the latter holds from their next page on."""
        wanted = SupportDecision(data=request.data)
        wanted.is_valid(raise_exception=True)
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        with scope(self.organization):
            access = get_object_or_404(self.organization.support_accesses, pk=access_id)
        access = MOVES[wanted.validated_data["act"]](access, by=request.user)
        return Response(SupportAccessOut(access).data)

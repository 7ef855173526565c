"""The audit log of the operator and of all customers over the API, for the operator's staff."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import CURSOR, LIMIT, Named, NewestFirstPagination, paged
from tenants.api import AuditEntryOut
from tenants.audit_search import Search, Unreadable, parse
from tenants.key_api import Strict
from tenants.models import Organization
from tenants.queries import operator_entries, searched
from tenants.staff_api import StaffView

WHO = ("staff", "everybody")


class StaffAuditQuery(Strict):
    """Whose acts are listed, and what they must have."""

    q = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    who = serializers.ChoiceField(WHO, default="staff")
    customer = Named("slug", queryset=Organization.objects.all(), required=False, default=None)
    cursor = serializers.CharField(required=False)
    limit = serializers.CharField(required=False)

    def validate_q(self, text: str) -> Search:
        """Understand the words, as the page does."""
        try:
            return parse(text)
        except Unreadable as error:
            raise serializers.ValidationError(str(error.sentence) % error.facts) from error


class StaffAuditEntryOut(AuditEntryOut):
    """An administrative act, and whose it is; null is the operator's own."""

    organization = serializers.CharField(source="organization.slug", default=None, allow_null=True)

    class Meta(AuditEntryOut.Meta):
        fields = (*AuditEntryOut.Meta.fields, "organization")  # type: ignore[assignment]


class StaffAuditLog(StaffView):
    """What was done, by staff and by everybody."""

    @extend_schema(
        operation_id="staff_audit",
        parameters=[
            OpenApiParameter(
                "q",
                str,
                description="Words, or `actor:` `action:` `target:` and "
                "`created:2026-03-01..2026-03-31`.",
            ),
            OpenApiParameter(
                "who",
                str,
                enum=WHO,
                default="staff",
                description="`staff`: what staff did, and what was done on the operator's behalf.",
            ),
            OpenApiParameter("customer", str, description="The address of one customer."),
            CURSOR,
            LIMIT,
        ],
        responses=paged(StaffAuditEntryOut),
    )
    def get(self, request: Request) -> Response:
        """List what staff did, or what anybody did, newest first."""
        asked = StaffAuditQuery(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        facts: dict[str, Any] = asked.validated_data
        entries = operator_entries(everybody=facts["who"] == "everybody")
        if facts["customer"]:
            entries = entries.filter(organization=facts["customer"])
        page = NewestFirstPagination()
        rows = page.paginate_queryset(searched(entries, facts["q"]), request, view=self)
        return page.get_paginated_response(StaffAuditEntryOut(rows, many=True).data)

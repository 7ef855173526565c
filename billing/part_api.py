"""What of an organization's usage stands on others' invoices, over the management API."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import groups
from billing.api import PlainDecimal
from billing.invoice_api import InvoiceLineOut
from billing.models import InvoiceLine, InvoicePart
from common.api import NewestFirstPagination, paged
from tenants.models import Permission
from tenants.organization_api import OrganizationView
from tenants.scope import scope


class PartOut(serializers.ModelSerializer[InvoicePart]):
    """A month of the organization's on the invoice of who pays for it, before tax."""

    payer = serializers.CharField(source="payer_name")
    net = PlainDecimal()

    class Meta:
        model = InvoicePart
        fields = (
            "id",
            "number",
            "payer",
            "period_start",
            "period_end",
            "currency",
            "net",
            "issued_at",
        )


class PartDetailOut(PartOut):
    """The same with the organization's own lines."""

    lines = serializers.SerializerMethodField()

    class Meta(PartOut.Meta):
        fields = (*PartOut.Meta.fields, "lines")  # type: ignore[assignment]

    @extend_schema_field(InvoiceLineOut(many=True))
    def get_lines(self, part: InvoicePart) -> Any:
        """Return what the organization itself used, and nobody else's lines."""
        return InvoiceLineOut(_lines(part), many=True).data


def _lines(part: InvoicePart) -> QuerySet[InvoiceLine]:
    return InvoiceLine.objects.filter(invoice=part.invoice_id, used_by=part.organization_id)


class PartList(OrganizationView):
    """The organization's parts of others' invoices."""

    permissions = {"GET": Permission.BILLING_READ}

    @extend_schema(operation_id="invoice_parts", responses=paged(PartOut))
    def get(self, request: Request, org: str) -> Response:
        """List the months that somebody else was invoiced for, newest first."""
        with scope(self.organization):
            page = NewestFirstPagination()
            rows = page.paginate_queryset(groups.parts(self.organization), request, view=self)
            return page.get_paginated_response(PartOut(rows, many=True).data)


class PartDetail(OrganizationView):
    """One part."""

    permissions = {"GET": Permission.BILLING_READ}

    @extend_schema(operation_id="invoice_part", responses=PartDetailOut)
    def get(self, request: Request, org: str, number: str) -> Response:
        """Show the organization's own lines of the invoice with this number."""
        with scope(self.organization):
            found = get_object_or_404(groups.parts(self.organization), number=number)
            return Response(PartDetailOut(found).data)

"""Payments that banks take back, over the management API: a customer's own, and the staff's list."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import chargebacks
from billing.api import PlainDecimal
from billing.models import Chargeback
from common.api import NewestFirstPagination, paged
from tenants.models import Permission
from tenants.organization_api import OrganizationView
from tenants.scope import scope
from tenants.staff_api import StaffView


class ChargebackOut(serializers.ModelSerializer[Chargeback]):
    """A payment that a bank takes back, and what came of it."""

    invoice = serializers.SerializerMethodField(help_text="The number of what it had paid.")
    amount = PlainDecimal()
    withdrawn = PlainDecimal(help_text="What of it the bank holds, or has kept.")
    owed = PlainDecimal(help_text="What is owed and stands on no invoice.")
    credit_note = serializers.CharField(source="credit_note.number", allow_null=True, default=None)

    class Meta:
        model = Chargeback
        fields = (
            "id", "reference", "invoice", "status", "reason", "currency", "amount", "withdrawn",
            "owed", "credit_note", "opened_at", "answer_by", "closed_at", "settled_at",
        )  # fmt: skip

    def get_invoice(self, row: Chargeback) -> str | None:
        """Return its number; none where a purchase has no invoice yet."""
        paid = row.invoice or (getattr(row.order, "invoice", None) if row.order else None)
        return paid.number if paid else None


class StaffChargebackOut(ChargebackOut):
    """The same for the operator: whose it is, and what the provider took for it."""

    organization = serializers.CharField(source="organization.slug")
    fee = PlainDecimal()

    class Meta(ChargebackOut.Meta):
        fields = (  # type: ignore[assignment]
            *ChargebackOut.Meta.fields, "organization", "fee", "fee_currency",
        )  # fmt: skip


class ChargebackList(OrganizationView):
    """The organization's payments that a bank takes back."""

    permissions = {"GET": Permission.BILLING_READ}

    @extend_schema(operation_id="v1_organizations_chargebacks_list", responses=paged(ChargebackOut))
    def get(self, request: Request, org: str) -> Response:
        """List them, newest first."""
        with scope(self.organization):
            page = NewestFirstPagination()
            found = chargebacks.of(self.organization)
            rows: Any = page.paginate_queryset(found, request, view=self)
            return page.get_paginated_response(ChargebackOut(rows, many=True).data)


class StaffChargebackList(StaffView):
    """Everybody's."""

    @extend_schema(operation_id="staff_chargebacks", responses=paged(StaffChargebackOut))
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        page = NewestFirstPagination()
        rows: Any = page.paginate_queryset(chargebacks.every(), request, view=self)
        return page.get_paginated_response(StaffChargebackOut(rows, many=True).data)

"""What was agreed with an organization over the management API: its contract, and who pays for it."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import agreements, groups
from billing.api import PlainDecimal
from billing.staff_contract_api import ContractOut, OrderOut
from common.database import service
from common.money import Money
from tenants.models import Permission
from tenants.organization_api import OrganizationView
from tenants.scope import scope


class AgreedOut(serializers.Serializer[Any]):
    """The contract that holds, the next one, what is owed now, and purchase orders."""

    contract = ContractOut(allow_null=True)
    coming = ContractOut(allow_null=True)
    owed = PlainDecimal(source="owed.amount")
    currency = serializers.CharField(source="owed.currency")
    purchase_orders = OrderOut(many=True)


class PaysOut(serializers.Serializer[Any]):
    """One organization pays for whole months of another; an empty last month has not come."""

    organization = serializers.CharField(source="organization_name")
    payer = serializers.CharField(source="payer_name")
    first_month = serializers.CharField()
    last_month = serializers.CharField(allow_blank=True)


class PayersOut(serializers.Serializer[Any]):
    """Who paid, pays or will pay for the organization, and for whom it pays."""

    paid_by = PaysOut(many=True)
    pays_for = PaysOut(many=True)


class ContractDetail(OrganizationView):
    """What was agreed."""

    permissions = {"GET": Permission.BILLING_READ}

    @extend_schema(responses=AgreedOut)
    def get(self, request: Request, org: str) -> Response:
        """Show the contract, what may be owed and is, and what is left of purchase orders."""
        organization, now = self.organization, timezone.now()
        with scope(organization):
            owed = agreements.owed(organization, organization.currency)
            found = {
                "contract": agreements.in_force(organization, now),
                "coming": agreements.coming(organization, now),
                "owed": Money(owed, organization.currency),
                "purchase_orders": agreements.purchase_orders(organization, now.date()),
            }
            return Response(AgreedOut(found).data)


class PayerDetail(OrganizationView):
    """Who pays for whom."""

    permissions = {"GET": Permission.BILLING_READ}

    @extend_schema(responses=PayersOut)
    def get(self, request: Request, org: str) -> Response:
        """Show who pays for the organization, and for whom it pays, by months."""
        # What is agreed stands at who is paid for, which who pays cannot read by itself.
        with service():
            found = {
                "paid_by": groups.paid_by(self.organization),
                "pays_for": groups.paid_for(self.organization, ""),
            }
            return Response(PayersOut(found).data)

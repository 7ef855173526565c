"""Vouchers, and credit that is handed over, over the management API."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import GrantOut, PlainAmount, PlainDecimal
from billing.services import hand_overs, vouchers
from common.database import service
from common.ids import uuid7
from tenants.models import Permission, User
from tenants.once import once
from tenants.organization_api import OrganizationView, key_of


class RedeemIn(serializers.Serializer[Any]):
    """The code of a voucher."""

    code = serializers.CharField(max_length=40)


class VoucherRedeem(OrganizationView):
    """Vouchers of the organization."""

    permissions = {"POST": Permission.BILLING_MANAGE}

    @extend_schema(request=RedeemIn, responses={201: GrantOut})
    @once(by_service=True)
    def post(self, request: Request, org: str) -> Response:
        """Redeem a voucher once; the second time it is refused and nothing changes."""
        wanted = RedeemIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        given = vouchers.redeem(
            self.organization,
            wanted.validated_data["code"],
            by=request.user,
            through=key_of(request),
        )
        with service():
            return Response(GrantOut(given).data, status=201)


class HandOverIn(serializers.Serializer[Any]):
    """Which grant, to whom, and how much of it."""

    grant = serializers.UUIDField()
    to = serializers.SlugField(max_length=60, help_text="The address after /o/.")
    quantity = PlainAmount(
        max_digits=30,
        decimal_places=12,
        min_value=Decimal("1e-12"),
        required=False,
        help_text="Left out: all that is free of it.",
    )


class HandOverOut(serializers.Serializer[Any]):
    """What went over; the grant is the receiver's."""

    grant = serializers.UUIDField(source="pk")
    to = serializers.CharField(source="organization.slug")
    quantity = PlainDecimal(source="granted")


class HandOver(OrganizationView):
    """Credit that is handed over between an organization and who pays for it."""

    permissions = {"POST": Permission.BILLING_MANAGE}

    @extend_schema(request=HandOverIn, responses={201: HandOverOut})
    @once(by_service=True)
    def post(self, request: Request, org: str) -> Response:
        """Hand credit to who pays for you, or to one you pay for; what it cost and its end go along."""
        wanted = HandOverIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        facts = wanted.validated_data
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        given = hand_overs.hand_over(
            self.organization,
            facts["grant"],
            to=facts["to"],
            quantity=facts.get("quantity"),
            operation_key=request.headers.get("Idempotency-Key") or str(uuid7()),
            by=request.user,
            through=key_of(request),
        )
        with service():
            return Response(HandOverOut(given).data, status=201)

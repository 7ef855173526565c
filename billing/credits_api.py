"""Vouchers over the management API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import GrantOut
from billing.services import vouchers
from tenants.models import Permission, User
from tenants.once import once
from tenants.organization_api import OrganizationView, key_of
from tenants.scope import scope


class RedeemIn(serializers.Serializer[Any]):
    """The code of a voucher."""

    code = serializers.CharField(max_length=40)


class VoucherRedeem(OrganizationView):
    """Vouchers of the organization."""

    permissions = {"POST": Permission.BILLING_MANAGE}

    @extend_schema(request=RedeemIn, responses={201: GrantOut})
    @once()
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
        with scope(self.organization):
            return Response(GrantOut(given).data, status=201)

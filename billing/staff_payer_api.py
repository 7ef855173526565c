"""Who pays for whose usage over the management API, for the operator's staff."""

import uuid
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import groups
from billing.models import Payer
from billing.services import payers
from common.errors import DomainError, NotFound
from tenants.key_api import Strict
from tenants.models import Organization
from tenants.once import once
from tenants.staff_api import StaffView


class PayerIn(Strict):
    """Who is to pay, and from when on."""

    payer = serializers.SlugField(max_length=60, help_text="The address after /o/.")
    next_month = serializers.BooleanField(
        required=False, default=False, help_text="From the next month on; else all of this one."
    )


class PayerOut(serializers.Serializer[Any]):
    """One pays for whole months of another; an empty last month has not come."""

    id = serializers.UUIDField()
    organization = serializers.CharField(source="organization.slug")
    payer = serializers.CharField(source="payer.slug")
    first_month = serializers.CharField()
    last_month = serializers.CharField(allow_blank=True)


class PayerList(StaffView):
    """Who pays for a customer."""

    @extend_schema(operation_id="staff_payers", responses=PayerOut(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """List who paid, pays or will pay for a customer, the first first."""
        found = groups.agreed().filter(organization=_customer(slug)).order_by("first_month")
        return Response(PayerOut(found, many=True).data)

    @extend_schema(request=PayerIn, responses={201: PayerOut})
    @once()
    def post(self, request: Request, slug: str) -> Response:
        """Let another organization pay for all of the running month, or from the next one on."""
        organization = _customer(slug)
        wanted = PayerIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        facts = wanted.validated_data
        payer = _payer(facts["payer"])
        made = payers.begin(organization, payer, by=self.user, next_month=facts["next_month"])
        return Response(PayerOut(made).data, status=201)


class PayerEnd(StaffView):
    """The end of it."""

    @extend_schema(request=None, responses=PayerOut)
    def post(self, request: Request, payer_id: uuid.UUID) -> Response:
        """Let the organization pay for itself again after the running month."""
        agreed: Payer | None = groups.agreed().filter(pk=payer_id).first()
        if agreed is None:
            raise NotFound
        payers.end(agreed, by=self.user)
        # What had not begun is gone; it is told of as it was.
        return Response(PayerOut(groups.agreed().filter(pk=payer_id).first() or agreed).data)


def _payer(slug: str) -> Organization:
    found = Organization.objects.filter(slug=slug).first()
    if found is None:
        sentence = _("There is no such organization.")
        raise DomainError(field_errors={"payer": [sentence]})
    return found


def _customer(slug: str) -> Organization:
    found = Organization.objects.filter(slug=slug).first()
    if found is None:
        raise NotFound
    return found

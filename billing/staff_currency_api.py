"""Which currency a customer pays in, over the management API, for the operator's staff."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.services import currencies
from common.errors import NotFound
from tenants.key_api import Strict
from tenants.models import Organization
from tenants.staff_api import StaffView


class CurrencyIn(Strict):
    """The currency that is wanted."""

    currency = serializers.RegexField(r"^[A-Z]{3}\Z", help_text="Three letters, such as EUR.")


class CurrencyOut(serializers.Serializer[Any]):
    """The currency, and whether it can still be chosen."""

    currency = serializers.CharField()
    is_fixed = serializers.BooleanField()


class CustomerCurrency(StaffView):
    """The currency of a customer."""

    @extend_schema(operation_id="staff_currency", responses=CurrencyOut)
    def get(self, request: Request, slug: str) -> Response:
        """Say in which currency a customer pays."""
        return _answer(_customer(slug))

    @extend_schema(request=CurrencyIn, responses=CurrencyOut)
    def put(self, request: Request, slug: str) -> Response:
        """Choose it, as long as nothing was agreed, bought or booked in the present one."""
        wanted = CurrencyIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        chosen = wanted.validated_data["currency"]
        return _answer(currencies.choose(_customer(slug), chosen, by=self.user))


def _answer(organization: Organization) -> Response:
    facts = {
        "currency": organization.currency,
        "is_fixed": currencies.is_fixed(organization),
    }
    return Response(CurrencyOut(facts).data)


def _customer(slug: str) -> Organization:
    found = Organization.objects.filter(slug=slug).first()
    if found is None:
        raise NotFound
    return found

"""How fast a customer may call, as the operator's staff sets it, over the API."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.key_api import Strict
from tenants.limit_forms import MOST_PER_MINUTE
from tenants.models import Organization
from tenants.projects_api import LIMITS, LimitsIn
from tenants.services import organizations
from tenants.staff_api import StaffView

RESTRICTED = ("restricted_rpm", "restricted_tpm", "restricted_concurrency")
FIRST = ("first_rpm", "first_tpm", "first_concurrency")


def _limit(words: str) -> serializers.IntegerField:
    return serializers.IntegerField(
        min_value=1, max_value=MOST_PER_MINUTE, required=False, allow_null=True, help_text=words
    )


class CustomerLimitsIn(Strict, LimitsIn):
    """Limits of all of a customer's keys together; null is no limit, what is left out stays.

    What begins with `restricted` the customer cannot lift.
    """

    restricted_rpm = _limit("Requests per minute, at most; overdue invoices set it to 10.")
    restricted_tpm = _limit("Tokens per minute, at most.")
    restricted_concurrency = _limit("Calls at the same time, at most.")


class CustomerLimitsOut(serializers.ModelSerializer[Organization]):
    """The customer's own limits, what they cannot lift, and what holds until they buy something.

    Null is no limit. What begins with `first` is lifted at `first-limits/lift`.
    """

    class Meta:
        model = Organization
        fields = (*LIMITS, *RESTRICTED, *FIRST)


class CustomerLimits(StaffView):
    """The limits of a customer."""

    @extend_schema(operation_id="staff_customer_limits", responses=CustomerLimitsOut)
    def get(self, request: Request, slug: str) -> Response:
        """Show how fast all of a customer's keys together may call."""
        return Response(CustomerLimitsOut(_customer(slug)).data)

    @extend_schema(
        operation_id="staff_customer_limits_set",
        request=CustomerLimitsIn,
        responses=CustomerLimitsOut,
    )
    def patch(self, request: Request, slug: str) -> Response:
        """Set them; gateways know within five seconds."""
        customer = _customer(slug)
        wanted = CustomerLimitsIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        facts: dict[str, Any] = wanted.validated_data
        return Response(
            CustomerLimitsOut(organizations.change(customer, by=self.user, **facts)).data
        )


def _customer(slug: str) -> Organization:
    return get_object_or_404(Organization, slug=slug)

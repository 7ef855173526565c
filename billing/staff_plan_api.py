"""Plans over the management API, for the operator's staff."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import agreements, terms_api
from billing.contract_forms import PlanForm
from billing.models import Plan
from billing.services import plans
from billing.terms_api import TermsIn, TermsOut
from common.errors import NotFound
from tenants.once import once
from tenants.staff_api import StaffView


class PlanChange(TermsIn):
    """What of a plan is to be otherwise; contracts that were made of it stay as they are."""

    name = serializers.CharField(max_length=100, required=False)
    is_offered = serializers.BooleanField(required=False, help_text="false: it is retired.")


class PlanIn(TermsIn):
    """A new plan."""

    code = serializers.SlugField(max_length=40)
    name = serializers.CharField(max_length=100)
    currency = serializers.CharField(max_length=3, required=False)


class PlanOut(TermsOut):
    """A plan, and how many customers live by a contract that was made of it."""

    code = serializers.CharField()
    name = serializers.CharField()
    is_offered = serializers.BooleanField()
    customers = serializers.IntegerField()


class PlanList(StaffView):
    """The plans."""

    @extend_schema(operation_id="staff_plans", responses=PlanOut(many=True))
    def get(self, request: Request) -> Response:
        """List the plans, the offered ones first."""
        return Response(PlanOut(agreements.plans(), many=True).data)

    @extend_schema(request=PlanIn, responses={201: PlanOut})
    @once()
    def post(self, request: Request) -> Response:
        """Write a plan down, to be offered from now on."""
        wanted = PlanIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        facts = terms_api.read(PlanForm, Plan(), wanted.validated_data)
        made = plans.open_plan(by=self.user, **facts)
        return Response(PlanOut(_plan(made.code)).data, status=201)


class PlanDetail(StaffView):
    """One plan."""

    @extend_schema(responses=PlanOut)
    def get(self, request: Request, code: str) -> Response:
        """Show a plan."""
        return Response(PlanOut(_plan(code)).data)

    @extend_schema(request=PlanChange, responses=PlanOut)
    def patch(self, request: Request, code: str) -> Response:
        """Change what contracts to come are made of, retire the plan, or offer it again."""
        plan = _plan(code)
        wanted = PlanChange(data=request.data)
        wanted.is_valid(raise_exception=True)
        sent: dict[str, Any] = wanted.validated_data
        plan = plans.change(plan, by=self.user, **terms_api.read(PlanForm, plan, sent))
        if "is_offered" in sent:
            plans.offer(plan, is_offered=sent["is_offered"], by=self.user)
        return Response(PlanOut(_plan(code)).data)


def _plan(code: str) -> Plan:
    found = agreements.plans().filter(code=code).first()
    if found is None:
        raise NotFound
    return found

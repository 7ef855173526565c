"""Budgets over the management API."""

import uuid
from decimal import Decimal
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import standings
from billing.api import PlainAmount, PlainDecimal, PlainInteger
from billing.budget_forms import EARLIEST, LATEST, MOST
from billing.models import Budget
from billing.services import budgeting
from billing.standings import Standing
from common.api import NewestFirstPagination, paged
from tenants.models import Permission, User
from tenants.once import once
from tenants.organization_api import OrganizationView, key_of
from tenants.scope import scope

LEAST = Decimal("0.000001")
MOMENTS = (MinValueValidator(EARLIEST), MaxValueValidator(LATEST))


class BudgetTerms(serializers.Serializer[Any]):
    """What may be changed of a budget; what is left out stays."""

    name = serializers.CharField(max_length=100)
    amount = PlainAmount(max_digits=18, decimal_places=6, min_value=LEAST, max_value=MOST)
    is_hard = serializers.BooleanField(default=True)
    thresholds = serializers.ListField(
        child=PlainInteger(min_value=1, max_value=100), max_length=10, required=False
    )


class BudgetIn(BudgetTerms):
    """A new budget: of a project, of a key, or of the whole organization."""

    window = serializers.ChoiceField(Budget.Window.choices, default=Budget.Window.MONTH)
    starts_at = serializers.DateTimeField(required=False, validators=MOMENTS)
    ends_at = serializers.DateTimeField(required=False, validators=MOMENTS)
    project_id = serializers.UUIDField(required=False, allow_null=True)
    api_key_id = serializers.UUIDField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ask for both ends of a fixed window, and for one owner at most."""
        start, end = attrs.get("starts_at"), attrs.get("ends_at")
        if attrs["window"] == Budget.Window.FIXED:
            if start is None or end is None or end <= start:
                raise serializers.ValidationError(
                    {"ends_at": "A fixed window has a beginning and a later end."}
                )
        elif start or end:
            raise serializers.ValidationError(
                {"starts_at": "Only a fixed window has a beginning and an end."}
            )
        if attrs.get("project_id") and attrs.get("api_key_id"):
            raise serializers.ValidationError(
                {"api_key_id": "A budget is of a project or of a key, not of both."}
            )
        return attrs


class BudgetOut(serializers.Serializer[Any]):
    """A budget and how it stands in its present window."""

    id = serializers.UUIDField(source="budget.pk")
    name = serializers.CharField(source="budget.name")
    project_id = serializers.UUIDField(source="budget.project_id", allow_null=True)
    api_key_id = serializers.UUIDField(source="budget.api_key_id", allow_null=True)
    amount = PlainDecimal(source="budget.amount")
    currency = serializers.CharField(source="budget.currency")
    window = serializers.CharField(source="budget.window")
    is_hard = serializers.BooleanField(source="budget.is_hard")
    thresholds = serializers.ListField(child=serializers.IntegerField(), source="budget.thresholds")
    starts_at = serializers.DateTimeField(source="span.starts_at")
    ends_at = serializers.DateTimeField(source="span.ends_at")
    spent = PlainDecimal(source="spent.amount")
    left = PlainDecimal(source="left.amount")


def _out(budget: Budget) -> Any:
    (standing,) = standings.standings([budget])
    return BudgetOut(standing).data


class BudgetList(OrganizationView):
    """The organization's open budgets."""

    permissions = {"GET": Permission.BILLING_READ, "POST": Permission.BILLING_MANAGE}

    @extend_schema(operation_id="v1_organizations_budgets_list", responses=paged(BudgetOut))
    def get(self, request: Request, org: str) -> Response:
        """List the budgets and how they stand, newest first."""
        with scope(self.organization):
            page = NewestFirstPagination()
            budgets = standings.open_budgets(self.organization)
            rows = page.paginate_queryset(budgets, request, view=self)
            found: list[Standing] = standings.standings(rows or [])
            return page.get_paginated_response(BudgetOut(found, many=True).data)

    @extend_schema(request=BudgetIn, responses={201: BudgetOut})
    @once()
    def post(self, request: Request, org: str) -> Response:
        """Make a budget; it counts what its present window has already seen."""
        wanted = BudgetIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        facts = wanted.validated_data
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        with scope(self.organization):
            if project_id := facts.pop("project_id", None):
                facts["project"] = get_object_or_404(self.organization.projects, pk=project_id)
            if api_key_id := facts.pop("api_key_id", None):
                facts["api_key"] = get_object_or_404(self.organization.api_keys, pk=api_key_id)
            budget = budgeting.create(
                self.organization, by=request.user, through=key_of(request), **facts
            )
            return Response(_out(budget), status=201)


class BudgetDetail(OrganizationView):
    """One budget."""

    permissions = {
        "GET": Permission.BILLING_READ,
        "PATCH": Permission.BILLING_MANAGE,
        "DELETE": Permission.BILLING_MANAGE,
    }

    @extend_schema(responses=BudgetOut)
    def get(self, request: Request, org: str, budget_id: uuid.UUID) -> Response:
        """Show the budget and how it stands."""
        with scope(self.organization):
            return Response(_out(self._budget(budget_id)))

    @extend_schema(request=BudgetTerms(partial=True), responses=BudgetOut)
    def patch(self, request: Request, org: str, budget_id: uuid.UUID) -> Response:
        """Change the budget's terms; gateways know within five seconds."""
        wanted = BudgetTerms(data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        with scope(self.organization):
            budget = budgeting.change(
                self._budget(budget_id),
                by=request.user,
                through=key_of(request),
                **wanted.validated_data,
            )
            return Response(_out(budget))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, org: str, budget_id: uuid.UUID) -> Response:
        """Let the budget count and stop nothing any more; twice is once."""
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        with scope(self.organization):
            budget = get_object_or_404(standings.budgets(self.organization), pk=budget_id)
            budgeting.close(budget, by=request.user, through=key_of(request))
        return Response(status=204)

    def _budget(self, budget_id: uuid.UUID) -> Budget:
        return get_object_or_404(standings.open_budgets(self.organization), pk=budget_id)

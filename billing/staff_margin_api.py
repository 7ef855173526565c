"""Margins of models, and what their GPUs cost, over the management API, for the operator's staff."""

import uuid
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import margins
from billing.api import PlainDecimal
from billing.margin_forms import GpuCostForm
from billing.models import GpuCost
from billing.services import gpu_costs
from billing.terms_api import choose
from common.errors import DomainError, NotFound
from marketplace.models import Offer
from tenants.key_api import Strict
from tenants.once import once
from tenants.staff_api import StaffView

MONTH = OpenApiParameter("month", description="Such as 2026-03, in UTC; the running one if absent.")


class MarginOut(serializers.Serializer[Any]):
    """A model. Tokens and revenue are measured; the cost is GPUs as stated times measured hours."""

    model = serializers.CharField()
    currency = serializers.CharField(source="revenue.currency")
    tokens = serializers.IntegerField()
    requests = serializers.IntegerField()
    revenue = PlainDecimal(source="revenue.amount")
    gpu_hours = PlainDecimal()
    cost = PlainDecimal(source="cost.amount", default=None, allow_null=True)
    margin = PlainDecimal(source="margin.amount", default=None, allow_null=True)
    cost_per_million = PlainDecimal(source="cost_per_million.amount", default=None, allow_null=True)
    break_even_tokens = serializers.IntegerField(allow_null=True)


class TotalOut(serializers.Serializer[Any]):
    """All models of a currency, beside what the ledger says the month earned."""

    currency = serializers.CharField()
    revenue = PlainDecimal(source="revenue.amount")
    cost = PlainDecimal(source="cost.amount")
    #: Of the models alone whose cost is stated; null where there is none.
    margin = PlainDecimal(source="margin.amount", default=None, allow_null=True)
    recognized = PlainDecimal(source="recognized.amount")
    of_no_model = PlainDecimal(source="of_no_model.amount")


class MarginsOut(serializers.Serializer[Any]):
    """A month; of the running one, so far."""

    month = serializers.CharField(source="label")
    is_over = serializers.BooleanField()
    models = MarginOut(many=True)
    totals = TotalOut(many=True)
    unstated = serializers.ListField(child=serializers.CharField())


class GpuCostIn(Strict):
    """How many GPUs a model holds from a day on, and what each costs an hour."""

    model = serializers.CharField(max_length=100)
    starts_on = serializers.DateField()
    gpus = serializers.RegexField(r"^[0-9]{1,7}(\.[0-9]{1,3})?\Z")
    per_hour = serializers.RegexField(r"^[0-9]{1,6}(\.[0-9]{1,6})?\Z")
    currency = serializers.CharField(max_length=3)
    note = serializers.CharField(max_length=200, required=False, allow_blank=True)


class GpuCostOut(serializers.Serializer[Any]):
    """A statement; it holds until the next one of its model begins."""

    id = serializers.UUIDField()
    model = serializers.CharField(source="offer.name")
    starts_on = serializers.DateField()
    gpus = PlainDecimal()
    per_hour = PlainDecimal()
    currency = serializers.CharField()
    note = serializers.CharField()
    stated_by = serializers.CharField(source="stated_by.email")
    created_at = serializers.DateTimeField()
    withdrawn_at = serializers.DateTimeField(allow_null=True)


class MarginDetail(StaffView):
    """What models bring and cost."""

    @extend_schema(operation_id="staff_margins", parameters=[MONTH], responses=MarginsOut)
    def get(self, request: Request) -> Response:
        """Show what each model brought and cost in a month, those that leave least first."""
        label = request.query_params.get("month") or margins.months()[0]
        return Response(MarginsOut(margins.month(label)).data)


class GpuCostList(StaffView):
    """What GPUs were stated to cost."""

    @extend_schema(operation_id="staff_gpu_costs", responses=GpuCostOut(many=True))
    def get(self, request: Request) -> Response:
        """List all statements by model, the latest first, withdrawn ones among them."""
        found = GpuCost.objects.select_related("offer", "stated_by")
        return Response(GpuCostOut(found, many=True).data)

    @extend_schema(request=GpuCostIn, responses={201: GpuCostOut})
    @once()
    def post(self, request: Request) -> Response:
        """State what a model's GPUs cost from a day on."""
        wanted = GpuCostIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        sent: dict[str, Any] = wanted.validated_data
        offer = choose("model", "name", sent.pop("model"), Offer.objects.all())
        form = GpuCostForm(sent | {"offer": offer.pk})
        if not form.is_valid():
            words = {name: [str(it) for it in found] for name, found in form.errors.items()}
            raise DomainError(field_errors=words)
        stated = gpu_costs.state(by=self.user, **form.cleaned_data)
        return Response(GpuCostOut(stated).data, status=201)


class GpuCostWithdraw(StaffView):
    """The end of a statement."""

    @extend_schema(request=None, responses=GpuCostOut)
    def post(self, request: Request, cost_id: uuid.UUID) -> Response:
        """Take a statement back; asked twice, nothing changes."""
        found = GpuCost.objects.filter(pk=cost_id).first()
        if found is None:
            raise NotFound
        return Response(GpuCostOut(gpu_costs.withdraw(found, by=self.user)).data)

"""What is left of bought bundles, paid back under four eyes, over the management API, for staff."""

import uuid
from collections.abc import Callable
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import quarrels
from billing.api import PlainDecimal
from billing.models import Order, Refund
from billing.services import refunds
from billing.staff_correction_api import StatusQuery, of_status
from common.api import CURSOR, LIMIT, NewestFirstPagination, paged
from tenants.key_api import Strict
from tenants.models import User
from tenants.once import once
from tenants.staff_api import StaffView


class RefundQuery(StatusQuery):
    """Which refunds are listed."""

    status = serializers.ChoiceField(Refund.Status.choices, required=False)


class RefundIn(Strict):
    """Why what is left of a purchase goes back."""

    reason = serializers.CharField(max_length=250)


class RefundableOut(serializers.Serializer[Any]):
    """What would go back of a purchase now, before tax; nothing where all of it is used."""

    net = PlainDecimal(source="amount")
    currency = serializers.CharField()


class RefundOut(serializers.ModelSerializer[Refund]):
    """A refund of a purchase; its amounts are those of the credit note, zero until it is approved."""

    organization = serializers.CharField(source="organization.slug")
    currency = serializers.CharField(source="order.currency")
    net = PlainDecimal()
    tax = PlainDecimal()
    credit_note = serializers.CharField(source="credit_note.number", allow_null=True, default=None)
    proposed_by = serializers.EmailField(source="proposed_by.email")
    decided_by = serializers.EmailField(source="decided_by.email", allow_null=True, default=None)

    class Meta:
        model = Refund
        fields = (
            "id", "organization", "order", "status", "currency", "net", "tax", "words",
            "credit_note", "reference", "failure", "proposed_by", "created_at", "decided_by",
            "decided_at",
        )  # fmt: skip


class RefundList(StaffView):
    """Refunds of all purchases."""

    @extend_schema(
        operation_id="staff_refunds",
        parameters=[OpenApiParameter("status", str, enum=Refund.Status.values), CURSOR, LIMIT],
        responses=paged(RefundOut),
    )
    def get(self, request: Request) -> Response:
        """List what was proposed, and what became of it, newest first."""
        page = NewestFirstPagination()
        found = of_status(RefundQuery, request, quarrels.refunds())
        rows: Any = page.paginate_queryset(found, request, view=self)
        return page.get_paginated_response(RefundOut(rows, many=True).data)


class OrderRefund(StaffView):
    """The refund of one purchase."""

    @extend_schema(operation_id="staff_refundable", responses=RefundableOut)
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        """Say what would go back now."""
        return Response(RefundableOut(refunds.refundable(_order(order_id))).data)

    @extend_schema(
        operation_id="staff_refund_propose", request=RefundIn, responses={201: RefundOut}
    )
    @once()
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        """Propose to pay it back; credit and money stay where they are until a colleague approves."""
        order = _order(order_id)
        wanted = RefundIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        made = refunds.propose(order, words=wanted.validated_data["reason"], by=self.user)
        return Response(RefundOut(quarrels.refunds().get(pk=made.pk)).data, status=201)


class _Act(StaffView):
    """What is done with a refund."""

    def acted(self, act: Callable[..., Refund], refund_id: uuid.UUID) -> Response:
        """Do it, and tell how it stands then."""
        by: User = self.user
        act(get_object_or_404(quarrels.refunds(), pk=refund_id), by=by)
        return Response(RefundOut(quarrels.refunds().get(pk=refund_id)).data)


class RefundApprove(_Act):
    """The second person's consent."""

    @extend_schema(operation_id="staff_refund_approve", request=None, responses=RefundOut)
    def post(self, request: Request, refund_id: uuid.UUID) -> Response:
        """Take the credit back and pay its money back; `kept` waits for a bank transfer."""
        return self.acted(refunds.approve, refund_id)


class RefundRefuse(_Act):
    """The end of a proposal."""

    @extend_schema(operation_id="staff_refund_refuse", request=None, responses=RefundOut)
    def post(self, request: Request, refund_id: uuid.UUID) -> Response:
        """Close a proposal without effect, a colleague's or your own."""
        return self.acted(refunds.refuse, refund_id)


class RefundRetry(_Act):
    """Another try."""

    @extend_schema(operation_id="staff_refund_retry", request=None, responses=RefundOut)
    def post(self, request: Request, refund_id: uuid.UUID) -> Response:
        """Send once more what the payment provider refused."""
        return self.acted(refunds.retry, refund_id)


class RefundKeep(_Act):
    """Another way."""

    @extend_schema(operation_id="staff_refund_keep", request=None, responses=RefundOut)
    def post(self, request: Request, refund_id: uuid.UUID) -> Response:
        """Keep for the customer what the provider refused, to be paid out by bank transfer."""
        return self.acted(refunds.keep, refund_id)


def _order(order_id: uuid.UUID) -> Order:
    return get_object_or_404(Order.objects.select_related("organization"), pk=order_id)

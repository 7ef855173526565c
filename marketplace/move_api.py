"""For whom price books are and their end, over the management API: planned where somebody pays more."""

import uuid
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import Named, NewestFirstPagination, paged
from common.errors import NotFound
from marketplace.book_api import BookForIn, BookOut, find_book
from marketplace.models import Offer, PriceMove
from marketplace.services import moves
from tenants.key_api import Strict
from tenants.once import once
from tenants.staff_api import StaffView


class BookEndIn(Strict):
    """Of which model a book is to say nothing more; of all of them, if it does not say."""

    model = Named("name", queryset=Offer.objects.all(), required=False, allow_null=True)


class BookEndOut(serializers.Serializer[Any]):
    """Of how many models the book says nothing more."""

    ended = serializers.IntegerField()


class PriceMoveOut(serializers.ModelSerializer[PriceMove]):
    """What lets customers pay other prices, on a day that they are told of."""

    kind = serializers.CharField()
    book = serializers.CharField(source="book.code", default=None, allow_null=True)
    model = serializers.CharField(source="offer.name", default=None, allow_null=True)
    customer = serializers.CharField(source="customer.slug", default=None, allow_null=True)
    group = serializers.CharField(source="group.code", default=None, allow_null=True)
    status = serializers.CharField()
    planned_by = serializers.EmailField(source="planned_by.email", default=None, allow_null=True)

    class Meta:
        model = PriceMove
        fields = (
            "id", "kind", "book", "model", "customer", "group", "takes_effect_at", "status",
            "planned_by", "answer", "created_at",
        )  # fmt: skip


class BookAudience(StaffView):
    """Whom a book is for."""

    @extend_schema(
        operation_id="staff_price_book_audience",
        request=BookForIn,
        responses={200: BookOut, 202: PriceMoveOut},
    )
    def put(self, request: Request, code: str) -> Response:
        """Make it another audience's; planned, where somebody comes to pay more."""
        wanted = BookForIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        made = moves.assign(find_book(code), **wanted.validated_data, by=self.user)
        if isinstance(made, PriceMove):
            return Response(PriceMoveOut(made).data, status=202)
        return Response(BookOut(find_book(code)).data)


class BookEnd(StaffView):
    """The end of what a book says."""

    @extend_schema(
        operation_id="staff_price_book_end",
        request=BookEndIn,
        responses={200: BookEndOut, 202: PriceMoveOut},
    )
    @once()
    def post(self, request: Request, code: str) -> Response:
        """End what it says of one model, or of all; planned, where somebody comes to pay more."""
        wanted = BookEndIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        offer = wanted.validated_data.get("model")
        made = moves.end(find_book(code), offer=offer, by=self.user)
        if isinstance(made, PriceMove):
            return Response(PriceMoveOut(made).data, status=202)
        return Response(BookEndOut({"ended": made}).data)


class MoveList(StaffView):
    """What lets customers pay other prices."""

    @extend_schema(
        operation_id="staff_price_moves",
        parameters=[OpenApiParameter("status", str, enum=PriceMove.Status.values)],
        responses=paged(PriceMoveOut),
    )
    def get(self, request: Request) -> Response:
        """List what is planned and what was, the newest first."""
        found = _moves()
        if status := request.query_params.get("status"):
            found = found.filter(status=status.replace("\0", ""))
        pages = NewestFirstPagination()
        rows = pages.paginate_queryset(found, request, view=self)
        return pages.get_paginated_response(PriceMoveOut(rows, many=True).data)


class MoveWithdrawal(StaffView):
    """Taking back what is planned."""

    @extend_schema(operation_id="staff_price_move_withdraw", request=None, responses=PriceMoveOut)
    def post(self, request: Request, move_id: uuid.UUID) -> Response:
        """Close what has not come about: prices stay as they are."""
        move = _moves().filter(pk=move_id).first()
        if move is None:
            raise NotFound
        moves.take_back(move, by=self.user)
        return Response(PriceMoveOut(_moves().get(pk=move_id)).data)


def _moves() -> QuerySet[PriceMove]:
    return PriceMove.objects.select_related("book", "offer", "customer", "group", "planned_by")

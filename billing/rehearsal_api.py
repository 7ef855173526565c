"""Rehearsals of price books over the management API, for the operator's staff."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import rehearsals, rehearsed_margins
from billing.api import PlainDecimal
from billing.models import Rehearsal
from billing.services import rehearsing
from common.errors import NotFound
from marketplace.book_api import find_version
from tenants.once import once
from tenants.staff_api import StaffView


class RehearsalIn(serializers.Serializer[Any]):
    """The months to replay, such as ``2026-03``."""

    first_month = serializers.CharField(max_length=7)
    last_month = serializers.CharField(max_length=7)


class EffectOut(serializers.Serializer[Any]):
    """What usage was booked at, and what it would come to; before credit, commitments and tax."""

    tokens = PlainDecimal()
    before = PlainDecimal(source="old")
    after = PlainDecimal(source="new")
    difference = PlainDecimal(source="difference.amount")


class OfCustomerOut(EffectOut):
    """The same of one customer."""

    customer = serializers.CharField()


class MovedOut(serializers.Serializer[Any]):
    """What a model brought of all customers in these months, would have brought, and leaves.

    Cost and margins are null where nobody stated what the model costs.
    """

    model = serializers.CharField()
    revenue_before = PlainDecimal(source="before.amount")
    revenue_after = PlainDecimal(source="after.amount")
    cost = PlainDecimal(source="cost.amount", allow_null=True, default=None)
    margin_before = PlainDecimal(source="margin_before.amount", allow_null=True, default=None)
    margin_after = PlainDecimal(source="margin_after.amount", allow_null=True, default=None)


class UnratedOut(serializers.Serializer[Any]):
    """Usage that could not be rated, and stands in no sum."""

    customer = serializers.CharField(source="organization.slug")
    model = serializers.CharField(source="offer_name")
    part = serializers.CharField(source="token_part")
    tier = serializers.CharField(source="service_tier")
    tokens = PlainDecimal()
    reason = serializers.CharField()


class RehearsalOut(serializers.Serializer[Any]):
    """How far a rehearsal is; once it is finished, what it found."""

    id = serializers.UUIDField()
    book = serializers.CharField()
    version = serializers.IntegerField()
    first_month = serializers.CharField()
    last_month = serializers.CharField()
    customers_done = serializers.IntegerField()
    customers = serializers.IntegerField()
    finished_at = serializers.DateTimeField(allow_null=True)
    currency = serializers.CharField()
    total = EffectOut(allow_null=True)
    customers_touched = serializers.IntegerField(allow_null=True)
    by_customer = OfCustomerOut(many=True)
    by_model = MovedOut(many=True)
    unrated = UnratedOut(many=True)


def _told(rehearsal: Rehearsal) -> dict[str, Any]:
    version = rehearsal.version
    found: dict[str, Any] = {
        "total": None,
        "customers_touched": None,
        "by_customer": [],
        "by_model": [],
        "unrated": [],
    }
    if rehearsal.is_finished:
        rows = list(rehearsals.by_customer(rehearsal))
        moved = rehearsed_margins.of(rehearsal, rehearsals.by_price(rehearsal))
        found = {
            "total": EffectOut(rehearsals.total(rehearsal)).data,
            "customers_touched": rehearsals.touched(rehearsal),
            "by_model": MovedOut(moved, many=True).data,
            "by_customer": [
                {"customer": it.organization.slug, **EffectOut(it.effect).data}
                for it in rehearsals.customers(rehearsal, rows)
            ],
            "unrated": UnratedOut(rehearsals.unrated(rehearsal), many=True).data,
        }
    return {
        "id": str(rehearsal.pk),
        "book": version.book.code,
        "version": version.number,
        "first_month": rehearsal.first_month,
        "last_month": rehearsal.last_month,
        "customers_done": rehearsal.done,
        "customers": rehearsal.customers,
        "finished_at": rehearsal.finished_at,
        "currency": version.book.currency,
        **found,
    }


class RehearsalCreate(StaffView):
    """Rehearsals of a version."""

    @extend_schema(request=RehearsalIn, responses={202: RehearsalOut})
    @once()
    def post(self, request: Request, code: str, number: int) -> Response:
        """Have months of usage replayed under a version; a worker does it."""
        wanted = RehearsalIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        version = find_version(code, number)
        rehearsal = rehearsing.ask(version, **wanted.validated_data, by=self.user)
        return Response(_told(rehearsal), status=202)


class RehearsalDetail(StaffView):
    """One rehearsal."""

    @extend_schema(responses=RehearsalOut)
    def get(self, request: Request, rehearsal_id: uuid.UUID) -> Response:
        """Show how far a rehearsal is, and what it found."""
        found = Rehearsal.objects.select_related("version__book").filter(pk=rehearsal_id).first()
        if found is None:
            raise NotFound
        return Response(_told(found))

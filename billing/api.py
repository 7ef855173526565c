"""Prices to rehearse, credit and the ledger over the management API."""

import re
from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing import queries
from billing.errors import UnratablePrice
from billing.models import CreditGrant, LedgerEntry
from billing.rating.definition import InvalidPrice
from billing.rating.preview import PARTS, preview
from billing.services import watching
from common.api import NewestFirstPagination, paged
from tenants.models import Permission
from tenants.organization_api import OrganizationView
from tenants.scope import scope

PLAIN = re.compile(r"[+-]?[0-9]*\.?[0-9]*", re.ASCII)


WHOLE = re.compile(r"[+-]?[0-9]+", re.ASCII)


class PlainInteger(serializers.IntegerField):
    """A whole number in plain digits: none of other scripts, and nothing between them."""

    def to_internal_value(self, data: Any) -> int:
        """Return the number."""
        if isinstance(data, str) and not WHOLE.fullmatch(data):
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field(OpenApiTypes.STR)
class PlainDecimal(serializers.Field[Decimal, str, str, Any]):
    """A decimal as a string, never in scientific notation."""

    def to_representation(self, value: Decimal) -> str:
        """Return all its digits and no zeros behind them."""
        return f"{value.normalize():f}"


class RequestIn(serializers.Serializer[Any]):
    """What the request is like, where a price asks for it."""

    at = serializers.DateTimeField(required=False)
    prompt = PlainInteger(required=False, help_text="Tokens of its prompt.")
    service_tier = serializers.ChoiceField(("standard", "batch"), required=False)


class PlainAmount(serializers.DecimalField):
    """An amount in plain digits: no exponents, and no digits of other scripts."""

    def to_internal_value(self, data: Any) -> Decimal:
        """Return the amount."""
        if isinstance(data, str) and not PLAIN.fullmatch(data):
            self.fail("invalid")
        return super().to_internal_value(data)


class PreviewIn(serializers.Serializer[Any]):
    """What a preview takes; its price is checked by the rater itself."""

    currency = serializers.CharField()
    price = serializers.JSONField()
    quantity = serializers.CharField()
    quantity_before = serializers.CharField(required=False)
    previously_billed = serializers.CharField(required=False)
    line_position = serializers.ChoiceField(("single", "mid_split", "last_split"), required=False)
    events = serializers.ListField(child=serializers.CharField(), required=False)
    request = RequestIn(required=False)
    part = serializers.ChoiceField(PARTS, required=False)


class LineOut(serializers.Serializer[Any]):
    """One line."""

    kind = serializers.CharField()
    quantity = PlainDecimal()
    unit_amount = PlainDecimal()
    amount = PlainDecimal()
    discount = PlainDecimal()
    total = PlainDecimal()


class PreviewOut(serializers.Serializer[Any]):
    """The lines a price gives, their sum, and the same before rounding."""

    lines = LineOut(many=True)
    total = PlainDecimal()
    total_exact = PlainDecimal()


class PricingPreview(APIView):
    """Rehearses a price."""

    @extend_schema(request=PreviewIn, responses=PreviewOut)
    def post(self, request: Request) -> Response:
        """Rate quantities by a price definition; nothing is stored."""
        if not isinstance(request.data, dict):
            raise UnratablePrice(field_errors={"price": ["must be an object"]})
        try:
            return Response(PreviewOut(preview(request.data)).data)
        except InvalidPrice as error:
            raise UnratablePrice.because(error) from None


class TokenBalanceOut(serializers.Serializer[Any]):
    """What is left of the tokens of one class."""

    token_class = serializers.CharField()
    remaining = PlainDecimal()


class GrantOut(serializers.ModelSerializer[CreditGrant]):
    """One allotment of credit."""

    token_class = serializers.SlugRelatedField[Any]("code", read_only=True)
    granted = PlainDecimal()
    remaining = PlainDecimal()

    class Meta:
        model = CreditGrant
        fields = (
            "id", "unit", "token_class", "kind", "granted", "remaining", "priority",
            "effective_from", "expires_at", "voided_at", "created_at",
        )  # fmt: skip


class ForecastOut(serializers.Serializer[Any]):
    """How fast money went in the last seven days, and when it will be used up at that pace."""

    spent_per_day = PlainDecimal(source="per_day.amount")
    exhausted_at = serializers.DateTimeField(
        source="ends_at",
        allow_null=True,
        help_text="null: not within ten years, or nothing is being used.",
    )


class CreditsOut(serializers.Serializer[Any]):
    """The balance, until when it lasts, and the usable grants in burn order."""

    currency = serializers.CharField()
    settled = PlainDecimal()
    live = PlainDecimal()
    #: Set aside for work that takes long; not in ``live``.
    held = PlainDecimal()
    forecast = ForecastOut()
    tokens = TokenBalanceOut(many=True)
    grants = GrantOut(many=True)


class CreditDetail(OrganizationView):
    """The organization's credit."""

    permissions = {"GET": Permission.BILLING_READ}

    @extend_schema(responses=CreditsOut)
    def get(self, request: Request, org: str) -> Response:
        """Show the balance, until when it lasts, and the usable grants in burn order."""
        with scope(self.organization):
            balance = queries.balance(self.organization)
            facts = {
                "currency": balance.settled.currency,
                "settled": balance.settled.amount,
                "live": balance.live.amount,
                "held": balance.held.amount,
                "forecast": watching.forecast(self.organization),
                "tokens": balance.token_balances,
                "grants": queries.grants(self.organization),
            }
            return Response(CreditsOut(facts).data)


class EntryOut(serializers.ModelSerializer[LedgerEntry]):
    """One posting; debits are positive."""

    operation = serializers.CharField(source="transaction.operation_key")
    kind = serializers.CharField(source="transaction.kind")
    recorded_at = serializers.DateTimeField(source="transaction.recorded_at")
    account = serializers.CharField(source="account.kind")
    currency = serializers.CharField(source="account.currency")
    amount = PlainDecimal()

    class Meta:
        model = LedgerEntry
        fields = (
            "id", "operation", "kind", "account", "currency", "amount", "grant", "recorded_at",
        )  # fmt: skip


class LedgerList(OrganizationView):
    """The organization's journal."""

    permissions = {"GET": Permission.BILLING_READ}

    @extend_schema(operation_id="v1_organizations_ledger_list", responses=paged(EntryOut))
    def get(self, request: Request, org: str) -> Response:
        """List the postings, newest first."""
        with scope(self.organization):
            page = NewestFirstPagination()
            rows = page.paginate_queryset(queries.entries(self.organization), request, view=self)
            return page.get_paginated_response(EntryOut(rows, many=True).data)

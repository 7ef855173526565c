"""Statements of account over the management API: each month, and whether it is the ledger's."""

import io
from typing import Any

from defusedcsv import csv
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import account_statements
from billing.api import PlainDecimal
from tenants.models import Permission
from tenants.organization_api import OrganizationView
from tenants.scope import scope


class MonthsOut(serializers.Serializer[Any]):
    """The months there are statements of, the running one first."""

    months = serializers.ListField(child=serializers.CharField())


class MovementOut(serializers.Serializer[Any]):
    """A movement, and the balance behind it."""

    at = serializers.DateTimeField()
    words = serializers.CharField()
    invoice = serializers.CharField(allow_null=True)
    credit_note = serializers.CharField(allow_null=True)
    amount = PlainDecimal()
    balance = PlainDecimal()


class AccountOut(serializers.Serializer[Any]):
    """An account over the month."""

    opening = PlainDecimal(source="opening.amount")
    closing = PlainDecimal(source="closing.amount")
    movements = serializers.SerializerMethodField()

    def get_movements(self, account: account_statements.Account) -> list[dict[str, Any]]:
        """Return the movements in their order."""
        movements = [_movement(row, balance.amount) for row, balance in account.lines]
        return list(MovementOut(movements, many=True).data)


def _movement(row: account_statements.Row, balance: Any) -> dict[str, Any]:
    return {
        "at": row.at,
        "words": row.words,
        "invoice": row.invoice or None,
        "credit_note": row.credit_note or None,
        "amount": row.amount.amount,
        "balance": balance,
    }


class InCurrencyOut(serializers.Serializer[Any]):
    """The month in one currency; owed and not invoiced yet are together what the ledger says."""

    currency = serializers.CharField()
    owed = AccountOut()
    not_invoiced_yet = PlainDecimal(source="uninvoiced.amount")
    ledger = PlainDecimal(source="receivable.amount")
    agrees = serializers.BooleanField()
    credit = AccountOut()


class StatementOut(serializers.Serializer[Any]):
    """What a month did to the account; of the running one, as far as it is."""

    month = serializers.CharField(source="period.label")
    starts_at = serializers.DateTimeField(source="period.start")
    ends_at = serializers.DateTimeField(source="period.end")
    is_over = serializers.BooleanField()
    statements = InCurrencyOut(many=True)


class StatementList(OrganizationView):
    """The statements of an organization."""

    permissions = {"GET": Permission.BILLING_READ}

    @extend_schema(operation_id="statements", responses=MonthsOut)
    def get(self, request: Request, org: str) -> Response:
        """List the months there are statements of."""
        with scope(self.organization):
            months = account_statements.months(self.organization)
        return Response(MonthsOut({"months": months}).data)


class StatementDetail(OrganizationView):
    """The statement of a month."""

    permissions = {"GET": Permission.BILLING_READ}

    @extend_schema(responses=StatementOut)
    def get(self, request: Request, org: str, month: str) -> Response:
        """Show what a month, such as ``2026-03``, did to the account."""
        with scope(self.organization):
            return Response(StatementOut(account_statements.month(self.organization, month)).data)


class StatementFile(OrganizationView):
    """The same as a table."""

    permissions = {"GET": Permission.BILLING_READ}

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request, org: str, month: str) -> HttpResponse:
        """Download what a month did to the account."""
        with scope(self.organization):
            found = account_statements.month(self.organization, month)
            file = io.StringIO()
            csv.writer(file).writerows(account_statements.csv_rows(found))
        name = f'attachment; filename="statement-{self.organization.slug}-{month}.csv"'
        return HttpResponse(
            file.getvalue(),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": name},
        )

"""What usage was worth, over the management API."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import queries
from billing.api import PlainDecimal
from common.money import Money
from metering.api import PeriodIn
from metering.queries import Cut
from tenants.models import Permission
from tenants.organization_api import OrganizationView
from tenants.scope import scope


class SpendIn(PeriodIn):
    """A half-open period and how to group what was spent in it."""

    by = serializers.ChoiceField(("day", "model", "key", "project", "member"), default="day")


class SpendGroupOut(serializers.Serializer[Any]):
    """The worth under one heading; "None" is usage that came without a key."""

    group = serializers.CharField()
    amount = PlainDecimal()


class SpendReport(serializers.Serializer[Any]):
    """The period, its worth without tax to the last digit, and the groups asked for."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    currency = serializers.CharField()
    total = PlainDecimal()
    groups = SpendGroupOut(many=True)


class SpendDetail(OrganizationView):
    """What the organization spent."""

    permissions = {"GET": Permission.USAGE_READ}

    @extend_schema(parameters=[SpendIn], responses=SpendReport)
    def get(self, request: Request, org: str) -> Response:
        """Sum the worth of usage up over a period: by day, model, key, project or member."""
        asked = SpendIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        facts = asked.validated_data
        cut = Cut(self.organization, facts["start"], facts["end"], self.organization.time_zone)
        with scope(self.organization):
            found = {label: it for (label,), it in queries.spend(cut, facts["by"]).items()}
        groups = [{"group": str(label), "amount": it.amount} for label, it in found.items()]
        if facts["by"] != "day":
            groups.sort(key=_amount, reverse=True)
        total = sum(found.values(), Money(Decimal(0), self.organization.currency))
        report = {
            "start": cut.start,
            "end": cut.end,
            "currency": total.currency,
            "total": total.amount,
            "groups": groups,
        }
        return Response(SpendReport(report).data)


def _amount(group: dict[str, Any]) -> Decimal:
    amount: Decimal = group["amount"]
    return amount

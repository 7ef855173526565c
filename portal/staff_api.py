"""The desk's overview and its tables over the management API, for the operator's staff."""

from decimal import Decimal
from typing import Any

from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import PlainDecimal
from common.errors import NotFound
from front import asked
from marketplace.change_api import OutsideView
from portal import desk, sheets
from portal.desk_files import TABLES
from portal.spans import NAMES, Span, SpanForm
from tenants.staff_api import StaffView

DAYS = [
    OpenApiParameter(
        "days",
        str,
        enum=[name for name, _words in NAMES],
        description="The running month, if not said.",
    ),
    OpenApiParameter("first", OpenApiTypes.DATE, description="Of `custom`: the first day, in UTC."),
    OpenApiParameter("last", OpenApiTypes.DATE, description="Of `custom`: the last day, in UTC."),
]


class ComparedOut(serializers.Serializer[Any]):
    """A number of the days, and the same of as many days before."""

    now = PlainDecimal()
    before = PlainDecimal()


class DeskStandingOut(serializers.Serializer[Any]):
    """What the days earned in one currency, and what was owed for at their end."""

    currency = serializers.CharField()
    revenue = PlainDecimal(source="revenue.amount", help_text="Usage, less what was taken back.")
    breakage = PlainDecimal(source="breakage.amount", help_text="Credit that expired.")
    adjustments = PlainDecimal(
        source="adjustments.amount", help_text="Given away, written off and rounded."
    )
    recognized = PlainDecimal(
        source="recognized.amount", help_text="Revenue and breakage, less the adjustments."
    )
    deferred = PlainDecimal(source="deferred.amount")


class DeskMarginOut(serializers.Serializer[Any]):
    """What models brought and cost in one currency, where somebody stated the cost."""

    currency = serializers.CharField()
    revenue = PlainDecimal(source="revenue.amount")
    cost = PlainDecimal(source="cost.amount")
    margin = PlainDecimal(source="margin.amount")


class DeskSellerOut(serializers.Serializer[Any]):
    """A customer or a model: what was used, and what over the days before."""

    slug = serializers.CharField()
    name = serializers.CharField(source="label")
    requests = serializers.IntegerField()
    worth = PlainDecimal(source="worth.amount")
    before = PlainDecimal(source="before.amount")


class DeskRankingOut(serializers.Serializer[Any]):
    """Those with the most usage, and those whose usage rose and fell the most."""

    top = DeskSellerOut(many=True)
    up = DeskSellerOut(many=True)
    down = DeskSellerOut(many=True)


class DeskMachinesOut(serializers.Serializer[Any]):
    """GPUs of clusters, how many are held now, and what the gateway serves; null is not known."""

    gpus = serializers.IntegerField()
    held = serializers.IntegerField()
    tokens_per_second = serializers.SerializerMethodField()

    def get_tokens_per_second(self, machines: Any) -> str | None:
        """Return it with all its digits."""
        rate: Decimal | None = machines.tokens_per_second
        return None if rate is None else f"{rate.normalize():f}"


class DeskWaitingOut(serializers.Serializer[Any]):
    """What somebody should look at, in words, and the page where."""

    text = serializers.CharField()
    page = serializers.SerializerMethodField()

    def get_page(self, waiting: desk.Waiting) -> str:
        """Return the path of the page."""
        return reverse(waiting.url_name) + waiting.query


class DeskOverviewOut(serializers.Serializer[Any]):
    """The operator's business in some days; amounts exclude tax, days are in UTC."""

    first = serializers.DateField(source="span.start")
    last = serializers.DateField(source="span.last")
    customers = serializers.IntegerField()
    new_customers = serializers.IntegerField()
    models_on_sale = serializers.IntegerField()
    requests = ComparedOut(source="use.requests")
    tokens = ComparedOut(source="use.tokens")
    active_customers = ComparedOut(source="use.active")
    came = serializers.IntegerField(source="use.came")
    went = serializers.IntegerField(source="use.went")
    usage = ComparedOut(source="worth")
    currency = serializers.CharField(source="worth.money.currency", help_text="Of `usage`.")
    standings = DeskStandingOut(many=True)
    margins = DeskMarginOut(many=True)
    models_without_cost = serializers.ListField(child=serializers.CharField(), source="unstated")
    machines = DeskMachinesOut()
    by_customer = DeskRankingOut()
    by_model = DeskRankingOut()
    waiting = DeskWaitingOut(many=True)
    servers_not_asked = serializers.IntegerField(source="unasked")


class DeskOverview(StaffView):
    """The business at a glance."""

    @extend_schema(operation_id="staff_overview", parameters=DAYS, responses=DeskOverviewOut)
    def get(self, request: Request) -> Response:
        """Say what is sold, to how many, and what waits for somebody."""
        return Response(DeskOverviewOut(desk.overview(_span(request))).data)


class DeskExport(OutsideView):
    """The tables of the desk."""

    @extend_schema(
        operation_id="staff_export",
        parameters=[
            *DAYS,
            OpenApiParameter("table", str, "path", enum=sorted(TABLES)),
            OpenApiParameter("form", str, "path", enum=sorted(sheets.TYPES)),
        ],
        responses={(200, kind): OpenApiTypes.BINARY for kind in sheets.TYPES.values()},
    )
    def get(self, request: Request, table: str, form: str) -> HttpResponseBase:
        """Give a table over the days as a file, however much it is."""
        if table not in TABLES or form not in sheets.TYPES:
            raise NotFound
        return sheets.served(request._request, TABLES[table](_span(request)), form)


def _span(request: Request) -> Span:
    return asked.valid(SpanForm(request.query_params)).span

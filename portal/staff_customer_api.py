"""The operator's customers over the management API: all of them, one from all sides, what happened."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from billing.api import GrantOut, PlainDecimal, TokenBalanceOut
from billing.chargeback_api import StaffChargebackOut
from billing.invoice_api import InvoiceOut
from common.api import CURSOR, LIMIT, NewestFirstPagination, paged
from common.errors import NotFound
from portal import customers, timeline
from tenants.key_api import Strict
from tenants.models import Organization
from tenants.projects_api import LimitsOut
from tenants.staff_api import StaffView
from tenants.staff_customer_api import CustomerNoteOut, RestrictionOut
from tenants.staff_signal_api import AbuseSignalOut

KINDS = list(timeline.KINDS.items())


class CustomerQuery(Strict):
    """Which customers are listed."""

    q = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")
    status = serializers.ChoiceField(
        Organization.Status.choices, required=False, allow_blank=True, default=""
    )
    cursor = serializers.CharField(required=False)
    limit = serializers.CharField(required=False)


class CustomerOut(serializers.Serializer[Any]):
    """A customer: what is left to spend, and what was used this month in UTC, net of tax."""

    slug = serializers.CharField(source="organization.slug")
    name = serializers.CharField(source="organization.name")
    kind = serializers.ChoiceField(Organization.Kind.choices, source="organization.kind")
    country = serializers.CharField(source="organization.country.code")
    status = serializers.ChoiceField(Organization.Status.choices, source="organization.status")
    currency = serializers.CharField(
        source="organization.currency", help_text="Of `balance` and `worth`."
    )
    balance = PlainDecimal(source="balance.amount", help_text="What the next request can use.")
    token_balance = serializers.IntegerField(help_text="Tokens of all classes.")
    requests = serializers.IntegerField()
    tokens = serializers.IntegerField()
    worth = PlainDecimal(source="worth.amount")


class CustomerMemberOut(serializers.Serializer[Any]):
    """Who belongs to a customer, and as what."""

    email = serializers.EmailField(source="user.email")
    name = serializers.CharField(source="user.name")
    role = serializers.CharField(help_text="Such as `owner`.")


class CustomerBalanceOut(serializers.Serializer[Any]):
    """What a customer has: by the ledger, for the next request, and set aside for long work."""

    settled = PlainDecimal(source="settled.amount")
    live = PlainDecimal(source="live.amount")
    held = PlainDecimal(source="held.amount")
    tokens = TokenBalanceOut(source="token_balances", many=True)


class CustomerModelOut(serializers.Serializer[Any]):
    """What a customer used of one model this month."""

    model = serializers.CharField(source="name")
    requests = serializers.IntegerField(source="usage.requests")
    failures = serializers.IntegerField(source="usage.failures")
    tokens = serializers.IntegerField(source="usage.total_tokens")
    mean_ttft_ms = serializers.IntegerField(
        source="usage.mean_ttft_ms", allow_null=True, help_text="null: nothing was streamed."
    )
    worth = PlainDecimal(source="worth.amount")


class CustomerUseOut(serializers.Serializer[Any]):
    """What a customer used this month in UTC; amounts exclude tax."""

    requests = serializers.IntegerField(source="total.requests")
    tokens = serializers.IntegerField(source="total.total_tokens")
    worth = PlainDecimal(source="worth.amount")
    models = CustomerModelOut(source="usage", many=True)


class CustomerDayOut(serializers.Serializer[Any]):
    """The worth of a day in UTC, without tax."""

    day = serializers.DateField()
    worth = PlainDecimal()


class CustomerMatterOut(serializers.Serializer[Any]):
    """A contract, a dispute or a request for access; `invoice` is what a dispute is about."""

    name = serializers.CharField()
    state = serializers.CharField()
    at = serializers.DateTimeField()
    invoice = serializers.UUIDField(source="invoice_id", allow_null=True)


class CustomerActOut(serializers.Serializer[Any]):
    """What was done last, and by whom; the audit log has all of it."""

    at = serializers.DateTimeField(source="entry.occurred_at")
    action = serializers.CharField(source="entry.action")
    words = serializers.CharField(source="action")
    on = serializers.CharField(source="entry.target_label")
    by = serializers.CharField(source="entry.actor_label")


class CustomerKeysOut(serializers.Serializer[Any]):
    """How many keys open the door now, and how many there ever were."""

    usable = serializers.IntegerField(source="usable_keys")
    all = serializers.IntegerField(source="all_keys")


class CustomerDetailOut(serializers.Serializer[Any]):
    """One customer from all sides; of each list the ten newest, or the next to be used.

    `flags` are sentences that should make whoever deals with them careful. No key, no prompt and no
    secret stands here.
    """

    slug = serializers.CharField(source="organization.slug")
    name = serializers.CharField(source="organization.name")
    kind = serializers.ChoiceField(Organization.Kind.choices, source="organization.kind")
    country = serializers.CharField(source="organization.country.code")
    status = serializers.ChoiceField(Organization.Status.choices, source="organization.status")
    created_at = serializers.DateTimeField(source="organization.created_at")
    currency = serializers.CharField(
        source="organization.currency", help_text="Of balances and usage."
    )
    time_zone = serializers.CharField(source="organization.time_zone")
    allowed_jurisdictions = serializers.ListField(
        child=serializers.CharField(),
        source="organization.allowed_jurisdictions",
        help_text="Empty: every region.",
    )
    legal_name = serializers.CharField(source="profile.legal_name", default=None, allow_null=True)
    vat_id = serializers.CharField(source="profile.vat_id", default=None, allow_null=True)
    vat_state = serializers.CharField(source="profile.vat_state", default=None, allow_null=True)
    limits = LimitsOut(source="organization")
    keys = CustomerKeysOut(source="*")
    members = CustomerMemberOut(source="memberships", many=True)
    flags = serializers.ListField(child=serializers.CharField())
    balance = CustomerBalanceOut()
    this_month = CustomerUseOut(source="*")
    days = serializers.SerializerMethodField()
    grants = GrantOut(many=True)
    invoices = InvoiceOut(many=True)
    chargebacks = StaffChargebackOut(many=True)
    contracts = CustomerMatterOut(source="matters.contracts", many=True)
    disputes = CustomerMatterOut(source="matters.disputes", many=True)
    access_requests = CustomerMatterOut(source="matters.access", many=True)
    notes = CustomerNoteOut(many=True)
    restrictions = RestrictionOut(many=True)
    signals = AbuseSignalOut(many=True)
    last_acts = CustomerActOut(source="audit", many=True)

    @extend_schema(responses=CustomerDayOut(many=True))
    def get_days(self, it: customers.Portrait) -> Any:
        """Return the last thirty days, the oldest first."""
        rows: list[Mapping[str, date | Decimal]] = [
            {"day": day, "worth": worth} for day, worth in it.days.items()
        ]
        return CustomerDayOut(rows, many=True).data


class HappeningQuery(Strict):
    """Which kinds of happenings are listed; all, if none is named."""

    kind = serializers.ListField(child=serializers.ChoiceField(KINDS), required=False, default=list)
    cursor = serializers.CharField(required=False, default="")


class HappeningOut(serializers.Serializer[Any]):
    """One thing that happened: what, about what, by whom, and the page where it is seen."""

    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(KINDS)
    what = serializers.CharField(help_text="In words.")
    about = serializers.CharField()
    who = serializers.CharField(help_text="Empty where it came about by itself.")
    page = serializers.CharField(source="url", help_text="Its path; empty where there is none.")


class CustomerList(StaffView):
    """The customers."""

    @extend_schema(
        operation_id="staff_customers",
        parameters=[
            OpenApiParameter(
                "q", str, description="Part of a name, an address or a member's e-mail."
            ),
            OpenApiParameter("status", str, enum=Organization.Status.values),
            CURSOR,
            LIMIT,
        ],
        responses=paged(CustomerOut),
    )
    def get(self, request: Request) -> Response:
        """List the customers by name, with what they have and what they used this month."""
        asked = CustomerQuery(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        text, status = asked.validated_data["q"], asked.validated_data["status"]
        page = NewestFirstPagination()
        page.ordering = ("name", "id")  # type: ignore[assignment]
        rows = page.paginate_queryset(customers.organizations(text, status), request, view=self)
        told = CustomerOut(customers.customers(rows or ()), many=True)
        return page.get_paginated_response(told.data)


class CustomerDetail(StaffView):
    """One customer."""

    @extend_schema(operation_id="staff_customer", responses=CustomerDetailOut)
    def get(self, request: Request, slug: str) -> Response:
        """Show a customer from all sides: what they have, used this month, owe and did last."""
        organization = get_object_or_404(Organization, slug=slug)
        return Response(CustomerDetailOut(customers.portrait(organization)).data)


class CustomerTimeline(StaffView):
    """What happened with one customer."""

    @extend_schema(
        operation_id="staff_customer_timeline",
        parameters=[
            OpenApiParameter(
                "kind",
                str,
                many=True,
                enum=list(timeline.KINDS),
                description="All kinds, if none is named; several are named one by one.",
            ),
            CURSOR,
        ],
        responses=paged(HappeningOut),
    )
    def get(self, request: Request, slug: str) -> Response:
        """List what happened with a customer, of all kinds in one order, newest first."""
        organization = get_object_or_404(Organization, slug=slug)
        asked = HappeningQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        leaf = timeline.leaf(organization, asked.validated_data["kind"], self._mark(asked))
        here = request.build_absolute_uri()
        facts = {
            "next": replace_query_param(here, "cursor", str(leaf.older)) if leaf.older else None,
            "previous": None,
            "results": HappeningOut(leaf.happenings, many=True).data,
        }
        return Response(facts)

    def _mark(self, asked: HappeningQuery) -> timeline.Mark | None:
        cursor = asked.validated_data["cursor"]
        mark = timeline.Mark.read(cursor)
        if cursor and mark is None:
            raise NotFound
        return mark

"""What new customers get to try, and are held to, over the management API, for the operator's staff."""

import uuid
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import PlainInteger
from billing.models import Budget, TrialTerms
from billing.services import trials
from billing.trial_forms import MOST_DAYS, TrialForm
from common.api import NewestFirstPagination, paged
from common.errors import DomainError, NotFound
from common.templatetags.formats import trimmed
from tenants.key_api import Strict
from tenants.models import Organization
from tenants.once import once
from tenants.staff_api import StaffView

AMOUNT = r"^[0-9]{1,12}(\.[0-9]{1,3})?\Z"
CURRENCY = r"^[A-Z]{3}\Z"


class TrialTermsOut(serializers.ModelSerializer[TrialTerms]):
    """Terms of one currency, and where they stand."""

    amount = serializers.SerializerMethodField()
    daily_spend = serializers.SerializerMethodField()
    status = serializers.CharField()
    is_in_force = serializers.SerializerMethodField()
    proposed_by = serializers.EmailField(source="proposed_by.email")
    decided_by = serializers.EmailField(source="decided_by.email", default=None, allow_null=True)

    class Meta:
        model = TrialTerms
        fields = (
            "id", "currency", "amount", "validity_days", "daily_spend", "words", "status",
            "is_in_force", "created_at", "proposed_by", "decided_by", "decided_at", "answer",
        )  # fmt: skip

    def get_amount(self, terms: TrialTerms) -> str:
        """Return what each new customer is given, before tax."""
        return f"{trimmed(terms.amount, 2):f}"

    def get_daily_spend(self, terms: TrialTerms) -> str | None:
        """Return what may be spent in a day until the first purchase or contract."""
        return f"{trimmed(terms.daily_spend, 2):f}" if terms.daily_spend is not None else None

    def get_is_in_force(self, terms: TrialTerms) -> bool:
        """Return whether whoever is let in now gets this."""
        return (
            terms.status == TrialTerms.Status.APPROVED and trials.in_force(terms.currency) == terms
        )


class TrialTermsIn(Strict):
    """What whoever is let in is to get in one currency, from a colleague's approval on."""

    currency = serializers.RegexField(CURRENCY, help_text="Three letters, such as EUR.")
    amount = serializers.RegexField(AMOUNT, help_text="Before tax; 0 gives none.")
    validity_days = PlainInteger(min_value=1, max_value=MOST_DAYS)
    daily_spend = serializers.RegexField(
        AMOUNT, required=False, allow_null=True, help_text="Null is no limit."
    )
    words = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class TrialRefusal(Strict):
    """Why terms are refused."""

    answer = serializers.CharField(max_length=500)


class FirstLimitsOut(serializers.Serializer[Any]):
    """What a new customer is held to; null is no limit."""

    first_rpm = serializers.IntegerField(allow_null=True)
    first_tpm = serializers.IntegerField(allow_null=True)
    first_concurrency = serializers.IntegerField(allow_null=True)
    daily_spend = serializers.CharField(allow_null=True)
    currency = serializers.CharField()


class TrialTermsList(StaffView):
    """Terms of trials."""

    @extend_schema(
        operation_id="staff_trial_terms",
        parameters=[
            OpenApiParameter("currency", str),
            OpenApiParameter("status", str, enum=TrialTerms.Status.values),
        ],
        responses=paged(TrialTermsOut),
    )
    def get(self, request: Request) -> Response:
        """List what was proposed, the newest first."""
        found, asked = _terms(), request.query_params
        for name in ("currency", "status"):
            if value := asked.get(name):
                found = found.filter(**{name: value.replace("\0", "")})
        page = NewestFirstPagination()
        rows = page.paginate_queryset(found, request, view=self)
        return page.get_paginated_response(TrialTermsOut(rows, many=True).data)

    @extend_schema(
        operation_id="staff_trial_terms_propose",
        request=TrialTermsIn,
        responses={201: TrialTermsOut},
    )
    @once()
    def post(self, request: Request) -> Response:
        """Propose other terms of one currency; what holds goes on until a colleague approves."""
        wanted = TrialTermsIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        form = TrialForm(wanted.validated_data)
        if not form.is_valid():
            raise DomainError(
                field_errors={name: [str(it) for it in said] for name, said in form.errors.items()}
            )
        terms = trials.propose(by=self.user, **form.facts())
        return Response(TrialTermsOut(_one(terms.pk)).data, status=201)


class TrialTermsDetail(StaffView):
    """One proposal."""

    @extend_schema(operation_id="staff_trial_terms_one", responses=TrialTermsOut)
    def get(self, request: Request, terms_id: uuid.UUID) -> Response:
        """Show terms, and where they stand."""
        return Response(TrialTermsOut(_one(terms_id)).data)


class TrialTermsApproval(StaffView):
    """The second person's consent."""

    @extend_schema(request=None, responses=TrialTermsOut)
    def post(self, request: Request, terms_id: uuid.UUID) -> Response:
        """Let hold what a colleague proposed, for whoever is let in from now on."""
        trials.approve(_one(terms_id), by=self.user)
        return Response(TrialTermsOut(_one(terms_id)).data)


class TrialTermsRefuse(StaffView):
    """The second person's refusal."""

    @extend_schema(request=TrialRefusal, responses=TrialTermsOut)
    def post(self, request: Request, terms_id: uuid.UUID) -> Response:
        """Close a proposal, and say why."""
        wanted = TrialRefusal(data=request.data)
        wanted.is_valid(raise_exception=True)
        trials.refuse(_one(terms_id), by=self.user, **wanted.validated_data)
        return Response(TrialTermsOut(_one(terms_id)).data)


class TrialTermsWithdrawal(StaffView):
    """Taking a proposal back."""

    @extend_schema(request=None, responses=TrialTermsOut)
    def post(self, request: Request, terms_id: uuid.UUID) -> Response:
        """Close a proposal that nobody has decided on."""
        trials.take_back(_one(terms_id), by=self.user)
        return Response(TrialTermsOut(_one(terms_id)).data)


class FirstLimits(StaffView):
    """What a customer is held to until the first purchase or contract."""

    @extend_schema(operation_id="staff_first_limits", responses=FirstLimitsOut)
    def get(self, request: Request, slug: str) -> Response:
        """Say what holds the customer still."""
        return Response(_held(_customer(slug)))


class FirstLimitsLift(StaffView):
    """The end of what a customer is held to."""

    @extend_schema(request=None, responses=FirstLimitsOut)
    def post(self, request: Request, slug: str) -> Response:
        """Lift calls' and spending's first limits; where there are none, nothing changes."""
        lifted = trials.lift(_customer(slug), by=self.user, reason="")
        return Response(_held(lifted))


def _held(organization: Organization) -> dict[str, Any]:
    budget = Budget.objects.open().filter(organization=organization, is_operators=True).first()
    facts = {
        "first_rpm": organization.first_rpm,
        "first_tpm": organization.first_tpm,
        "first_concurrency": organization.first_concurrency,
        "daily_spend": f"{trimmed(budget.amount, 2):f}" if budget else None,
        "currency": organization.currency,
    }
    return FirstLimitsOut(facts).data


def _customer(slug: str) -> Organization:
    found = Organization.objects.filter(slug=slug).first()
    if found is None:
        raise NotFound
    return found


def _terms() -> QuerySet[TrialTerms]:
    return TrialTerms.objects.select_related("proposed_by", "decided_by")


def _one(terms_id: uuid.UUID) -> TrialTerms:
    found = _terms().filter(pk=terms_id).first()
    if found is None:
        raise NotFound
    return found

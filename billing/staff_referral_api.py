"""What referrals are worth, over the management API, for the operator's staff."""

import uuid

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import PlainDecimal, PlainInteger
from billing.models import ReferralTerms
from billing.referral_forms import MOST_REFERRALS, ReferralTermsForm
from billing.services import referral_terms
from billing.staff_trial_api import AMOUNT, CURRENCY, TrialRefusal
from billing.trial_forms import MOST_DAYS
from common.api import paged
from common.errors import NotFound
from front import asked
from tenants.key_api import Strict
from tenants.once import once
from tenants.staff_api import StaffView


class ReferralTermsOut(serializers.ModelSerializer[ReferralTerms]):
    """Terms of one currency, and where they stand; null is no limit. Amounts are before tax."""

    referrer_amount = PlainDecimal()
    newcomer_amount = PlainDecimal()
    minimum_purchase = PlainDecimal()
    status = serializers.CharField()
    is_in_force = serializers.SerializerMethodField()
    proposed_by = serializers.EmailField(source="proposed_by.email")
    decided_by = serializers.EmailField(source="decided_by.email", default=None, allow_null=True)

    class Meta:
        model = ReferralTerms
        fields = (
            "id", "currency", "referrer_amount", "newcomer_amount", "minimum_purchase",
            "validity_days", "most_per_referrer", "most", "ends_on", "words", "status",
            "is_in_force", "created_at", "proposed_by", "decided_by", "decided_at", "answer",
        )  # fmt: skip

    def get_is_in_force(self, terms: ReferralTerms) -> bool:
        """Return whether a first purchase of now counts by this."""
        is_approved = terms.status == ReferralTerms.Status.APPROVED
        return is_approved and referral_terms.running_now(terms.currency) == terms


class ReferralTermsIn(Strict):
    """What both sides are to get in one currency, from a colleague's approval on."""

    currency = serializers.RegexField(CURRENCY, help_text="Three letters, such as EUR.")
    referrer_amount = serializers.RegexField(
        AMOUNT, help_text="Before tax; 0 for both switches it off."
    )
    newcomer_amount = serializers.RegexField(AMOUNT, help_text="Before tax.")
    minimum_purchase = serializers.RegexField(
        AMOUNT, required=False, allow_null=True, help_text="Before tax, of one bundle; null is any."
    )
    validity_days = PlainInteger(min_value=1, max_value=MOST_DAYS)
    most_per_referrer = PlainInteger(
        min_value=1, max_value=MOST_REFERRALS, required=False, allow_null=True
    )
    most = PlainInteger(min_value=1, max_value=MOST_REFERRALS, required=False, allow_null=True)
    ends_on = serializers.DateField(
        required=False, allow_null=True, help_text="The last day, in UTC; null is no end."
    )
    words = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class ReferralTermsList(StaffView):
    """What referrals are worth."""

    @extend_schema(
        operation_id="staff_referral_terms",
        parameters=[
            OpenApiParameter("currency", str),
            OpenApiParameter("status", str, enum=ReferralTerms.Status.values),
        ],
        responses=paged(ReferralTermsOut),
    )
    def get(self, request: Request) -> Response:
        """List what was proposed, the newest first."""
        found = _terms()
        for name in ("currency", "status"):
            if value := request.query_params.get(name):
                found = found.filter(**{name: value.replace("\0", "")})
        return asked.page(self, request, found, ReferralTermsOut)

    @extend_schema(
        operation_id="staff_referral_terms_propose",
        request=ReferralTermsIn,
        responses={201: ReferralTermsOut},
    )
    @once()
    def post(self, request: Request) -> Response:
        """Propose other terms of one currency; what holds goes on until a colleague approves."""
        form = asked.valid(ReferralTermsForm(asked.read(ReferralTermsIn, request)))
        terms = referral_terms.propose(by=self.user, **form.cleaned_data)
        return Response(ReferralTermsOut(_one(terms.pk)).data, status=201)


class ReferralTermsDetail(StaffView):
    """One proposal."""

    @extend_schema(operation_id="staff_referral_terms_one", responses=ReferralTermsOut)
    def get(self, request: Request, terms_id: uuid.UUID) -> Response:
        """Show terms, and where they stand."""
        return Response(ReferralTermsOut(_one(terms_id)).data)


class ReferralTermsApproval(StaffView):
    """The second person's consent."""

    @extend_schema(request=None, responses=ReferralTermsOut)
    def post(self, request: Request, terms_id: uuid.UUID) -> Response:
        """Let hold what a colleague proposed, for every first purchase from now on."""
        referral_terms.approve(_one(terms_id), by=self.user)
        return Response(ReferralTermsOut(_one(terms_id)).data)


class ReferralTermsRefusal(StaffView):
    """The second person's refusal."""

    @extend_schema(request=TrialRefusal, responses=ReferralTermsOut)
    def post(self, request: Request, terms_id: uuid.UUID) -> Response:
        """Close a proposal, and say why."""
        answer = asked.read(TrialRefusal, request)["answer"]
        referral_terms.refuse(_one(terms_id), answer=answer, by=self.user)
        return Response(ReferralTermsOut(_one(terms_id)).data)


class ReferralTermsWithdrawal(StaffView):
    """Taking a proposal back."""

    @extend_schema(request=None, responses=ReferralTermsOut)
    def post(self, request: Request, terms_id: uuid.UUID) -> Response:
        """Close a proposal that nobody has decided on."""
        referral_terms.take_back(_one(terms_id), by=self.user)
        return Response(ReferralTermsOut(_one(terms_id)).data)


def _terms() -> QuerySet[ReferralTerms]:
    return ReferralTerms.objects.select_related("proposed_by", "decided_by")


def _one(terms_id: uuid.UUID) -> ReferralTerms:
    found = _terms().filter(pk=terms_id).first()
    if found is None:
        raise NotFound
    return found

"""Customers who bring customers, over the management API: their own side, and the desk's."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from billing import referred
from billing.api import PlainDecimal
from billing.models import Referral
from billing.services import referrals
from common.api import NewestFirstPagination, paged
from common.database import service
from tenants.models import Permission, User
from tenants.once import once
from tenants.organization_api import OrganizationView
from tenants.staff_api import StaffView

DECISIONS = {"hold": referrals.hold, "release": referrals.release, "refuse": referrals.refuse}


class ReferralOfferOut(serializers.Serializer[Any]):
    """What a referral brings now, before tax."""

    currency = serializers.CharField()
    for_referrer = PlainDecimal(source="referrer_amount")
    for_newcomer = PlainDecimal(source="newcomer_amount")
    minimum_purchase = PlainDecimal()
    validity_days = serializers.IntegerField()
    ends_on = serializers.DateField(allow_null=True)


class ReferralOut(serializers.ModelSerializer[Referral]):
    """A customer that was brought: when, and what came of it. It is named to nobody."""

    state = serializers.CharField()
    earned = serializers.SerializerMethodField()
    currency = serializers.SerializerMethodField()

    class Meta:
        model = Referral
        fields = ("id", "created_at", "state", "earned", "currency", "settled_at")

    def get_earned(self, referral: Referral) -> str | None:
        """Return what was credited for it."""
        return f"{referral.earned.amount.normalize():f}" if referral.earned else None

    def get_currency(self, referral: Referral) -> str | None:
        """Return the currency of what was credited."""
        return referral.earned.currency if referral.earned else None


class ReferralsOut(serializers.Serializer[Any]):
    """A customer's link, what holds now, and what it has brought; the newest fifty."""

    link = serializers.CharField(help_text="Empty until it is made.")
    terms = ReferralOfferOut(allow_null=True)
    brought = serializers.IntegerField()
    credited = serializers.IntegerField()
    referrals = ReferralOut(many=True)


class StaffReferralOut(serializers.ModelSerializer[Referral]):
    """Who brought whom, what came of it, and why."""

    state = serializers.CharField()
    organization = serializers.SlugRelatedField[Any]("slug", read_only=True)
    newcomer = serializers.SlugRelatedField[Any]("slug", read_only=True)
    reason = serializers.CharField()
    lost = PlainDecimal(help_text="What could not be taken back any more, of both.")

    class Meta:
        model = Referral
        fields = (
            "id", "created_at", "organization", "newcomer", "state", "reason", "note", "lost",
            "settled_at",
        )  # fmt: skip


class ReferralDecisionIn(serializers.Serializer[Any]):
    """What staff decides of a referral, and why."""

    decision = serializers.ChoiceField(sorted(DECISIONS))
    note = serializers.CharField(max_length=500)


class OrganizationReferrals(OrganizationView):
    """The customers that an organization brought."""

    permissions = {"GET": Permission.BILLING_MANAGE, "POST": Permission.BILLING_MANAGE}

    @extend_schema(operation_id="referrals", responses=ReferralsOut)
    def get(self, request: Request, org: str) -> Response:
        """Show the link, the terms and the newest fifty referrals."""
        with service():
            return Response(self._shown())

    @extend_schema(operation_id="referrals_link", request=None, responses={201: ReferralsOut})
    def post(self, request: Request, org: str) -> Response:
        """Make the link; asked again, it is the same."""
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        with service():
            referrals.code(self.organization, by=request.user)
            return Response(self._shown(), status=201)

    def _shown(self) -> Any:
        found = Referral.objects.filter(organization=self.organization).select_related("terms")
        told = referred.summary(self.organization)
        facts = {
            "link": told.link,
            "terms": told.terms,
            "brought": told.brought,
            "credited": told.credited,
            "referrals": found[:50],
        }
        return ReferralsOut(facts).data


class StaffReferrals(StaffView):
    """Customers who bring customers."""

    @extend_schema(operation_id="staff_referrals", responses=paged(StaffReferralOut))
    def get(self, request: Request) -> Response:
        """List who brought whom, the newest first."""
        found = Referral.objects.select_related("organization", "newcomer", "terms")
        pages = NewestFirstPagination()
        rows = pages.paginate_queryset(found, request, view=self)
        return pages.get_paginated_response(StaffReferralOut(rows, many=True).data)


class StaffReferralDecision(StaffView):
    """Looking at one referral."""

    @extend_schema(
        operation_id="staff_referral_decide",
        request=ReferralDecisionIn,
        responses=StaffReferralOut,
    )
    @once()
    def post(self, request: Request, referral_id: uuid.UUID) -> Response:
        """Hold it, let it go on, or refuse it for good; always with a reason."""
        wanted = ReferralDecisionIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        referral = Referral.objects.filter(pk=referral_id).first()
        if referral is None:
            raise NotFound
        facts = wanted.validated_data
        decided = DECISIONS[facts["decision"]](referral, note=facts["note"], by=self.user)
        return Response(StaffReferralOut(decided).data)

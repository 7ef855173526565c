"""Vouchers over the management API, for the operator's staff."""

import uuid
from typing import Any

from django.db.models import QuerySet, Sum
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import PlainDecimal, PlainInteger
from billing.models import VoucherCampaign
from billing.services import vouchers
from billing.voucher_forms import MOST_CODES, MOST_USES, CampaignForm
from common.api import Named, paged
from common.errors import NotFound
from front import asked
from marketplace.models import TokenClass
from tenants.key_api import Strict
from tenants.once import once
from tenants.staff_api import StaffView

AMOUNT = r"^[0-9]{1,12}(\.[0-9]{1,3})?\Z"
LONGEST_DAYS = 3660


class CampaignIn(Strict):
    """A new campaign: what each voucher grants, how many there are, and until when."""

    name = serializers.CharField(max_length=100, help_text="Customers read it in their audit log.")
    unit = serializers.CharField(max_length=6, help_text="`money` or `tokens`.")
    quantity = serializers.RegexField(
        AMOUNT, help_text="Money before tax, or a whole number of tokens."
    )
    currency = serializers.CharField(max_length=3, help_text="Three letters, such as EUR.")
    token_class = Named("code", queryset=TokenClass.objects.all(), required=False, allow_null=True)
    validity_days = PlainInteger(min_value=1, max_value=LONGEST_DAYS)
    last_day = serializers.DateField(help_text="The last day to redeem, in UTC.")
    codes = PlainInteger(min_value=1, max_value=MOST_CODES, default=1)
    uses = PlainInteger(
        min_value=1,
        max_value=MOST_USES,
        default=1,
        help_text="By how many organizations each may be redeemed.",
    )
    is_once_each = serializers.BooleanField(default=True)


class CampaignOut(serializers.ModelSerializer[VoucherCampaign]):
    """A campaign, and how much of it is redeemed."""

    unit = serializers.CharField()
    quantity = PlainDecimal()
    token_class = serializers.CharField(source="token_class.code", default=None, allow_null=True)
    uses = serializers.IntegerField(help_text="How often its vouchers may be redeemed, together.")
    redeemed = serializers.IntegerField()
    is_over = serializers.BooleanField()

    class Meta:
        model = VoucherCampaign
        fields = (
            "id", "name", "unit", "quantity", "currency", "token_class", "validity_days",
            "redeem_until", "is_once_each", "uses", "redeemed", "ended_at", "is_over", "created_at",
        )  # fmt: skip


class CampaignIssuedOut(CampaignOut):
    """A campaign with its codes, which are told this once and never again."""

    codes = serializers.SerializerMethodField()

    class Meta(CampaignOut.Meta):
        fields = (*CampaignOut.Meta.fields, "codes")  # type: ignore[assignment]

    def get_codes(self, _campaign: VoucherCampaign) -> list[str]:
        """Return the codes."""
        return list(self.context["codes"])


class CampaignList(StaffView):
    """Campaigns of vouchers."""

    @extend_schema(operation_id="staff_vouchers", responses=paged(CampaignOut))
    def get(self, request: Request) -> Response:
        """List the campaigns, the newest first; of codes nothing is told."""
        return asked.page(self, request, _campaigns(), CampaignOut)

    @extend_schema(
        operation_id="staff_vouchers_issue",
        request=CampaignIn,
        responses={201: CampaignIssuedOut},
    )
    @once(secrets={"codes"})
    def post(self, request: Request) -> Response:
        """Issue a campaign; asked again under the same key, its codes are not told again."""
        form = asked.valid(CampaignForm(asked.read(CampaignIn, request)))
        campaign, codes = vouchers.issue(by=self.user, **form.facts())
        told: Any = CampaignIssuedOut(_one(campaign.pk), context={"codes": codes}).data
        return Response(told, status=201)


class CampaignDetail(StaffView):
    """One campaign."""

    @extend_schema(operation_id="staff_voucher_campaign", responses=CampaignOut)
    def get(self, request: Request, campaign_id: uuid.UUID) -> Response:
        """Show a campaign."""
        return Response(CampaignOut(_one(campaign_id)).data)


class CampaignEnd(StaffView):
    """The end of a campaign."""

    @extend_schema(operation_id="staff_vouchers_end", request=None, responses=CampaignOut)
    def post(self, request: Request, campaign_id: uuid.UUID) -> Response:
        """Let no more of its vouchers be redeemed; twice is once."""
        vouchers.end(_one(campaign_id), by=self.user)
        return Response(CampaignOut(_one(campaign_id)).data)


def _campaigns() -> QuerySet[VoucherCampaign]:
    found = VoucherCampaign.objects.select_related("token_class")
    return found.annotate(uses=Sum("vouchers__uses"), redeemed=Sum("vouchers__redeemed"))


def _one(campaign_id: uuid.UUID) -> VoucherCampaign:
    found = _campaigns().filter(pk=campaign_id).first()
    if found is None:
        raise NotFound
    return found

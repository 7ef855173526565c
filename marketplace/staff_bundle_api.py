"""Bundles over the management API, for the operator's staff."""

import uuid
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import Named
from common.errors import NotFound
from marketplace import showcase
from marketplace.forms.bundles import LONGEST_DAYS, BundleForm
from marketplace.models import Bundle, TokenClass
from marketplace.proposing import valid
from marketplace.services import bundles
from tenants.key_api import Strict
from tenants.once import once
from tenants.staff_api import StaffView

AMOUNT = r"^[0-9]{1,16}(\.[0-9]{1,3})?\Z"


class StaffBundleIn(Strict):
    """A new bundle; its terms never change: another price is another bundle."""

    slug = serializers.SlugField(max_length=50)
    name = serializers.CharField(max_length=100)
    summary = serializers.CharField(max_length=250, required=False, allow_blank=True, default="")
    currency = serializers.CharField(max_length=3, help_text="Three letters, such as EUR.")
    net_amount = serializers.RegexField(AMOUNT, help_text="The price, excluding tax.")
    grant_unit = serializers.CharField(max_length=6, help_text="`money` or `tokens`.")
    grant_quantity = serializers.RegexField(
        AMOUNT, help_text="Money of the bundle's currency, or a number of tokens."
    )
    token_class = Named(
        "code",
        queryset=TokenClass.objects.all(),
        required=False,
        allow_null=True,
        help_text="Of tokens: the class of models they can be used for.",
    )
    validity_days = serializers.IntegerField(min_value=1, max_value=LONGEST_DAYS)


class StaffBundleSale(Strict):
    """Whether a bundle is on sale."""

    is_active = serializers.BooleanField()


class StaffBundleOut(serializers.ModelSerializer[Bundle]):
    """A bundle, on sale or not."""

    net_amount = serializers.SerializerMethodField()
    grant_unit = serializers.CharField()
    grant_quantity = serializers.SerializerMethodField()
    token_class = serializers.CharField(source="token_class.code", default=None, allow_null=True)

    class Meta:
        model = Bundle
        fields = (
            "id", "slug", "name", "summary", "currency", "net_amount", "grant_unit",
            "grant_quantity", "token_class", "validity_days", "is_active",
        )  # fmt: skip

    def get_net_amount(self, bundle: Bundle) -> str:
        """Return the price, excluding tax."""
        return _plain(bundle.net_amount)

    def get_grant_quantity(self, bundle: Bundle) -> str:
        """Return how much it grants."""
        return _plain(bundle.grant_quantity)


class StaffBundleList(StaffView):
    """Bundles."""

    @extend_schema(operation_id="staff_bundles", responses=StaffBundleOut(many=True))
    def get(self, request: Request) -> Response:
        """List every bundle, those off sale included."""
        return Response(StaffBundleOut(showcase.all_bundles(), many=True).data)

    @extend_schema(
        operation_id="staff_bundle_add", request=StaffBundleIn, responses={201: StaffBundleOut}
    )
    @once()
    def post(self, request: Request) -> Response:
        """Put a new bundle on sale."""
        wanted = StaffBundleIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        facts: dict[str, Any] = wanted.validated_data
        form = valid(BundleForm(facts), facts)
        bundle = bundles.add(form.cleaned_data, by=self.user)
        return Response(StaffBundleOut(bundle).data, status=201)


class StaffBundleDetail(StaffView):
    """One bundle."""

    @extend_schema(operation_id="staff_bundle", responses=StaffBundleOut)
    def get(self, request: Request, bundle_id: uuid.UUID) -> Response:
        """Show a bundle."""
        return Response(StaffBundleOut(_one(bundle_id)).data)

    @extend_schema(
        operation_id="staff_bundle_sale", request=StaffBundleSale, responses=StaffBundleOut
    )
    def patch(self, request: Request, bundle_id: uuid.UUID) -> Response:
        """Take it off sale, or put it back; what was bought of it stays."""
        wanted = StaffBundleSale(data=request.data)
        wanted.is_valid(raise_exception=True)
        bundles.set_on_sale(_one(bundle_id), by=self.user, **wanted.validated_data)
        return Response(StaffBundleOut(_one(bundle_id)).data)


def _one(bundle_id: uuid.UUID) -> Bundle:
    found = showcase.all_bundles().filter(pk=bundle_id).first()
    if found is None:
        raise NotFound
    return found


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"

"""Credit that a customer gets every month, over the management API, for the operator's staff."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import PlainDecimal, PlainInteger
from billing.credit_forms import RecurringForm
from billing.models import CreditGrant, RecurringGrant
from billing.services import recurring
from billing.staff_credit_api import KEY, asked_once, check
from common.api import Named
from common.errors import Conflict
from marketplace.models import TokenClass
from tenants.key_api import Strict
from tenants.models import Organization
from tenants.staff_api import StaffView

AMOUNT = r"^[0-9]+(\.[0-9]+)?\Z"
MONTH = r"^[0-9]{4}-[0-9]{2}\Z"
#: What two grants under one key have to have in common.
SAME = ("unit", "token_class", "quantity", "rollover", "first_month", "last_month", "priority")


class MonthlyCreditIn(Strict):
    """What is granted each month, from which to which, and why; the desk's form says what may be."""

    unit = serializers.ChoiceField(CreditGrant.Unit.choices)
    quantity = serializers.RegexField(AMOUNT, max_length=40)
    token_class = Named(
        "code", queryset=TokenClass.objects.all(), required=False, help_text="Of tokens: the class."
    )
    first_month = serializers.RegexField(
        MONTH, help_text="Such as 2027-03; the present one is granted at once, whole."
    )
    last_month = serializers.RegexField(
        MONTH, required=False, help_text="Left out: until somebody ends it."
    )
    rollover = serializers.RegexField(
        AMOUNT,
        max_length=40,
        required=False,
        help_text="As much of what is left of a month can be used in the one after.",
    )
    priority = PlainInteger(required=False, help_text="Lower numbers are used first.")
    reason = serializers.CharField(
        max_length=250, help_text="The customer reads it in the audit log."
    )


class MonthlyCreditOut(serializers.ModelSerializer[RecurringGrant]):
    """What a customer gets every month; without a last one until it is ended."""

    token_class = serializers.SlugRelatedField[Any]("code", read_only=True)
    quantity = PlainDecimal()
    rollover = PlainDecimal()

    class Meta:
        model = RecurringGrant
        fields = (
            "id", "unit", "token_class", "quantity", "currency", "rollover", "priority",
            "first_month", "last_month", "reason", "created_at", "ended_at",
        )  # fmt: skip


class MonthlyCreditList(StaffView):
    """What a customer gets every month."""

    @extend_schema(operation_id="staff_monthly_credits", responses=MonthlyCreditOut(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """List what a customer gets every month, and what has ended, newest first."""
        found = _customer(slug).recurring_grants.select_related("token_class")
        return Response(MonthlyCreditOut(found, many=True).data)

    @extend_schema(
        operation_id="staff_monthly_credit_begin",
        parameters=[KEY],
        request=MonthlyCreditIn,
        responses={201: MonthlyCreditOut},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Grant credit every month from now on, once per ``Idempotency-Key``."""
        organization = _customer(slug)
        wanted = MonthlyCreditIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        operation = uuid.uuid5(organization.pk, f"monthly:{asked_once(request)}")
        typed = wanted.validated_data | {"operation": operation}
        if token_class := typed.get("token_class"):
            typed["token_class"] = token_class.pk
        form = RecurringForm(typed, currency=organization.currency)
        check(form)
        begun = recurring.begin(organization, by=self.user, **form.cleaned_data)
        if any(getattr(begun, name) != form.cleaned_data[name] for name in SAME):
            raise Conflict(_("This Idempotency-Key was used for another grant."))
        return Response(MonthlyCreditOut(begun).data, status=201)


class MonthlyCreditEnd(StaffView):
    """The end of credit that comes every month."""

    @extend_schema(
        operation_id="staff_monthly_credit_end", request=None, responses=MonthlyCreditOut
    )
    def post(self, request: Request, slug: str, recurring_id: uuid.UUID) -> Response:
        """Grant no further month; what was granted for this one stays."""
        found = get_object_or_404(_customer(slug).recurring_grants, pk=recurring_id)
        return Response(MonthlyCreditOut(recurring.end(found, by=self.user)).data)


def _customer(slug: str) -> Organization:
    return get_object_or_404(Organization, slug=slug)

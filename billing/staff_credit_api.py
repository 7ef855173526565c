"""Credit of customers over the management API, for the operator's staff."""

import uuid
from typing import Any

from django.forms import Form
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import queries
from billing.api import GrantOut, PlainInteger
from billing.credit_forms import CreditForm, ReasonForm
from billing.models import CreditGrant
from billing.services import credits
from common.api import Named
from common.errors import Conflict, DomainError, NotFound
from marketplace.models import TokenClass
from tenants.models import Organization
from tenants.staff_api import StaffView

KEY = OpenApiParameter(
    "Idempotency-Key",
    location=OpenApiParameter.HEADER,
    required=True,
    description="What makes asking twice one grant.",
)
LONGEST_KEY = 200


class CreditIn(serializers.Serializer[Any]):
    """What is granted, and why; the desk's own form says what may be."""

    unit = serializers.ChoiceField(CreditGrant.Unit.choices)
    quantity = serializers.RegexField(r"^[0-9]+(\.[0-9]+)?\Z", max_length=40)
    token_class = Named(
        "code", queryset=TokenClass.objects.all(), required=False, help_text="Of tokens: the class."
    )
    starts_on = serializers.DateField(required=False)
    expires_on = serializers.DateField(required=False)
    priority = PlainInteger(required=False)
    reason = serializers.CharField(max_length=250)


class ReasonIn(serializers.Serializer[Any]):
    """Why something is taken back."""

    reason = serializers.CharField(max_length=250)


class CreditList(StaffView):
    """The credit of a customer."""

    @extend_schema(operation_id="staff_credits", responses=GrantOut(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """List what can be used now in burn order, then what is to come."""
        organization = _customer(slug)
        grants = [*queries.grants(organization), *queries.coming(organization)]
        return Response(GrantOut(grants, many=True).data)

    @extend_schema(parameters=[KEY], request=CreditIn, responses={201: GrantOut})
    def post(self, request: Request, slug: str) -> Response:
        """Give a customer promotional credit, once per ``Idempotency-Key``."""
        organization = _customer(slug)
        wanted = CreditIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        operation = uuid.uuid5(organization.pk, asked_once(request))
        typed = wanted.validated_data | {"operation": operation}
        if token_class := typed.get("token_class"):
            typed["token_class"] = token_class.pk
        form = CreditForm(typed, currency=organization.currency)
        check(form)
        facts = form.facts()
        given = credits.give(organization, by=self.user, **facts)
        same = ("unit", "token_class", "priority", "expires_at")
        is_other = any(getattr(given, name) != facts[name] for name in same)
        # Where no first day is asked for, it is the moment of the grant.
        begins = facts["effective_from"] or min(given.effective_from, given.created_at)
        if is_other or (given.granted, given.effective_from) != (facts["quantity"], begins):
            raise Conflict(_("This Idempotency-Key was used for another grant."))
        return Response(GrantOut(given).data, status=201)


class CreditVoid(StaffView):
    """The end of a grant."""

    @extend_schema(request=ReasonIn, responses=GrantOut)
    def post(self, request: Request, slug: str, grant_id: uuid.UUID) -> Response:
        """Take back what is left of credit that nobody paid for; asked again, nothing changes."""
        gifts = CreditGrant.objects.gifts().filter(organization=_customer(slug))
        given = gifts.filter(pk=grant_id).first()
        if given is None:
            raise NotFound
        form = ReasonForm(request.data if isinstance(request.data, dict) else {})
        check(form)
        credits.void(given, by=self.user, reason=form.cleaned_data["reason"])
        given.refresh_from_db()
        return Response(GrantOut(given).data)


def _customer(slug: str) -> Organization:
    found = Organization.objects.filter(slug=slug).first()
    if found is None:
        raise NotFound
    return found


def asked_once(request: Request) -> str:
    """Return the name that makes asking twice once; without one nothing is granted."""
    key: str = request.headers.get("Idempotency-Key", "")
    if not key or len(key) > LONGEST_KEY:
        raise DomainError(_("Send an Idempotency-Key of at most 200 characters."))
    return key


def check(form: Form) -> None:
    """Refuse what the desk's form refuses, by its fields."""
    if not form.is_valid():
        raise DomainError(
            field_errors={name: [str(it) for it in words] for name, words in form.errors.items()}
        )

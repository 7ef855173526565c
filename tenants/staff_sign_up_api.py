"""Who becomes a customer, over the management API, for the operator's staff: as at the desk."""

import uuid
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import NewestFirstPagination, paged
from common.errors import DomainError, NotFound
from tenants.key_api import Strict
from tenants.limit_forms import MOST_PER_MINUTE
from tenants.models import Organization, SignUp, SignUpPolicy
from tenants.once import once
from tenants.services import sign_ups
from tenants.sign_up_forms import LONGEST, MOST_LINES, PolicyForm
from tenants.staff_api import StaffView


class SignUpPolicyOut(serializers.ModelSerializer[SignUpPolicy]):
    """A policy; number 0 stands for none: everybody may, without limits."""

    way = serializers.CharField()
    written_by = serializers.EmailField(source="written_by.email", default=None, allow_null=True)
    written_at = serializers.SerializerMethodField()

    class Meta:
        model = SignUpPolicy
        fields = ("number", *sign_ups.FIELDS, "written_by", "written_at")

    @extend_schema(responses=serializers.DateTimeField(allow_null=True))
    def get_written_at(self, policy: SignUpPolicy) -> Any:
        """Return when it began to hold."""
        return (
            serializers.DateTimeField().to_representation(policy.written_at)
            if policy.number
            else None
        )


class SignUpPolicyIn(Strict):
    """The whole of the policy that holds from now on, and the number of the one that was read."""

    after = serializers.IntegerField(min_value=0, max_value=MOST_PER_MINUTE)
    way = serializers.ChoiceField(SignUpPolicy.Way.choices)
    welcome = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST), max_length=MOST_LINES
    )
    blocked = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST), max_length=MOST_LINES
    )
    first_rpm = serializers.IntegerField(min_value=1, max_value=MOST_PER_MINUTE, allow_null=True)
    first_tpm = serializers.IntegerField(min_value=1, max_value=MOST_PER_MINUTE, allow_null=True)
    first_concurrency = serializers.IntegerField(
        min_value=1, max_value=MOST_PER_MINUTE, allow_null=True
    )


class SignUpOut(serializers.ModelSerializer[SignUp]):
    """Who founded what, what for, and what was said to it."""

    organization = serializers.SlugField(source="organization.slug")
    name = serializers.CharField(source="organization.name")
    kind = serializers.CharField(source="organization.kind")
    country = serializers.CharField(source="organization.country.code")
    admission = serializers.ChoiceField(
        Organization.Admission.choices, source="organization.admission"
    )
    decided_by = serializers.EmailField(source="decided_by.email", default=None, allow_null=True)

    class Meta:
        model = SignUp
        fields = (
            "id", "organization", "name", "kind", "country", "email", "use", "admission",
            "created_at", "admitted_at", "decided_by", "decided_at", "answer",
        )  # fmt: skip


class SignUpDetailOut(SignUpOut):
    """The same, and whether the applicant's address is known to be theirs."""

    is_verified = serializers.SerializerMethodField()

    class Meta(SignUpOut.Meta):
        fields = (*SignUpOut.Meta.fields, "is_verified")  # type: ignore[assignment]

    def get_is_verified(self, sign_up: SignUp) -> bool:
        """Return whether the founder has confirmed their address."""
        return sign_ups.is_verified(sign_up.applicant)


class SignUpQuery(Strict):
    """Which sign-ups are listed."""

    state = serializers.ChoiceField(("waiting", "decided"), default="waiting")
    cursor = serializers.CharField(required=False)
    limit = serializers.CharField(required=False)


class SignUpRefusal(Strict):
    """Why an organization is not let in; its people read it."""

    reason = serializers.CharField(max_length=500)


class SignUpPolicyView(StaffView):
    """The policy that holds."""

    @extend_schema(operation_id="staff_sign_up_policy", responses=SignUpPolicyOut)
    def get(self, request: Request) -> Response:
        """Show who may found an organization now, and on which first limits."""
        return Response(SignUpPolicyOut(sign_ups.policy()).data)

    @extend_schema(
        operation_id="staff_sign_up_policy_write",
        request=SignUpPolicyIn,
        responses={201: SignUpPolicyOut},
    )
    @once()
    def post(self, request: Request) -> Response:
        """Let another policy hold for whoever signs up from now on; the same writes nothing."""
        wanted = SignUpPolicyIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        facts = wanted.validated_data
        lines = {name: "\n".join(facts[name]) for name in ("welcome", "blocked")}
        form = PolicyForm({**facts, **lines})
        if not form.is_valid():
            raise DomainError(
                field_errors={name: [str(it) for it in said] for name, said in form.errors.items()}
            )
        written = sign_ups.write_policy(by=self.user, **form.facts())
        return Response(SignUpPolicyOut(written).data, status=201)


class SignUpPolicyList(StaffView):
    """The policies so far."""

    @extend_schema(operation_id="staff_sign_up_policies", responses=paged(SignUpPolicyOut))
    def get(self, request: Request) -> Response:
        """List them, the one that holds first."""
        page = NewestFirstPagination()
        page.ordering = "-number"
        found = SignUpPolicy.objects.select_related("written_by")
        rows = page.paginate_queryset(found, request, view=self)
        return page.get_paginated_response(SignUpPolicyOut(rows, many=True).data)


class SignUpList(StaffView):
    """Who asked to become a customer."""

    @extend_schema(
        operation_id="staff_sign_ups",
        parameters=[OpenApiParameter("state", str, enum=["waiting", "decided"])],
        responses=paged(SignUpOut),
    )
    def get(self, request: Request) -> Response:
        """List who waits, the longest first, or what a person decided, the newest first."""
        asked = SignUpQuery(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        is_waiting = asked.validated_data["state"] == "waiting"
        page = NewestFirstPagination()
        page.ordering = "id" if is_waiting else "-decided_at"
        found = _sign_ups().waiting() if is_waiting else _sign_ups().decided()
        rows = page.paginate_queryset(found, request, view=self)
        return page.get_paginated_response(SignUpOut(rows, many=True).data)


class SignUpDetail(StaffView):
    """One sign-up."""

    @extend_schema(operation_id="staff_sign_up", responses=SignUpDetailOut)
    def get(self, request: Request, sign_up_id: uuid.UUID) -> Response:
        """Show who founded what, and what for."""
        return Response(SignUpDetailOut(_sign_up(sign_up_id)).data)


class SignUpApproval(StaffView):
    """Letting an organization in."""

    @extend_schema(request=None, responses=SignUpDetailOut)
    def post(self, request: Request, sign_up_id: uuid.UUID) -> Response:
        """Let an organization in that waits, or was refused; never your own."""
        sign_ups.approve(_sign_up(sign_up_id), by=self.user)
        return Response(SignUpDetailOut(_sign_up(sign_up_id)).data)


class SignUpRefuse(StaffView):
    """Keeping an organization out."""

    @extend_schema(request=SignUpRefusal, responses=SignUpDetailOut)
    def post(self, request: Request, sign_up_id: uuid.UUID) -> Response:
        """Refuse an organization that waits; its people read why."""
        wanted = SignUpRefusal(data=request.data)
        wanted.is_valid(raise_exception=True)
        sign_ups.refuse(_sign_up(sign_up_id), by=self.user, **wanted.validated_data)
        return Response(SignUpDetailOut(_sign_up(sign_up_id)).data)


def _sign_ups() -> Any:
    return SignUp.objects.select_related("organization", "applicant", "decided_by")


def _sign_up(sign_up_id: uuid.UUID) -> SignUp:
    found: SignUp | None = _sign_ups().filter(pk=sign_up_id).first()
    if found is None:
        raise NotFound
    return found

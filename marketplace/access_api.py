"""Terms and access over the management API: for customers, and for the operator's staff."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import NewestFirstPagination, paged
from common.errors import NotFound
from marketplace import access, showcase
from marketplace.access import Standing
from marketplace.models import AccessRequest, AIModel
from marketplace.services import access as services
from tenants.models import Permission, User
from tenants.once import once
from tenants.organization_api import OrganizationView, key_of
from tenants.scope import scope
from tenants.staff_api import StaffView

State = AccessRequest.State

#: What can become of a request.
DECISIONS = [(State.APPROVED, "approved"), (State.DENIED, "denied"), (State.REVOKED, "revoked")]


class TermsOut(serializers.Serializer[Any]):
    """A wording in force, and whether the organization has agreed to it."""

    version = serializers.IntegerField(source="terms.version")
    text = serializers.CharField(source="terms.text")
    accepted_by = serializers.CharField(source="acceptance.accepted_by", default=None)
    accepted_at = serializers.DateTimeField(source="acceptance.accepted_at", default=None)


class RequestOut(serializers.ModelSerializer[AccessRequest]):
    """A request for access, and what the operator said."""

    class Meta:
        model = AccessRequest
        fields = ("id", "state", "reason", "answer", "created_at", "decided_at")


class AccessOut(serializers.Serializer[Any]):
    """What a model asks the organization for, and what is done of it."""

    model = serializers.SlugField(source="model.slug")
    is_open = serializers.BooleanField()
    goes_on_until = serializers.DateTimeField(
        source="grace",
        allow_null=True,
        help_text="Until when calls go on as before, though the model asks for more by now.",
    )
    needs_approval = serializers.BooleanField(source="model.needs_approval")
    terms = serializers.SerializerMethodField()
    request = RequestOut(allow_null=True)

    @extend_schema(responses=TermsOut)
    def get_terms(self, standing: Standing) -> dict[str, Any] | None:
        """Return the wording in force; null where the model asks for no agreement."""
        return TermsOut(standing).data if standing.terms else None


class AcceptIn(serializers.Serializer[Any]):
    """The version that was read."""

    version = serializers.IntegerField(min_value=1, max_value=1_000_000)


class AskIn(serializers.Serializer[Any]):
    """Why the organization needs the model."""

    reason = serializers.CharField(max_length=2000)


class ModelView(OrganizationView):
    """What hangs below a model that the organization sees."""

    def model(self, slug: str) -> AIModel:
        """Return the model."""
        seen = showcase.models_seen_by(self.organization).filter(owner=None)
        found = seen.select_related("terms").filter(slug=slug).first()
        if found is None:
            raise NotFound
        return found

    def standing(self, slug: str) -> Any:
        """Return how the organization stands with it; its scope must be open."""
        return AccessOut(access.standing(self.organization, self.model(slug))).data

    def acts(self, request: Request) -> dict[str, Any]:
        """Return who acts, and through which key."""
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        return {"by": request.user, "through": key_of(request)}


class Access(ModelView):
    """Whether the organization may call a model, and asking for it."""

    permissions = {"GET": Permission.DASHBOARD_READ, "POST": Permission.KEYS_MANAGE}

    @extend_schema(responses=AccessOut)
    def get(self, request: Request, org: str, slug: str) -> Response:
        """Show what the model asks for and what is done of it."""
        with scope(self.organization):
            return Response(self.standing(slug))

    @extend_schema(request=AskIn, responses={201: AccessOut})
    @once()
    def post(self, request: Request, org: str, slug: str) -> Response:
        """Ask the operator to let the organization in."""
        wanted = AskIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        with scope(self.organization):
            services.request(
                self.organization, self.model(slug), **wanted.validated_data, **self.acts(request)
            )
            return Response(self.standing(slug), status=201)


class Terms(ModelView):
    """The terms of a model."""

    permissions = {"POST": Permission.SETTINGS_MANAGE}

    @extend_schema(request=AcceptIn, responses={201: AccessOut})
    @once()
    def post(self, request: Request, org: str, slug: str) -> Response:
        """Agree for the organization to the version that was read."""
        wanted = AcceptIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        with scope(self.organization):
            services.accept(
                self.organization, self.model(slug), **wanted.validated_data, **self.acts(request)
            )
            return Response(self.standing(slug), status=201)


class StaffRequestOut(RequestOut):
    """A request with whose it is."""

    organization = serializers.SlugField(source="organization.slug")
    model = serializers.SlugField(source="model.slug")

    class Meta(RequestOut.Meta):
        fields = (*RequestOut.Meta.fields, "organization", "model")  # type: ignore[assignment]


class DecisionIn(serializers.Serializer[Any]):
    """What becomes of a request."""

    state = serializers.ChoiceField(choices=DECISIONS)
    answer = serializers.CharField(max_length=500, allow_blank=True, required=False)


class RequestList(StaffView):
    """What customers asked for."""

    @extend_schema(operation_id="staff_access_requests", responses=paged(StaffRequestOut))
    def get(self, request: Request) -> Response:
        """List the requests, newest first."""
        page = NewestFirstPagination()
        rows = page.paginate_queryset(access.requests(), request, view=self)
        return page.get_paginated_response(StaffRequestOut(rows, many=True).data)


class RequestDetail(StaffView):
    """One request."""

    @extend_schema(request=DecisionIn, responses=StaffRequestOut)
    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        """Let the customer in, refuse it, or take back what was granted."""
        wanted = DecisionIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        asked = access.requests().filter(pk=request_id).first()
        if asked is None:
            raise NotFound
        decided = services.decide(asked, **wanted.validated_data, by=self.user)
        return Response(StaffRequestOut(decided).data)

"""Keys, members and audit over the management API."""

import uuid
from datetime import timedelta
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import NewestFirstPagination, paged
from tenants import key_scopes
from tenants.limit_forms import MOST_RANGES
from tenants.models import ApiKey, AuditEntry, Membership, Permission, User
from tenants.once import once
from tenants.organization_api import OrganizationView, key_of
from tenants.projects_api import LIMITS, LimitsIn, RangeField
from tenants.scope import scope
from tenants.services import api_keys


class ApiKeyOut(serializers.ModelSerializer[ApiKey]):
    """A key without its text."""

    class Meta:
        model = ApiKey
        fields = (
            "id", "project_id", "name", "prefix", "last_four", "state", "scopes",
            "allowed_models", "ip_ranges", "expires_at", *LIMITS, "last_used_at", "created_at",
            "former_last_four", "former_until", "former_used_at",
        )  # fmt: skip
        extra_kwargs = {
            "former_last_four": {"help_text": "Of the text before the key was rotated."},
            "former_until": {"help_text": "Until when that text is accepted too."},
            "former_used_at": {"help_text": "When it was last used, to the minute."},
        }


class Rotation(serializers.Serializer[Any]):
    """How a key's text is replaced."""

    last_four = serializers.CharField(
        min_length=4, max_length=4, help_text="Of the text that is to be replaced."
    )
    overlap_seconds = serializers.IntegerField(
        min_value=0,
        max_value=int(api_keys.LONGEST_OVERLAP.total_seconds()),
        help_text="So long the replaced text is still accepted; 0 ends it within five seconds.",
    )


class ApiKeyTerms(LimitsIn):
    """What may be changed of a key; what is left out stays."""

    name = serializers.CharField(max_length=100, required=False)
    allowed_models = serializers.ListField(
        child=serializers.CharField(max_length=100), max_length=100, required=False
    )
    ip_ranges = serializers.ListField(child=RangeField(), max_length=MOST_RANGES, required=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class ApiKeyIn(ApiKeyTerms):
    """What a new key is asked for with; without a project it goes into the default one."""

    name = serializers.CharField(max_length=100)
    project_id = serializers.UUIDField(required=False)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(list(key_scopes.WORDS)), min_length=1, required=False
    )


class MintedKeyOut(serializers.Serializer[Any]):
    """A new key with its text, this once."""

    api_key = ApiKeyOut()
    key = serializers.CharField()


class MemberOut(serializers.ModelSerializer[Membership]):
    """A member and their role."""

    email = serializers.EmailField(source="user.email")

    class Meta:
        model = Membership
        fields = ("id", "email", "role", "created_at")


class AuditEntryOut(serializers.ModelSerializer[AuditEntry]):
    """One administrative act."""

    class Meta:
        model = AuditEntry
        fields = (
            "id", "occurred_at", "actor_kind", "actor_label", "action", "target_kind",
            "target_id", "target_label", "before", "after",
        )  # fmt: skip


class KeyList(OrganizationView):
    """The organization's keys."""

    permissions = {"GET": Permission.KEYS_READ, "POST": Permission.KEYS_MANAGE}

    @extend_schema(operation_id="v1_organizations_keys_list", responses=paged(ApiKeyOut))
    def get(self, request: Request, org: str) -> Response:
        """List the keys, newest first."""
        with scope(self.organization):
            page = NewestFirstPagination()
            rows = page.paginate_queryset(self.organization.api_keys.made(), request, view=self)
            return page.get_paginated_response(ApiKeyOut(rows, many=True).data)

    @extend_schema(request=ApiKeyIn, responses={201: MintedKeyOut})
    @once(secrets=("key",))
    def post(self, request: Request, org: str) -> Response:
        """Make a key; its text is in this answer alone."""
        wanted = ApiKeyIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        with scope(self.organization):
            facts = wanted.validated_data
            if project_id := facts.pop("project_id", None):
                facts["project"] = get_object_or_404(self.organization.projects, pk=project_id)
            minted = api_keys.create(
                self.organization, by=request.user, through=key_of(request), **facts
            )
            body = {"api_key": ApiKeyOut(minted.api_key).data, "key": minted.text}
        return Response(body, status=201, headers={"Cache-Control": "no-store"})


class KeyDetail(OrganizationView):
    """One key."""

    permissions = {
        "GET": Permission.KEYS_READ,
        "PATCH": Permission.KEYS_MANAGE,
        "DELETE": Permission.KEYS_MANAGE,
    }

    @extend_schema(responses=ApiKeyOut)
    def get(self, request: Request, org: str, key_id: uuid.UUID) -> Response:
        """Show the key."""
        with scope(self.organization):
            key = get_object_or_404(self.organization.api_keys, pk=key_id)
            return Response(ApiKeyOut(key).data)

    @extend_schema(request=ApiKeyTerms, responses=ApiKeyOut)
    def patch(self, request: Request, org: str, key_id: uuid.UUID) -> Response:
        """Change the key's name or terms; gateways know within five seconds."""
        wanted = ApiKeyTerms(data=request.data)
        wanted.is_valid(raise_exception=True)
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        with scope(self.organization):
            key = get_object_or_404(self.organization.api_keys, pk=key_id)
            key = api_keys.change(
                key, by=request.user, through=key_of(request), **wanted.validated_data
            )
            return Response(ApiKeyOut(key).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, org: str, key_id: uuid.UUID) -> Response:
        """Revoke the key; twice is once."""
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        with scope(self.organization):
            key = get_object_or_404(self.organization.api_keys, pk=key_id)
            api_keys.revoke(key, by=request.user, through=key_of(request))
        return Response(status=204)


class KeyRotation(OrganizationView):
    """A key's text, and the one before it."""

    permissions = {"POST": Permission.KEYS_MANAGE, "DELETE": Permission.KEYS_MANAGE}

    @extend_schema(request=Rotation, responses={201: MintedKeyOut})
    @once(secrets=("key",))
    def post(self, request: Request, org: str, key_id: uuid.UUID) -> Response:
        """Replace the key's text; the new one is in this answer alone.

        Name, terms, budgets and usage stay with the key. A key that was rotated already is 409
        `key_rotated_already`; one whose former text still works is 409 `key_rotating`.
        """
        wanted = Rotation(data=request.data)
        wanted.is_valid(raise_exception=True)
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        with scope(self.organization):
            key = get_object_or_404(self.organization.api_keys.made(), pk=key_id)
            minted = api_keys.rotate(
                key,
                replacing=wanted.validated_data["last_four"],
                overlap=timedelta(seconds=wanted.validated_data["overlap_seconds"]),
                by=request.user,
                through=key_of(request),
            )
            body = {"api_key": ApiKeyOut(minted.api_key).data, "key": minted.text}
        return Response(body, status=201, headers={"Cache-Control": "no-store"})

    @extend_schema(responses=ApiKeyOut)
    def delete(self, request: Request, org: str, key_id: uuid.UUID) -> Response:
        """End the text before the present one now; twice is once."""
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        with scope(self.organization):
            key = get_object_or_404(self.organization.api_keys.made(), pk=key_id)
            key = api_keys.end_former(key, by=request.user, through=key_of(request))
            return Response(ApiKeyOut(key).data)


class MemberList(OrganizationView):
    """The organization's members."""

    permissions = {"GET": Permission.MEMBERS_READ}

    @extend_schema(operation_id="v1_organizations_members_list", responses=paged(MemberOut))
    def get(self, request: Request, org: str) -> Response:
        """List the members."""
        with scope(self.organization):
            page = NewestFirstPagination()
            members = self.organization.memberships.select_related("user")
            rows = page.paginate_queryset(members, request, view=self)
            return page.get_paginated_response(MemberOut(rows, many=True).data)


class AuditLog(OrganizationView):
    """What was done in the organization."""

    permissions = {"GET": Permission.AUDIT_READ}

    @extend_schema(operation_id="v1_organizations_audit_list", responses=paged(AuditEntryOut))
    def get(self, request: Request, org: str) -> Response:
        """List the acts, newest first."""
        with scope(self.organization):
            page = NewestFirstPagination()
            entries = self.organization.audit_entries.all()
            rows = page.paginate_queryset(entries, request, view=self)
            return page.get_paginated_response(AuditEntryOut(rows, many=True).data)

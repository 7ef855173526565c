"""Projects, and the limits of each and of the organization, over the management API."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import NewestFirstPagination, paged
from tenants.limit_forms import MOST_PER_MINUTE, NoRange, read_range
from tenants.models import Classification, Organization, Permission, Project, User
from tenants.once import once
from tenants.organization_api import OrganizationView, key_of
from tenants.scope import scope
from tenants.services import organizations, projects

LIMITS = ("rpm_limit", "tpm_limit", "concurrency_limit")


class LimitsIn(serializers.Serializer[Any]):
    """Limits; null is no limit, what is left out stays."""

    rpm_limit = serializers.IntegerField(
        min_value=1, max_value=MOST_PER_MINUTE, required=False, allow_null=True
    )
    tpm_limit = serializers.IntegerField(
        min_value=1, max_value=MOST_PER_MINUTE, required=False, allow_null=True
    )
    concurrency_limit = serializers.IntegerField(
        min_value=1, max_value=MOST_PER_MINUTE, required=False, allow_null=True
    )


class RangeField(serializers.CharField):
    """An address or a range of them."""

    def to_internal_value(self, data: Any) -> str:
        """Return it as it is stored, or say what is wrong."""
        try:
            return read_range(super().to_internal_value(data))
        except NoRange as error:
            raise serializers.ValidationError(str(error)) from None


class ProjectIn(LimitsIn):
    """A project to be made."""

    name = serializers.CharField(max_length=100)
    classification = serializers.ChoiceField(Classification.choices, required=False)


class ProjectOut(serializers.ModelSerializer[Project]):
    """A project and its limits."""

    class Meta:
        model = Project
        fields = ("id", "name", "slug", "classification", *LIMITS, "created_at")


class LimitsOut(serializers.ModelSerializer[Organization]):
    """The limits of everything the organization calls."""

    class Meta:
        model = Organization
        fields = LIMITS


class ProjectList(OrganizationView):
    """The organization's projects."""

    permissions = {"GET": Permission.SETTINGS_READ, "POST": Permission.SETTINGS_MANAGE}

    @extend_schema(operation_id="v1_organizations_projects_list", responses=paged(ProjectOut))
    def get(self, request: Request, org: str) -> Response:
        """List the projects, newest first."""
        with scope(self.organization):
            page = NewestFirstPagination()
            rows = page.paginate_queryset(self.organization.projects.all(), request, view=self)
            return page.get_paginated_response(ProjectOut(rows, many=True).data)

    @extend_schema(request=ProjectIn, responses={201: ProjectOut})
    @once()
    def post(self, request: Request, org: str) -> Response:
        """Make a project."""
        wanted = ProjectIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        with scope(self.organization):
            project = projects.create(
                self.organization,
                by=request.user,
                through=key_of(request),
                **wanted.validated_data,
            )
            return Response(ProjectOut(project).data, status=201)


class ProjectDetail(OrganizationView):
    """One project."""

    permissions = {"PATCH": Permission.SETTINGS_MANAGE}

    @extend_schema(request=ProjectIn(partial=True), responses=ProjectOut)
    def patch(self, request: Request, org: str, project_id: uuid.UUID) -> Response:
        """Change the project's name or limits; what is left out stays."""
        wanted = ProjectIn(data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        with scope(self.organization):
            project = get_object_or_404(self.organization.projects, pk=project_id)
            project = projects.change(
                project, by=request.user, through=key_of(request), **wanted.validated_data
            )
            return Response(ProjectOut(project).data)


class OrganizationLimits(OrganizationView):
    """The limits of all that the organization calls."""

    permissions = {"GET": Permission.SETTINGS_READ, "PATCH": Permission.SETTINGS_MANAGE}

    @extend_schema(responses=LimitsOut)
    def get(self, request: Request, org: str) -> Response:
        """Show the limits."""
        return Response(LimitsOut(self.organization).data)

    @extend_schema(request=LimitsIn, responses=LimitsOut)
    def patch(self, request: Request, org: str) -> Response:
        """Change the limits; what is left out stays."""
        wanted = LimitsIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        with scope(self.organization):
            changed = organizations.change(
                self.organization,
                by=request.user,
                through=key_of(request),
                **wanted.validated_data,
            )
            return Response(LimitsOut(changed).data)

"""Cost centres, and which projects are charged to each, over the management API."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import divisions
from billing.models import CostCentre
from billing.services import cost_centres
from billing.terms_api import choose
from tenants.key_api import Strict
from tenants.models import Permission, User
from tenants.once import once
from tenants.organization_api import OrganizationView, key_of
from tenants.scope import scope


class CostCentreIn(Strict):
    """A cost centre to be noted."""

    code = serializers.CharField(max_length=40)
    name = serializers.CharField(max_length=100)


class ChargedOut(serializers.Serializer[Any]):
    """A project that is charged to it."""

    id = serializers.UUIDField(source="project_id")
    name = serializers.CharField(source="project.name")


class CostCentreOut(serializers.Serializer[Any]):
    """A cost centre and what is charged to it."""

    id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    projects = serializers.SerializerMethodField()

    def get_projects(self, centre: CostCentre) -> list[dict[str, Any]]:
        """Return the projects that are charged to it."""
        charged = centre.projects.select_related("project").order_by("project__name")
        return list(ChargedOut(charged, many=True).data)


class ChargeIn(Strict):
    """The code of the cost centre that a project is charged to; null: to none."""

    cost_centre = serializers.CharField(max_length=40, allow_null=True)


class ChargeOut(serializers.Serializer[Any]):
    """What a project is charged to."""

    project = serializers.UUIDField()
    cost_centre = serializers.CharField(allow_null=True)


class CostCentreList(OrganizationView):
    """The cost centres of an organization."""

    permissions = {"GET": Permission.BILLING_MANAGE, "POST": Permission.BILLING_MANAGE}

    @extend_schema(operation_id="cost_centres", responses=CostCentreOut(many=True))
    def get(self, request: Request, org: str) -> Response:
        """List the cost centres, and what is charged to each."""
        with scope(self.organization):
            found = divisions.cost_centres(self.organization)
            return Response(CostCentreOut(found, many=True).data)

    @extend_schema(request=CostCentreIn, responses={201: CostCentreOut})
    @once()
    def post(self, request: Request, org: str) -> Response:
        """Note a cost centre; its code stands once."""
        wanted = CostCentreIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        with scope(self.organization):
            made = cost_centres.add(
                self.organization,
                by=request.user,
                through=key_of(request),
                **wanted.validated_data,
            )
            return Response(CostCentreOut(made).data, status=201)


class CostCentreDetail(OrganizationView):
    """One cost centre."""

    permissions = {"GET": Permission.BILLING_MANAGE, "DELETE": Permission.BILLING_MANAGE}

    @extend_schema(responses=CostCentreOut)
    def get(self, request: Request, org: str, centre_id: uuid.UUID) -> Response:
        """Show a cost centre, and what is charged to it."""
        with scope(self.organization):
            return Response(CostCentreOut(self._centre(centre_id)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, org: str, centre_id: uuid.UUID) -> Response:
        """Take a cost centre off the list; one that projects are charged to stays."""
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        with scope(self.organization):
            centre = self._centre(centre_id)
            cost_centres.remove(centre, by=request.user, through=key_of(request))
        return Response(status=204)

    def _centre(self, centre_id: uuid.UUID) -> CostCentre:
        found: CostCentre = get_object_or_404(
            divisions.cost_centres(self.organization), pk=centre_id
        )
        return found


class ProjectCharge(OrganizationView):
    """The cost centre of a project."""

    permissions = {"PUT": Permission.BILLING_MANAGE}

    @extend_schema(request=ChargeIn, responses=ChargeOut)
    def put(self, request: Request, org: str, project_id: uuid.UUID) -> Response:
        """Charge a project to a cost centre, or to none; written invoices stay as they are."""
        wanted = ChargeIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        code = wanted.validated_data["cost_centre"]
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        with scope(self.organization):
            project = get_object_or_404(self.organization.projects, pk=project_id)
            own = divisions.cost_centres(self.organization)
            centre = None if code is None else choose("cost_centre", "code", code, own)
            cost_centres.charge(
                self.organization, {project: centre}, by=request.user, through=key_of(request)
            )
        return Response(ChargeOut({"project": project_id, "cost_centre": code}).data)

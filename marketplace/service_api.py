"""Services over the management API: what there is for an organization, enabled and disabled."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import NotFound
from marketplace import applications, showcase
from marketplace.applications import Listed, ServiceStanding
from marketplace.models import Application
from marketplace.services import enabling
from marketplace.showcase import PricedOffer
from tenants.models import Permission, User
from tenants.once import once
from tenants.organization_api import OrganizationView, key_of
from tenants.scope import scope


class ServiceOut(serializers.Serializer[Any]):
    """A service, and how the organization stands with it."""

    slug = serializers.SlugField(source="application.slug")
    name = serializers.CharField(source="application.name")
    kind = serializers.CharField(source="application.kind")
    status = serializers.CharField(source="application.status")
    publisher = serializers.CharField(source="application.publisher.name")
    summary = serializers.CharField(source="application.said_summary")
    description = serializers.CharField(source="application.said_description")
    languages = serializers.ListField(child=serializers.CharField(), source="application.languages")
    clearance = serializers.CharField(source="application.clearance")
    data_policy = serializers.CharField(source="application.said_data_policy")
    limits = serializers.CharField(source="application.said_limits")
    terms = serializers.CharField(source="application.terms")
    terms_version = serializers.CharField(source="application.terms_version")
    documentation_url = serializers.CharField(source="application.documentation_url")
    retires_at = serializers.DateTimeField(source="application.retires_at", allow_null=True)
    uses = serializers.SerializerMethodField()
    regions = serializers.SerializerMethodField()
    is_running = serializers.BooleanField(source="application.is_running")
    can_enable = serializers.BooleanField()
    hindrances = serializers.ListField(child=serializers.CharField())
    is_enabled = serializers.SerializerMethodField()
    enabled_at = serializers.DateTimeField(source="enabled.enabled_at", default=None)
    api_key_id = serializers.UUIDField(source="enabled.api_key_id", default=None)
    base_url = serializers.SerializerMethodField()

    def get_uses(self, standing: ServiceStanding) -> list[str]:
        """Return the models that it calls, by their slugs."""
        return sorted(it.slug for it in standing.application.uses.all())

    def get_regions(self, standing: ServiceStanding) -> list[str]:
        """Return the codes of the regions that it runs in."""
        return sorted(it.code for it in standing.application.regions.all())

    def get_is_enabled(self, standing: ServiceStanding) -> bool:
        """Return whether the organization has it enabled."""
        return standing.enabled is not None

    def get_base_url(self, standing: ServiceStanding) -> str | None:
        """Return where it runs, for those who have it enabled."""
        return standing.application.base_url if standing.enabled else None


class EnableIn(serializers.Serializer[Any]):
    """The wording that was read: ``terms_version``; empty where there are no terms."""

    terms = serializers.CharField(max_length=64, allow_blank=True, required=False, default="")


class EnabledServiceOut(ServiceOut):
    """An enabled service with its key, this once."""

    key = serializers.CharField(allow_null=True)


class ServiceView(OrganizationView):
    """What hangs below the services that the organization sees; its scope must be open."""

    def seen(self) -> list[Listed[PricedOffer]]:
        """Return them all."""
        return applications.seen(showcase.offers_seen_by(self.organization))

    def application(self, slug: str) -> Application:
        """Return one of them, or one that is enabled, whatever became of it."""
        found = [it.application for it in self.seen()]
        found += [it.application for it in applications.enabled_by(self.organization)]
        for application in found:
            if application.slug == slug:
                return application
        raise NotFound

    def standing(self, application: Application) -> ServiceStanding:
        """Return how the organization stands with it."""
        return applications.standing(self.organization, application)

    def acts(self, request: Request) -> dict[str, Any]:
        """Return who acts, and through which key."""
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        return {"by": request.user, "through": key_of(request)}


class ServiceList(ServiceView):
    """The services that the organization sees."""

    permissions = {"GET": Permission.DASHBOARD_READ}

    @extend_schema(operation_id="organization_services", responses=ServiceOut(many=True))
    def get(self, request: Request, org: str) -> Response:
        """List the services by name, and how the organization stands with each."""
        with scope(self.organization):
            standings = [self.standing(it.application) for it in self.seen()]
            return Response(ServiceOut(standings, many=True).data)


class ServiceDetail(ServiceView):
    """One service: shown, enabled, disabled."""

    permissions = {
        "GET": Permission.DASHBOARD_READ,
        "POST": Permission.KEYS_MANAGE,
        "DELETE": Permission.KEYS_MANAGE,
    }

    @extend_schema(operation_id="organization_service", responses=ServiceOut)
    def get(self, request: Request, org: str, slug: str) -> Response:
        """Show a service."""
        with scope(self.organization):
            return Response(ServiceOut(self.standing(self.application(slug))).data)

    @extend_schema(
        operation_id="enable_service", request=EnableIn, responses={201: EnabledServiceOut}
    )
    @once(secrets=("key",))
    def post(self, request: Request, org: str, slug: str) -> Response:
        """Enable the service; the text of its key is in this answer alone."""
        wanted = EnableIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        with scope(self.organization):
            application = self.application(slug)
            minted = enabling.enable(
                self.organization, application, **wanted.validated_data, **self.acts(request)
            )
            told = {**ServiceOut(self.standing(application)).data, "key": minted.text}
            return Response(told, status=201)

    @extend_schema(operation_id="disable_service", responses={204: None})
    def delete(self, request: Request, org: str, slug: str) -> Response:
        """Disable the service; its key is revoked."""
        with scope(self.organization):
            enabling.disable(self.organization, self.application(slug), **self.acts(request))
        return Response(status=204)

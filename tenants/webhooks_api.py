"""Webhooks over the management API."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common import outside
from common.api import NewestFirstPagination, paged
from tenants import webhook_types
from tenants.models import (
    Permission,
    User,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from tenants.once import once
from tenants.organization_api import OrganizationView, key_of
from tenants.scope import scope
from tenants.services import webhooks

READ, MANAGE = Permission.SETTINGS_READ, Permission.SETTINGS_MANAGE


class EndpointIn(serializers.Serializer[Any]):
    """A new endpoint; without ``events`` it is told of all."""

    url = serializers.URLField(max_length=500)
    description = serializers.CharField(max_length=100, allow_blank=True, required=False)
    events = serializers.ListField(
        child=serializers.CharField(max_length=40), max_length=100, required=False
    )

    def validate_url(self, value: str) -> str:
        """Refuse what would be refused at every delivery."""
        if outside.tells_secret(value):
            raise serializers.ValidationError("Leave user and password out of the address.")
        if outside.refuses(value):
            raise serializers.ValidationError(
                "Only https addresses on the public Internet are called."
            )
        return value

    def validate_events(self, value: list[str]) -> list[str]:
        """Refuse events that there are not."""
        if unknown := set(value) - set(webhook_types.known()):
            raise serializers.ValidationError(f"There is no event {sorted(unknown)[0]!r}.")
        return value


class EndpointTerms(EndpointIn):
    """What may be changed of an endpoint; what is left out stays."""

    is_active = serializers.BooleanField(required=False)


class EndpointOut(serializers.ModelSerializer[WebhookEndpoint]):
    """An endpoint, without its secret."""

    class Meta:
        model = WebhookEndpoint
        fields = (
            "id", "url", "description", "events", "is_active", "failing_since", "disabled_at",
            "created_at",
        )  # fmt: skip


class SecretOut(EndpointOut):
    """An endpoint with its secret, which is shown this once."""

    secret = serializers.CharField()

    class Meta(EndpointOut.Meta):
        fields = (*EndpointOut.Meta.fields, "secret")  # type: ignore[assignment]


class AttemptOut(serializers.ModelSerializer[WebhookAttempt]):
    """One try and what came of it."""

    class Meta:
        model = WebhookAttempt
        fields = ("attempted_at", "status", "trouble", "answer", "took_ms")


class DeliveryOut(serializers.ModelSerializer[WebhookDelivery]):
    """One event on its way to an endpoint."""

    type = serializers.CharField(source="event.type")
    event_id = serializers.UUIDField()
    content = serializers.JSONField(source="event.data")
    attempts = AttemptOut(many=True, source="attempt_rows")

    class Meta:
        model = WebhookDelivery
        fields = (
            "id", "event_id", "type", "content", "state", "attempts", "next_attempt_at",
            "delivered_at", "created_at",
        )  # fmt: skip


class EndpointView(OrganizationView):
    """What hangs below one endpoint."""

    def endpoint(self, endpoint_id: uuid.UUID) -> WebhookEndpoint:
        """Return the organization's endpoint; its scope must be open."""
        return get_object_or_404(self.organization.webhook_endpoints.present(), pk=endpoint_id)

    def acts(self, request: Request) -> dict[str, Any]:
        """Return who acts, and through which key."""
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        return {"by": request.user, "through": key_of(request)}


class EndpointList(EndpointView):
    """The organization's endpoints."""

    permissions = {"GET": READ, "POST": MANAGE}

    @extend_schema(operation_id="v1_organizations_webhooks_list", responses=paged(EndpointOut))
    def get(self, request: Request, org: str) -> Response:
        """List the endpoints, newest first."""
        with scope(self.organization):
            page = NewestFirstPagination()
            endpoints = self.organization.webhook_endpoints.present()
            rows = page.paginate_queryset(endpoints, request, view=self)
            return page.get_paginated_response(EndpointOut(rows, many=True).data)

    @extend_schema(request=EndpointIn, responses={201: SecretOut})
    @once(secrets=("secret",))
    def post(self, request: Request, org: str) -> Response:
        """Add an endpoint; its secret is in this answer and in no other."""
        wanted = EndpointIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        with scope(self.organization):
            made = webhooks.create(self.organization, **self.acts(request), **wanted.validated_data)
            return Response(SecretOut(made).data, status=201)


class EndpointDetail(EndpointView):
    """One endpoint."""

    permissions = {"GET": READ, "PATCH": MANAGE, "DELETE": MANAGE}

    @extend_schema(responses=EndpointOut)
    def get(self, request: Request, org: str, endpoint_id: uuid.UUID) -> Response:
        """Show the endpoint."""
        with scope(self.organization):
            return Response(EndpointOut(self.endpoint(endpoint_id)).data)

    @extend_schema(request=EndpointTerms(partial=True), responses=EndpointOut)
    def patch(self, request: Request, org: str, endpoint_id: uuid.UUID) -> Response:
        """Change the endpoint, switch it off or on."""
        wanted = EndpointTerms(data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        with scope(self.organization):
            changed = webhooks.change(
                self.endpoint(endpoint_id), **self.acts(request), **wanted.validated_data
            )
            return Response(EndpointOut(changed).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, org: str, endpoint_id: uuid.UUID) -> Response:
        """Tell the endpoint nothing more."""
        with scope(self.organization):
            webhooks.remove(self.endpoint(endpoint_id), **self.acts(request))
        return Response(status=204)


class EndpointRotate(EndpointView):
    """An endpoint's secret."""

    permissions = {"POST": MANAGE}

    @extend_schema(request=None, responses=SecretOut)
    def post(self, request: Request, org: str, endpoint_id: uuid.UUID) -> Response:
        """Make a new secret; the former one goes on signing for a day."""
        with scope(self.organization):
            rotated = webhooks.rotate(self.endpoint(endpoint_id), **self.acts(request))
            return Response(SecretOut(rotated).data)


class EndpointTest(EndpointView):
    """Tests of an endpoint."""

    permissions = {"POST": MANAGE}

    @extend_schema(request=None, responses={202: DeliveryOut})
    def post(self, request: Request, org: str, endpoint_id: uuid.UUID) -> Response:
        """Send ``webhook.test`` to this endpoint alone."""
        with scope(self.organization):
            sent = webhooks.test(self.endpoint(endpoint_id))
            return Response(DeliveryOut(sent).data, status=202)


class DeliveryList(EndpointView):
    """What an endpoint was told."""

    permissions = {"GET": READ}

    @extend_schema(
        operation_id="v1_organizations_webhooks_deliveries_list", responses=paged(DeliveryOut)
    )
    def get(self, request: Request, org: str, endpoint_id: uuid.UUID) -> Response:
        """List the deliveries with their attempts, newest first."""
        with scope(self.organization):
            page = NewestFirstPagination()
            found = self.endpoint(endpoint_id).deliveries.select_related("event")
            rows = page.paginate_queryset(
                found.prefetch_related("attempt_rows"), request, view=self
            )
            return page.get_paginated_response(DeliveryOut(rows, many=True).data)


class DeliveryReplay(EndpointView):
    """One delivery, again."""

    permissions = {"POST": MANAGE}

    @extend_schema(request=None, responses={202: DeliveryOut})
    def post(
        self, request: Request, org: str, endpoint_id: uuid.UUID, delivery_id: uuid.UUID
    ) -> Response:
        """Deliver the event once more, under the same id."""
        with scope(self.organization):
            found = get_object_or_404(self.endpoint(endpoint_id).deliveries, pk=delivery_id)
            return Response(DeliveryOut(webhooks.replay(found)).data, status=202)

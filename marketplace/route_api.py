"""Ways from offers to servers over the management API, for staff: the desk's forms and services."""

import uuid
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import NewestFirstPagination, paged
from common.errors import NotFound
from marketplace import desk
from marketplace.errors import BadProposal
from marketplace.forms.models import RouteForm, RouteNameForm, ShareForm
from marketplace.models import Offer, Route
from marketplace.proposing import valid
from marketplace.server_api import ServerIn, facts_of
from marketplace.server_change_api import ServerChangeOut
from marketplace.services import server_changes
from tenants.once import once
from tenants.staff_api import StaffView

ADDED = {
    "facts": {
        "offer": "atlas-mini",
        "upstream": "01890000-0000-7000-8000-000000000000",
        "upstream_model": "atlas-mini-instruct",
        "role": "canary",
        "share": 5,
    }
}


class StaffRouteOut(serializers.ModelSerializer[Route]):
    """One way from an offer to a server; `share` is of a way on trial, in per cent."""

    offer = serializers.CharField(source="offer.name")
    server = serializers.UUIDField(source="upstream_id")
    role = serializers.CharField()
    conforms = serializers.BooleanField(help_text="Whether its last probe failed in nothing.")

    class Meta:
        model = Route
        fields = (
            "id", "offer", "server", "upstream_model", "priority", "weight", "role", "share",
            "conforms", "conformed_at",
        )  # fmt: skip


class RouteSavedOut(serializers.Serializer[Any]):
    """The way as it is now, if there is one, and what of it waits for a second person, if anything."""

    route = StaffRouteOut(allow_null=True)
    change = ServerChangeOut(allow_null=True)


class RouteList(StaffView):
    """The ways of all offers."""

    @extend_schema(
        operation_id="staff_routes",
        parameters=[
            OpenApiParameter("offer", str, description="The name of an offer in the API."),
            OpenApiParameter("server", uuid.UUID, description="A server's id."),
        ],
        responses=paged(StaffRouteOut),
    )
    def get(self, request: Request) -> Response:
        """List the ways, the newest first; lower numbers of `priority` are asked first."""
        found, asked = _routes(), request.query_params
        if name := asked.get("offer"):
            found = found.filter(offer__name=name.replace("\0", ""))
        if server := asked.get("server"):
            wanted = serializers.UUIDField().run_validation(server)
            found = found.filter(upstream=wanted)
        page = NewestFirstPagination()
        rows = page.paginate_queryset(found, request, view=self)
        return page.get_paginated_response(StaffRouteOut(rows, many=True).data)

    @extend_schema(
        operation_id="staff_route_add",
        request=ServerIn,
        responses={201: RouteSavedOut},
        examples=[OpenApiExample("A canary", ADDED, request_only=True)],
    )
    @once()
    def post(self, request: Request) -> Response:
        """Let one more server answer for an offer; its name stands in `offer`.

        Of an offer that is on sale or in review it waits for a second person, and there is no route.
        """
        facts = facts_of(request)
        offer = _offer(facts.pop("offer", None))
        form = valid(RouteForm({"priority": 0, "weight": 1, **facts}, offer=offer), facts)
        added = server_changes.add_way(offer, form.cleaned_data, by=self.user)
        told = {"route": None, "change": added}
        if isinstance(added, Route):
            told = {"route": added, "change": None}
        return Response(RouteSavedOut(told).data, status=201)


class RouteDetail(StaffView):
    """One way."""

    @extend_schema(operation_id="staff_route", responses=StaffRouteOut)
    def get(self, request: Request, route_id: uuid.UUID) -> Response:
        """Show a way."""
        return Response(StaffRouteOut(_route(route_id)).data)

    @extend_schema(operation_id="staff_route_change", request=ServerIn, responses=RouteSavedOut)
    def patch(self, request: Request, route_id: uuid.UUID) -> Response:
        """Change what the server calls the model, or how much a way on trial gets: one of them.

        Another name of a model on sale waits for a second person, and a canary that gets more than
        was agreed to.
        """
        route, facts, change = _route(route_id), facts_of(request), None
        if "share" in facts:
            share = valid(ShareForm(facts), facts).cleaned_data["share"]
            change = server_changes.give(route, share, by=self.user)
        else:
            form = valid(RouteNameForm(facts, instance=_route(route_id)), facts)
            name = form.cleaned_data["upstream_model"]
            change = server_changes.rename(route, name, by=self.user)
        return _saved(route_id, change)

    @extend_schema(operation_id="staff_route_remove", responses={204: None})
    def delete(self, request: Request, route_id: uuid.UUID) -> Response:
        """Ask the server no longer for the offer; one on sale keeps at least one way."""
        server_changes.remove_way(_route(route_id), by=self.user)
        return Response(status=204)


class RoutePromotion(StaffView):
    """Promoting a canary."""

    @extend_schema(operation_id="staff_route_promote", request=None, responses=RouteSavedOut)
    def post(self, request: Request, route_id: uuid.UUID) -> Response:
        """Let a canary answer everything, the others when it fails; on sale, a second person agrees."""
        change = server_changes.promote(_route(route_id), by=self.user)
        return _saved(route_id, change)


def _saved(route_id: uuid.UUID, change: Any) -> Response:
    return Response(RouteSavedOut({"route": _route(route_id), "change": change}).data)


def _offer(name: object) -> Offer:
    text = name.replace("\0", "") if isinstance(name, str) else ""
    found = desk.offers().filter(name=text).first()
    if found is None:
        raise BadProposal(field_errors={"offer": [_("No offer has this name in the API.")]})
    return found


def _routes() -> QuerySet[Route]:
    return Route.objects.select_related("offer", "upstream")


def _route(route_id: uuid.UUID) -> Route:
    found = _routes().filter(pk=route_id).first()
    if found is None:
        raise NotFound
    return found

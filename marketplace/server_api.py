"""Servers and regions over the management API, for staff: the desk's forms, services and four eyes."""

import uuid
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import NewestFirstPagination, paged
from common.database import service
from common.errors import NotFound
from marketplace import desk, due, presets, probe, vitals
from marketplace.change_api import OutsideView
from marketplace.forms.servers import EditServerForm, NewServerForm, RegionForm
from marketplace.models import ServerCheck, Upstream
from marketplace.proposing import valid
from marketplace.server_change_api import ServerChangeOut
from marketplace.services import server_changes, upstreams
from tenants.models import Region
from tenants.once import once
from tenants.staff_api import StaffView


class RegionOut(serializers.ModelSerializer[Region]):
    """A place where the operator computes."""

    country = serializers.CharField(source="country.code")

    class Meta:
        model = Region
        fields = ("code", "name", "country", "jurisdiction")


class StaffServerOut(serializers.ModelSerializer[Upstream]):
    """A server; its credential is never told."""

    region = serializers.CharField(source="region_id")
    preset = serializers.CharField()
    reachability = serializers.CharField()
    has_credential = serializers.BooleanField()
    is_passed_over = serializers.BooleanField(
        help_text="Whether gateways ask it only when no other server can answer."
    )

    class Meta:
        model = Upstream
        fields = (
            "id", "name", "region", "base_url", "has_credential", "is_enabled", "is_draining",
            "preset", *presets.SETTINGS, "gpu_metrics_url", "reachability", "checked_at",
            "is_passed_over", "served_models",
        )  # fmt: skip


class ServerCheckOut(serializers.ModelSerializer[ServerCheck]):
    """One look at a server; null is not told. `kv_cache` and `gpu` are shares from 0 to 1."""

    reachability = serializers.CharField()

    class Meta:
        model = ServerCheck
        fields = (
            "checked_at", "reachability", "latency_ms", "running", "waiting", "kv_cache", "gpu",
        )  # fmt: skip


class ServerHealthOut(serializers.Serializer[Any]):
    """The last looks at a server, the newest first, and how many of a day's it answered."""

    made = serializers.IntegerField()
    answered = serializers.IntegerField()
    looks = ServerCheckOut(source="shown", many=True)


class ServerIn(serializers.Serializer[Any]):
    """A server by the names of the desk's fields; `region` is a code, `credential` is only written."""

    facts = serializers.DictField()


class ServerSavedOut(serializers.Serializer[Any]):
    """The server as it is now, and what of it waits for a second person, if anything."""

    server = StaffServerOut()
    change = ServerChangeOut(allow_null=True)


class RegionList(StaffView):
    """The regions."""

    @extend_schema(operation_id="staff_regions", responses=RegionOut(many=True))
    def get(self, request: Request) -> Response:
        """List the regions, by code."""
        return Response(RegionOut(Region.objects.order_by("code"), many=True).data)

    @extend_schema(operation_id="staff_region_add", request=ServerIn, responses={201: RegionOut})
    @once()
    def post(self, request: Request) -> Response:
        """Add a region: `name`, `code`, `country`, `jurisdiction`."""
        facts = facts_of(request)
        form = valid(RegionForm(facts), facts)
        return Response(
            RegionOut(upstreams.add_region(form.cleaned_data, by=self.user)).data, status=201
        )


class ServerList(StaffView):
    """The servers."""

    @extend_schema(operation_id="staff_servers", responses=paged(StaffServerOut))
    def get(self, request: Request) -> Response:
        """List the servers, the newest first."""
        page = NewestFirstPagination()
        rows = page.paginate_queryset(desk.servers(), request, view=self)
        return page.get_paginated_response(StaffServerOut(rows, many=True).data)

    @extend_schema(
        operation_id="staff_server_add",
        request=ServerIn,
        responses={201: StaffServerOut},
        examples=[
            OpenApiExample(
                "vLLM",
                {
                    "facts": {
                        "name": "Paris 1",
                        "region": "eu-paris",
                        "base_url": "http://vllm:8000/v1",
                        "preset": "vllm",
                    }
                },
                request_only=True,
            )
        ],
    )
    @once()
    def post(self, request: Request) -> Response:
        """Add a server that models can be routed to."""
        facts = facts_of(request)
        form = valid(NewServerForm(facts), facts)
        return Response(
            StaffServerOut(upstreams.add(form.cleaned_data, by=self.user)).data, status=201
        )


class ServerDetail(StaffView):
    """One server."""

    @extend_schema(operation_id="staff_server", responses=StaffServerOut)
    def get(self, request: Request, server_id: uuid.UUID) -> Response:
        """Show a server."""
        return Response(StaffServerOut(server(server_id)).data)

    @extend_schema(
        operation_id="staff_server_change", request=ServerIn, responses={200: ServerSavedOut}
    )
    def patch(self, request: Request, server_id: uuid.UUID) -> Response:
        """Change a server; what facts do not name stays.

        Another address or credential of a live server waits for a second person.
        """
        found, facts = server(server_id), facts_of(request)
        present = {name: getattr(found, name) for name in upstreams.CHANGEABLE}
        form = valid(EditServerForm({**present, **facts}, server=found), facts)
        saved = dict(form.cleaned_data)
        forgets = saved.pop("forget_credential")
        change = server_changes.change(found, saved, by=self.user, forget_credential=forgets)
        told = ServerSavedOut({"server": server(server_id), "change": change}).data
        return Response(told)


class ServerHealth(StaffView):
    """How a server is."""

    @extend_schema(operation_id="staff_server_health", responses=ServerHealthOut)
    def get(self, request: Request, server_id: uuid.UUID) -> Response:
        """Show the last looks at a server."""
        return Response(ServerHealthOut(vitals.looks_at(server(server_id))).data)


class ServerProbe(OutsideView):
    """Looking at a server now."""

    @extend_schema(operation_id="staff_server_probe", request=None, responses=StaffServerOut)
    def post(self, request: Request, server_id: uuid.UUID) -> Response:
        """Ask a server how it is, and probe what it answers for; keep what is found."""
        with service():
            found = server(server_id)
            upstreams.begin_looks([found])
        finding = probe.look(found)
        with service():
            found = upstreams.note(found, finding)
        if not found.is_in_trouble:
            due.probe_server(found)
        with service():
            return Response(StaffServerOut(server(server_id)).data)


def facts_of(request: Request) -> dict[str, Any]:
    """Return the facts that somebody sent, or refuse what is none."""
    wanted = ServerIn(data=request.data)
    wanted.is_valid(raise_exception=True)
    facts: dict[str, Any] = wanted.validated_data["facts"]
    return facts


def server(server_id: uuid.UUID) -> Upstream:
    """Return the server; NotFound where there is none."""
    found = Upstream.objects.select_related("region").filter(pk=server_id).first()
    if found is None:
        raise NotFound
    return found

"""Changes of where customers' requests go, over the management API: decided by a second person."""

import uuid
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import NewestFirstPagination, paged
from common.database import service
from common.errors import NotFound
from marketplace import due
from marketplace.change_api import OutsideView, RefusalIn
from marketplace.models import ServerChange
from marketplace.services import server_changes
from tenants.staff_api import StaffView


class ServerChangeOut(serializers.ModelSerializer[ServerChange]):
    """What will be otherwise: empty stays. A credential is never told, only that there is another.

    `facts` are of a way: of one that is added its `priority`, `weight`, `role` and `share`, of a canary
    its next `share`, or `role` where it is promoted; of a server that is switched on `is_enabled`. Of one that is added, `base_url` is where its
    server is, which is agreed to as well.
    """

    kind = serializers.CharField(
        help_text="`reach`, `on`: of the server; `name`, `add`, `promote`, `share`: of one way."
    )
    offer = serializers.CharField(source="told_name", default=None)
    facts = serializers.DictField()
    server = serializers.UUIDField(source="upstream_id")
    route = serializers.UUIDField(source="route_id", allow_null=True)
    status = serializers.CharField()
    reachability = serializers.CharField()
    conformance = serializers.DictField(child=serializers.DictField(child=serializers.CharField()))
    proposed_by = serializers.EmailField(source="proposed_by.email")
    decided_by = serializers.EmailField(source="decided_by.email", default=None)

    class Meta:
        model = ServerChange
        fields = (
            "id", "kind", "server", "offer", "route", "facts", "status", "base_url", "upstream_model", "sets_credential",
            "forgets_credential", "reachability", "conformance", "probed_at", "created_at",
            "proposed_by", "decided_by", "decided_at", "answer",
        )  # fmt: skip


class ServerChangeList(StaffView):
    """Changes of all servers."""

    @extend_schema(
        operation_id="staff_server_changes",
        parameters=[OpenApiParameter("status", str, enum=ServerChange.Status.values)],
        responses=paged(ServerChangeOut),
    )
    def get(self, request: Request) -> Response:
        """List what was proposed, the newest first."""
        found = _changes()
        if status := request.query_params.get("status"):
            found = found.filter(status=status.replace("\0", ""))
        page = NewestFirstPagination()
        rows = page.paginate_queryset(found, request, view=self)
        return page.get_paginated_response(ServerChangeOut(rows, many=True).data)


class ServerChangeDetail(StaffView):
    """One change."""

    @extend_schema(operation_id="staff_server_change_read", responses=ServerChangeOut)
    def get(self, request: Request, change_id: uuid.UUID) -> Response:
        """Show a change, and what the probe of the new way found."""
        return Response(ServerChangeOut(_change(change_id)).data)


class ServerChangeProbe(OutsideView):
    """Probing the new way."""

    @extend_schema(
        operation_id="staff_server_change_probe", request=None, responses=ServerChangeOut
    )
    def post(self, request: Request, change_id: uuid.UUID) -> Response:
        """Ask there as gateways would; not for who proposed it, as the credential is sent."""
        return _probed(self, change_id, approves=False)


class ServerChangeApproval(OutsideView):
    """The second person's consent."""

    @extend_schema(
        operation_id="staff_server_change_approve", request=None, responses=ServerChangeOut
    )
    def post(self, request: Request, change_id: uuid.UUID) -> Response:
        """Probe the new way once more, and let requests go there if it is well."""
        return _probed(self, change_id, approves=True)


class ServerChangeRefusal(StaffView):
    """The second person's refusal."""

    @extend_schema(
        operation_id="staff_server_change_refuse", request=RefusalIn, responses=ServerChangeOut
    )
    def post(self, request: Request, change_id: uuid.UUID) -> Response:
        """Close a proposal without effect, and say why."""
        wanted = RefusalIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        answer = wanted.validated_data["answer"]
        change = server_changes.refuse(_change(change_id), by=self.user, answer=answer)
        return Response(ServerChangeOut(change).data)


class ServerChangeWithdrawal(StaffView):
    """Taking a proposal back."""

    @extend_schema(
        operation_id="staff_server_change_withdraw", request=None, responses=ServerChangeOut
    )
    def post(self, request: Request, change_id: uuid.UUID) -> Response:
        """Close what nobody has decided on."""
        change = server_changes.take_back(_change(change_id), by=self.user)
        return Response(ServerChangeOut(change).data)


def _probed(view: OutsideView, change_id: uuid.UUID, *, approves: bool) -> Response:
    with service():
        _change(change_id)
    due.probe_change(change_id, by=view.user)
    with service():
        change = _change(change_id)
        if approves:
            change = server_changes.approve(change, by=view.user)
        return Response(ServerChangeOut(change).data)


def _changes() -> QuerySet[Any]:
    return ServerChange.objects.told()


def _change(change_id: uuid.UUID) -> ServerChange:
    found: ServerChange | None = _changes().filter(pk=change_id).first()
    if found is None:
        raise NotFound
    return found

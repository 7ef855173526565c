"""Signals of abuse over the API: what staff lists and decides."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.models import AbuseSignal, ApiKey, Restriction
from tenants.services import abuse
from tenants.staff_api import StaffView

SHOWN = 100
MOST_DAYS = 90
MOST_KEYS = 20


class AbuseSignalQuery(serializers.Serializer[Any]):
    """Which signals are listed."""

    kind = serializers.ChoiceField(AbuseSignal.Kind.choices, required=False)
    open = serializers.BooleanField(default=True)


class AbuseSignalOut(serializers.ModelSerializer[AbuseSignal]):
    """A signal, what raised it, and how it was decided."""

    organization = serializers.CharField(source="organization.slug")
    api_key = serializers.UUIDField(source="api_key_id", allow_null=True)
    #: From 1, to look at, to 3, very grave.
    level = serializers.IntegerField()
    figures = serializers.DictField()
    decided_by = serializers.EmailField(source="decided_by.email", default=None, allow_null=True)

    class Meta:
        model = AbuseSignal
        fields = (
            "id", "organization", "api_key", "kind", "level", "figures", "raised_at", "seen_at",
            "closed_at", "decision", "decided_by", "reason", "quiet_until",
        )  # fmt: skip


class AbuseSignalDismissal(serializers.Serializer[Any]):
    """Why it is nothing, and for how many days the same is not raised again."""

    reason = serializers.CharField(max_length=250)
    quiet_days = serializers.IntegerField(min_value=1, max_value=MOST_DAYS)


class AbuseSignalAct(serializers.Serializer[Any]):
    """What is done at once: a grade with the words the customer reads, and keys to revoke."""

    reason = serializers.CharField(max_length=250)
    level = serializers.ChoiceField(Restriction.Level.choices, required=False)
    told = serializers.CharField(max_length=250, required=False)
    keys = serializers.ListField(
        child=serializers.UUIDField(), required=False, max_length=MOST_KEYS
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ask for the customer's words where they are held to something."""
        if attrs.get("level") and not attrs.get("told"):
            raise serializers.ValidationError({"told": ["Say what the customer reads."]})
        return attrs


class SignalList(StaffView):
    """What looks like abuse."""

    @extend_schema(
        operation_id="staff_abuse_signals",
        parameters=[
            OpenApiParameter("kind", str, enum=AbuseSignal.Kind.values),
            OpenApiParameter("open", bool, default=True),
        ],
        responses=AbuseSignalOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """List the newest hundred that nobody has decided about, or that somebody has."""
        asked = AbuseSignalQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = AbuseSignal.objects.select_related("organization", "decided_by")
        if kind := asked.validated_data.get("kind"):
            found = found.filter(kind=kind)
        is_open = asked.validated_data["open"]
        found = found.open() if is_open else found.exclude(closed_at=None)
        return Response(AbuseSignalOut(found[:SHOWN], many=True).data)


class SignalDetail(StaffView):
    """One signal."""

    @extend_schema(operation_id="staff_abuse_signal", responses=AbuseSignalOut)
    def get(self, request: Request, signal_id: uuid.UUID) -> Response:
        """Return the signal."""
        return Response(AbuseSignalOut(_signal(signal_id)).data)


class SignalDismiss(StaffView):
    """The end of a signal that is nothing."""

    @extend_schema(request=AbuseSignalDismissal, responses=AbuseSignalOut)
    def post(self, request: Request, signal_id: uuid.UUID) -> Response:
        """Dismiss it; the same is not raised again for a while, unless it gets graver."""
        wanted = AbuseSignalDismissal(data=request.data)
        wanted.is_valid(raise_exception=True)
        signal = abuse.dismiss(_signal(signal_id), by=self.user, **wanted.validated_data)
        return Response(AbuseSignalOut(signal).data)


class SignalAct(StaffView):
    """The end of a signal that something was done about."""

    @extend_schema(request=AbuseSignalAct, responses=AbuseSignalOut)
    def post(self, request: Request, signal_id: uuid.UUID) -> Response:
        """Revoke keys of the customer, hold them to a grade, and close it: all or nothing."""
        wanted = AbuseSignalAct(data=request.data)
        wanted.is_valid(raise_exception=True)
        signal, facts = _signal(signal_id), dict(wanted.validated_data)
        ids = set(facts.pop("keys", ()))
        keys = list(ApiKey.objects.filter(organization=signal.organization_id, pk__in=ids))
        if len(keys) < len(ids):
            words = "One of these is not a key of this customer."
            raise serializers.ValidationError({"keys": [words]})
        signal = abuse.act(signal, by=self.user, keys=keys, **facts)
        return Response(AbuseSignalOut(signal).data)


def _signal(signal_id: uuid.UUID) -> AbuseSignal:
    rows = AbuseSignal.objects.select_related("organization", "decided_by")
    return get_object_or_404(rows, pk=signal_id)

"""The state of the service for programs, without a key."""

from typing import Any

from django.utils.cache import patch_cache_control
from django.utils.translation import get_language
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from front import announced, incident_facts, status
from front.models import Announcement, Impact, Part, State

SECONDS = 15


class StatusPartSerializer(serializers.Serializer[Any]):
    """A part of the service."""

    part = serializers.ChoiceField(choices=Part.choices)
    impact = serializers.ChoiceField(
        choices=Impact.choices, allow_null=True, help_text="Null where it works."
    )


class StatusUpdateSerializer(serializers.Serializer[Any]):
    """What was said at a moment."""

    state = serializers.ChoiceField(choices=State.choices)
    text = serializers.CharField()
    occurred_at = serializers.DateTimeField()


class StatusIncidentSerializer(serializers.Serializer[Any]):
    """An incident, or planned work."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    state = serializers.ChoiceField(choices=State.choices)
    impact = serializers.ChoiceField(choices=Impact.choices)
    parts = serializers.ListField(child=serializers.ChoiceField(choices=Part.choices))
    models = serializers.ListField(child=serializers.CharField())
    regions = serializers.ListField(child=serializers.CharField())
    started_at = serializers.DateTimeField()
    planned_until = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    url = serializers.URLField()
    updates = StatusUpdateSerializer(many=True)


class ServiceStatusSerializer(serializers.Serializer[Any]):
    """How the service does."""

    parts = StatusPartSerializer(many=True)
    open = StatusIncidentSerializer(many=True)
    coming = StatusIncidentSerializer(many=True)
    past = StatusIncidentSerializer(many=True, help_text="What was over in the last 90 days.")


class AnnouncementSerializer(serializers.Serializer[Any]):
    """What the operator announces."""

    id = serializers.UUIDField(source="pk")
    tone = serializers.ChoiceField(choices=Announcement.Tone.choices)
    text = serializers.CharField(source="words")
    link = serializers.CharField(help_text="Where more stands; empty when all is said.")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True)


class Announcements(APIView):
    """What the operator announces now to everyone; nobody needs a key."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    pagination_class = None

    @extend_schema(
        responses=AnnouncementSerializer(many=True), operation_id="announcements_list", auth=[]
    )
    def get(self, request: Request) -> Response:
        """Return them, the newest first; texts by Accept-Language."""
        found = announced.seen_by(None, None, frozenset())
        response = Response(AnnouncementSerializer(found, many=True).data)
        patch_cache_control(response, public=True, max_age=SECONDS)
        return response


class ServiceStatus(APIView):
    """How the service does, as the status page tells it; nobody needs a key."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(responses=ServiceStatusSerializer, operation_id="status_retrieve", auth=[])
    def get(self, request: Request) -> Response:
        """Return parts, what is open, what is coming, and what was; texts by Accept-Language."""
        board, language = status.board(), get_language() or ""
        told = {
            name: [incident_facts.facts(it, board, language) for it in found]
            for name, found in (
                ("open", board.open()),
                ("coming", board.coming()),
                ("past", board.past()),
            )
        }
        parts = [{"part": it.part, "impact": it.impact} for it in status.parts()]
        response = Response(ServiceStatusSerializer({"parts": parts, **told}).data)
        patch_cache_control(response, public=True, max_age=SECONDS)
        return response

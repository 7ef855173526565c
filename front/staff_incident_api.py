"""Incidents, planned work and announcements over the management API, for the operator's staff."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import paged
from common.errors import DomainError, NotFound
from front import asked
from front.forms.announcements import AnnouncementForm
from front.forms.incidents import IncidentForm, MaintenanceForm, UpdateForm
from front.models import Announcement, Audience, Impact, Incident, IncidentUpdate, Part, State
from front.services import announcements, incidents
from marketplace.models import AIModel, CustomerGroup
from tenants.once import once
from tenants.staff_api import StaffView


class StaffUpdateOut(serializers.ModelSerializer[IncidentUpdate]):
    """What was said of an incident, in every language."""

    state = serializers.CharField()
    impact = serializers.CharField()
    written_by = serializers.EmailField(source="written_by.email")

    class Meta:
        model = IncidentUpdate
        fields = ("id", "state", "impact", "texts", "occurred_at", "mailed_to", "written_by")


class StaffIncidentOut(serializers.ModelSerializer[Incident]):
    """An incident or planned work as staff told it, the newest update first."""

    state = serializers.CharField()
    impact = serializers.CharField()
    parts = serializers.ListField(child=serializers.CharField())
    models = serializers.SerializerMethodField()
    regions = serializers.SerializerMethodField()
    opened_by = serializers.EmailField(source="opened_by.email")
    updates = StaffUpdateOut(many=True)

    class Meta:
        model = Incident
        fields = (
            "id", "titles", "parts", "models", "regions", "impact", "state", "started_at",
            "planned_until", "ended_at", "opened_by", "updates",
        )  # fmt: skip

    def get_models(self, incident: Incident) -> list[str]:
        """Return the models that it concerns, by their slugs."""
        return sorted(it.slug for it in incident.named_models.all())

    def get_regions(self, incident: Incident) -> list[str]:
        """Return the codes of the regions that it concerns."""
        return sorted(it.code for it in incident.regions.all())


class _ConcernIn(serializers.Serializer[Any]):
    titles = asked.texts("What it is called")
    texts = asked.texts("What is said")
    parts = serializers.ListField(child=serializers.ChoiceField(Part.choices), allow_empty=False)
    models = serializers.ListField(
        child=serializers.SlugField(), required=False, help_text="None: it concerns them all."
    )
    regions = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="None: it concerns them all."
    )


class IncidentIn(_ConcernIn):
    """Something that does not work, and what is known of it."""

    impact = serializers.ChoiceField(Impact.choices)
    state = serializers.ChoiceField(State.choices, default=State.INVESTIGATING)
    started_at = serializers.DateTimeField(required=False, help_text="Now, if it does not say.")


class MaintenanceIn(_ConcernIn):
    """Work in a window that is to come."""

    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class IncidentUpdateIn(serializers.Serializer[Any]):
    """What is new: where it stands now, and what is said. It is never changed."""

    state = serializers.ChoiceField(State.choices)
    texts = asked.texts("What is said")
    impact = serializers.ChoiceField(
        Impact.choices, required=False, help_text="Of an incident; what it does not say stays."
    )


class StaffAnnouncementOut(serializers.ModelSerializer[Announcement]):
    """An announcement in every language, for whom it is, and whether it was taken back."""

    tone = serializers.CharField()
    audience = serializers.CharField()
    groups = serializers.SerializerMethodField()
    organizations = serializers.SerializerMethodField()
    written_by = serializers.EmailField(source="written_by.email")

    class Meta:
        model = Announcement
        fields = (
            "id", "texts", "tone", "audience", "groups", "organizations", "link",
            "is_dismissible", "starts_at", "ends_at", "withdrawn_at", "written_by",
        )  # fmt: skip

    def get_groups(self, announcement: Announcement) -> list[str]:
        """Return the groups of customers who read it, by their codes."""
        return sorted(it.code for it in announcement.groups.all())

    def get_organizations(self, announcement: Announcement) -> list[str]:
        """Return the customers who read it, by their addresses."""
        return sorted(it.slug for it in announcement.organizations.all())


class AnnouncementIn(serializers.Serializer[Any]):
    """A sentence on every page, for an audience, from a moment until another."""

    texts = asked.texts("What it says")
    tone = serializers.ChoiceField(Announcement.Tone.choices, default=Announcement.Tone.NOTE)
    audience = serializers.ChoiceField(Audience.choices)
    groups = serializers.ListField(child=serializers.SlugField(), required=False)
    organizations = serializers.ListField(child=serializers.SlugField(), required=False)
    starts_at = serializers.DateTimeField(required=False)
    ends_at = serializers.DateTimeField(required=False)
    link = serializers.CharField(max_length=300, required=False, allow_blank=True)
    is_dismissible = serializers.BooleanField(default=True)


class StaffIncidents(StaffView):
    """Incidents and planned work."""

    @extend_schema(operation_id="staff_incidents", responses=paged(StaffIncidentOut))
    def get(self, request: Request) -> Response:
        """List what was told, the newest first."""
        return asked.page(self, request, _incidents(), StaffIncidentOut)

    @extend_schema(
        operation_id="staff_incident_open",
        request=IncidentIn,
        responses={201: StaffIncidentOut},
        examples=[
            OpenApiExample(
                "Calls fail",
                {
                    "titles": {"en": "Calls fail"},
                    "texts": {"en": "We look into it."},
                    "parts": ["api"],
                    "impact": "outage",
                },
                request_only=True,
            )
        ],
    )
    @once()
    def post(self, request: Request) -> Response:
        """Tell of something that does not work."""
        facts = asked.read(IncidentIn, request)
        form = asked.valid(IncidentForm(_concern(facts)))
        made = incidents.open_(**form.facts(), by=self.user)
        return Response(StaffIncidentOut(_incident(made.pk)).data, status=201)


class StaffMaintenance(StaffView):
    """Planned work."""

    @extend_schema(
        operation_id="staff_maintenance_plan",
        request=MaintenanceIn,
        responses={201: StaffIncidentOut},
    )
    @once()
    def post(self, request: Request) -> Response:
        """Announce work before it begins."""
        facts = asked.read(MaintenanceIn, request)
        form = asked.valid(MaintenanceForm(_concern(facts)))
        made = incidents.plan(**form.facts(), by=self.user)
        return Response(StaffIncidentOut(_incident(made.pk)).data, status=201)


class StaffIncident(StaffView):
    """One incident."""

    @extend_schema(operation_id="staff_incident", responses=StaffIncidentOut)
    def get(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Show all that was said of it."""
        return Response(StaffIncidentOut(_incident(incident_id)).data)


class StaffIncidentUpdates(StaffView):
    """Telling more of an incident."""

    @extend_schema(
        operation_id="staff_incident_update",
        request=IncidentUpdateIn,
        responses={201: StaffIncidentOut},
    )
    @once()
    def post(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Say what is new, or that it is over; what was said is never changed."""
        facts = asked.read(IncidentUpdateIn, request)
        incident = _incident(incident_id)
        if incident.is_maintenance and "impact" in facts:
            words = _("Planned work and incidents stay apart.")
            raise DomainError(field_errors={"impact": [words]})
        form = asked.valid(UpdateForm(incident, {"impact": incident.impact, **asked.spread(facts)}))
        incidents.update(incident, **form.facts(), by=self.user)
        return Response(StaffIncidentOut(_incident(incident_id)).data, status=201)


class StaffAnnouncements(StaffView):
    """Announcements."""

    @extend_schema(operation_id="staff_announcements", responses=paged(StaffAnnouncementOut))
    def get(self, request: Request) -> Response:
        """List what is, will be and was announced, the newest first."""
        return asked.page(self, request, _announcements(), StaffAnnouncementOut)

    @extend_schema(
        operation_id="staff_announce",
        request=AnnouncementIn,
        responses={201: StaffAnnouncementOut},
    )
    @once()
    def post(self, request: Request) -> Response:
        """Announce something on every page."""
        facts = asked.read(AnnouncementIn, request)
        codes = facts.get("groups", [])
        keys = dict(CustomerGroup.objects.filter(code__in=codes).values_list("code", "pk"))
        wanted = {
            **asked.spread(facts),
            "groups": [str(keys.get(it, it)) for it in codes],
            "organizations": " ".join(facts.get("organizations", [])),
        }
        form = asked.valid(AnnouncementForm(wanted))
        made = announcements.announce(**form.facts(), by=self.user)
        return Response(StaffAnnouncementOut(_announcement(made.pk)).data, status=201)


class AnnouncementWithdrawal(StaffView):
    """Taking an announcement back."""

    @extend_schema(operation_id="staff_announcement_withdraw", request=None, responses={204: None})
    def post(self, request: Request, announcement_id: uuid.UUID) -> Response:
        """Show it no more."""
        announcements.withdraw(_announcement(announcement_id), by=self.user)
        return Response(status=204)


def _concern(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts with the keys of the models that they name by slug."""
    found = asked.spread(facts)
    slugs = facts.get("models", [])
    keys = dict(AIModel.objects.filter(owner=None, slug__in=slugs).values_list("slug", "pk"))
    return {**found, "models": [str(keys.get(it, it)) for it in slugs]}


def _incidents() -> QuerySet[Incident]:
    return Incident.objects.select_related("opened_by").prefetch_related(
        "updates__written_by", "named_models", "regions"
    )


def _incident(incident_id: uuid.UUID) -> Incident:
    found = _incidents().filter(pk=incident_id).first()
    if found is None:
        raise NotFound
    return found


def _announcements() -> QuerySet[Announcement]:
    found = Announcement.objects.select_related("written_by")
    return found.prefetch_related("groups", "organizations")


def _announcement(announcement_id: uuid.UUID) -> Announcement:
    found = _announcements().filter(pk=announcement_id).first()
    if found is None:
        raise NotFound
    return found

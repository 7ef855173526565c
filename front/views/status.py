"""The public pages of incidents, and their feed."""

import uuid
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.syndication.views import Feed
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.utils.translation import get_language, gettext_lazy
from django.views.decorators.http import require_safe

from common.database import service
from front import face, status
from front.models import Incident, IncidentUpdate, State

MOST = 100


@require_safe
def incident(request: HttpRequest, incident_id: uuid.UUID) -> HttpResponse:
    """Show all that was said of an incident, at an address that stays."""
    with service():
        found = get_object_or_404(Incident.objects.told(), pk=incident_id)
        context = {"incident": found, "models": status.board().models_of(found)}
        return render(request, "portal/incident.html", context)


class StatusFeed(Feed[IncidentUpdate, None]):
    """What was said of incidents and of planned work, the newest first."""

    feed_type = Atom1Feed
    title = gettext_lazy("Service status: incidents and maintenance")
    subtitle = gettext_lazy("What does not work, what is planned, and how it goes on.")

    def link(self) -> str:
        """Lead to the status page."""
        return f"{settings.PUBLIC_URL}{reverse('portal:status')}"

    def feed_url(self) -> str:
        """Say where the feed itself is."""
        return f"{settings.PUBLIC_URL}{reverse('status-feed')}"

    def feed_guid(self) -> str:
        """Name the feed, wherever it moves to."""
        return f"{_tag()}:status"

    def author_name(self) -> str:
        """Say who publishes it."""
        return face.current().name

    def items(self) -> list[IncidentUpdate]:
        """Return what was said in the last ninety days."""
        told = [update for it in status.board().incidents for update in it.updates.all()]
        return sorted(told, key=lambda it: it.occurred_at, reverse=True)[:MOST]

    def item_title(self, item: IncidentUpdate) -> str:
        """Say of what it is, and where that stands."""
        return f"{item.incident.title(get_language() or '')} · {State(item.state).label}"

    def item_description(self, item: IncidentUpdate) -> str:
        """Say what was said."""
        return item.text(get_language() or "")

    def item_link(self, item: IncidentUpdate) -> str:
        """Lead to the incident."""
        return address(item.incident)

    def item_guid(self, item: IncidentUpdate) -> str:
        """Name the entry, for ever."""
        return f"{_tag()}:status:{item.pk}"

    def item_pubdate(self, item: IncidentUpdate) -> datetime:
        """Say when it was said."""
        return item.occurred_at

    def item_updateddate(self, item: IncidentUpdate) -> datetime:
        """Say the same: what is new is another entry."""
        return item.occurred_at


def address(incident: Incident) -> str:
    """Return the whole address of an incident's page."""
    return f"{settings.PUBLIC_URL}{reverse('incident', args=[incident.pk])}"


def _tag() -> str:
    """Return what ids of the operator begin with (RFC 4151)."""
    return f"tag:{urlsplit(settings.PUBLIC_URL).hostname},2026"

"""Incidents in the words of programs."""

from typing import Any

from django.conf import settings
from django.urls import reverse

from front.models import Incident
from front.status import Board


def facts(incident: Incident, board: Board, language: str) -> dict[str, Any]:
    """Return what programs are told of an incident, the newest update first."""
    return {
        "id": str(incident.pk),
        "title": incident.title(language),
        "state": incident.state,
        "impact": incident.impact,
        "parts": incident.parts,
        "models": board.models_of(incident),
        "regions": [it.code for it in incident.regions.all()],
        "started_at": incident.started_at,
        "planned_until": incident.planned_until,
        "ended_at": incident.ended_at,
        "url": settings.PUBLIC_URL + reverse("incident", args=[incident.pk]),
        "updates": [
            {"state": it.state, "text": it.text(language), "occurred_at": it.occurred_at}
            for it in incident.updates.all()
        ],
    }

"""What the operator says of itself."""

from front.models.announcements import Announcement, Audience, Dismissal
from front.models.incidents import (
    ALLOWED,
    CLOSED,
    Impact,
    Incident,
    IncidentUpdate,
    Part,
    State,
    in_language,
)
from front.models.legal import LegalKind, LegalText
from front.models.pictures import Picture
from front.models.site import WORDS, SiteVersion
from front.models.subscriptions import LEASE, PATIENCE, STALE, StatusLetter, StatusSubscription

__all__ = [
    "ALLOWED",
    "CLOSED",
    "LEASE",
    "PATIENCE",
    "STALE",
    "WORDS",
    "Announcement",
    "Audience",
    "Dismissal",
    "Impact",
    "Incident",
    "IncidentUpdate",
    "LegalKind",
    "LegalText",
    "Part",
    "Picture",
    "SiteVersion",
    "State",
    "StatusLetter",
    "StatusSubscription",
    "in_language",
]

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

__all__ = [
    "ALLOWED",
    "CLOSED",
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
    "in_language",
]

"""What every template may know."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from front import announced, face, legal
from front.models import Announcement
from front.views.announcements import remembered
from tenants.models import User


def operator(request: HttpRequest) -> dict[str, Any]:
    """Return the operator's face, and whether this is the embedded demo."""
    return {
        "operator": face.current(),
        "legal_pages": legal.footer_kinds(),
        "announcements": lambda: _announced(request),
        "public_url": settings.PUBLIC_URL,
        "is_demo": settings.DEMO,
    }


def _announced(request: HttpRequest) -> list[Announcement]:
    reader = getattr(request, "user", None)
    user = reader if isinstance(reader, User) else None
    organization = getattr(request, "organization", None)
    return announced.seen_by(user, organization, frozenset(remembered(request)))

"""What every template may know."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from front import face, legal


def operator(request: HttpRequest) -> dict[str, Any]:
    """Return the operator's face, and whether this is the embedded demo."""
    return {
        "operator": face.current(),
        "legal_pages": legal.footer_kinds(),
        "public_url": settings.PUBLIC_URL,
        "is_demo": settings.DEMO,
    }

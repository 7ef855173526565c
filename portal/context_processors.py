"""What every template may know."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def operator(request: HttpRequest) -> dict[str, Any]:
    """Return the operator's face, and whether this is the embedded demo."""
    return {"operator": settings.OPERATOR, "is_demo": settings.DEMO}

"""Where a request comes from."""

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest


def address(request: HttpRequest) -> str | None:
    """Return the address of the person's machine, as the sign-in limits see it too."""
    try:
        found: str = get_adapter(request).get_client_ip(request)
    except PermissionDenied:
        return None
    return found

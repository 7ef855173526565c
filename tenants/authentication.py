"""Keys on the management API."""

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from common.database import service
from tenants import keys
from tenants.models import ApiKey, User


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer tsr_…``; the key becomes ``request.auth``."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """Return the key and the person who made it; None when there is no bearer."""
        kind, _space, key = get_authorization_header(request).decode("latin-1").partition(" ")
        if kind.lower() != "bearer":
            return None
        if not keys.is_well_formed(key):
            raise AuthenticationFailed("The API key is not valid.")
        with service():
            found = (
                ApiKey.objects.usable()
                .select_related("organization", "created_by")
                .filter(digest=keys.digest(key))
                .first()
            )
            if found is None:
                raise AuthenticationFailed("The API key is not valid.")
            ApiKey.objects.filter(pk=found.pk).update(last_used_at=timezone.now())
        return found.created_by, found

    def authenticate_header(self, request: Request) -> str:
        """Make a refusal a 401."""
        return "Bearer"

"""Keys on the management API."""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from common.database import service
from tenants import keys
from tenants.models import ApiKey, Organization, User
from tenants.services import sign_ups

#: When a key was last used is written down this often.
NOTED_EVERY = timedelta(minutes=1)


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
            found = _usable(key)
            if found is None:
                raise AuthenticationFailed("The API key is not valid.")
            _check(found, request.META.get("REMOTE_ADDR") or "")
            _note_use(found, key)
        return found.created_by, found

    def authenticate_header(self, request: Request) -> str:
        """Make a refusal a 401."""
        return "Bearer"


def _usable(key: str) -> ApiKey | None:
    """Return the key whose maker may still sign in."""
    usable = ApiKey.objects.usable().filter(created_by__is_active=True)
    found = usable.select_related("organization", "created_by")
    return found.with_text([keys.digest(key)]).first()


def _check(key: ApiKey, address: str) -> None:
    sign_ups.refuse_unadmitted(key.organization)
    if key.organization.status != Organization.Status.ACTIVE:
        raise PermissionDenied("The organization is suspended.", code="organization_suspended")
    if key.ip_ranges and not keys.is_within(address, key.ip_ranges):
        raise PermissionDenied(
            "The API key may not be used from this address.", code="ip_not_allowed"
        )


def _note_use(key: ApiKey, text: str) -> None:
    now = timezone.now()
    is_former = bytes(key.digest) != keys.digest(text)
    for name in ("last_used_at", "former_used_at")[: 1 + is_former]:
        long_ago = Q(**{name: None}) | Q(**{f"{name}__lt": now - NOTED_EVERY})
        ApiKey.objects.filter(long_ago, pk=key.pk).update(**{name: now})

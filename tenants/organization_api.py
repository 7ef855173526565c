"""What every endpoint below ``/api/v1/organizations/{org}/`` stands on."""

from typing import Any

from rest_framework.exceptions import MethodNotAllowed, NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.views import APIView

from tenants.access import membership_of
from tenants.key_scopes import MANAGEMENT
from tenants.models import ApiKey, Membership, Organization, Permission, User


def key_of(request: Request) -> ApiKey | None:
    """Return the key the request came with; None when a person's session did."""
    return request.auth if isinstance(request.auth, ApiKey) else None


class OrganizationView(APIView):
    """Settles organization and permission, then runs the handler in the organization's scope.

    To a stranger the organization does not exist. A key acts with the rights of the person who
    made it, now, and only when it carries the scope ``management``.
    """

    #: HTTP method to permission.
    permissions: dict[str, Permission] = {}
    organization: Organization
    membership: Membership

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse whoever may not."""
        super().initial(request, *args, **kwargs)
        user, key = request.user, request.auth
        membership = membership_of(user, self.kwargs["org"]) if isinstance(user, User) else None
        if membership is None or not _key_fits(key, membership):
            raise NotFound
        method = request.method or ""
        needed = self.permissions.get("GET" if method == "HEAD" else method)
        if needed is None:
            raise MethodNotAllowed(method)
        if not membership.can(needed):
            raise PermissionDenied("Your role does not allow this.")
        if isinstance(key, ApiKey) and MANAGEMENT not in key.scopes:
            raise PermissionDenied("This key does not carry the scope “management”.")
        self.membership, self.organization = membership, membership.organization


def _key_fits(key: object, membership: Membership) -> bool:
    return not isinstance(key, ApiKey) or key.organization_id == membership.organization_id

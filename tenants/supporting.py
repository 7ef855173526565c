"""The principal that a supporter is on a customer's pages: reads a few of them, and belongs to none."""

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _

from common.database import service
from tenants.models import Organization, Permission, SupportAccess, User

#: The session's note of the access that was entered: a hint, the row decides.
SESSION = "support_access"

P = Permission
GRANTS = frozenset(
    {
        P.DASHBOARD_READ,
        P.USAGE_READ,
        P.STUDIO_READ,
        P.BILLING_READ,
        P.MEMBERS_READ,
        P.AUDIT_READ,
        P.SETTINGS_READ,
    }
)
#: The only pages a supporter opens, by name. Not on it: keys, webhooks, how is paid, downloads, and
#: whatever is added and not thought about here.
PAGES = frozenset(
    {
        "portal:dashboard",
        "portal:usage",
        "portal:usage-request",
        "billing:overview",
        "billing:ledger",
        "billing:budget-list",
        "billing:invoice-list",
        "billing:invoice-detail",
        "billing:contract",
        "studio:job-list",
        "studio:job-detail",
        "studio:dataset-list",
        "studio:dataset-detail",
        "tenants:project-list",
        "tenants:member-list",
        "tenants:audit-log",
        "tenants:settings",
    }
)
SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Supporter:
    """Stands where a membership stands, with rights to look alone."""

    organization: Organization
    user: User
    access: SupportAccess
    role: str = "support"

    @property
    def organization_id(self) -> UUID:
        """Whose pages they are."""
        return self.organization.pk

    @property
    def pk(self) -> None:
        """No row: a supporter is nobody's member."""
        return None

    def can(self, permission: Permission) -> bool:
        """Whether a supporter may look at this."""
        return permission in GRANTS

    def opens(self, method: str | None, page: str) -> bool:
        """Whether this page is one that a supporter looks at, and only looks."""
        return method in SAFE and page in PAGES

    def is_shown(self, page: str) -> bool:
        """Whether a page is offered to a supporter."""
        return page in PAGES

    def get_role_display(self) -> str:
        """Return what they are here, in words."""
        return _("Operator's support, reading")


def supporter_of(request: HttpRequest, slug: str) -> Supporter | None:
    """Return who reads the pages at this address by an open access; None where nobody does.

    The access must have been entered in this very session, and hold by the database's clock.
    """
    user, key = request.user, request.session.get(SESSION)
    if key is None or not isinstance(user, User) or not user.is_staff:
        return None
    with service():
        access = (
            SupportAccess.objects.open()
            .select_related("organization", "supporter", "decided_by")
            .filter(
                pk=key["id"],
                supporter=user,
                organization__slug=slug,
                organization__allows_support=True,
            )
            .first()
        )
    return Supporter(access.organization, user, access) if access else None


def enter(request: HttpRequest, access: SupportAccess) -> None:
    """Note in the session that this access is used from here on, for the banner and the gate."""
    assert access.expires_at is not None  # noqa: S101 - it is granted
    request.session[SESSION] = {
        "id": str(access.pk),
        "slug": access.organization.slug,
        "name": access.organization.name,
        "until": f"{access.expires_at:%H:%M}",
        "ticket": access.ticket,
    }


def leave(request: HttpRequest, slug: str) -> None:
    """Forget that this customer's pages were entered; of another one's nothing is forgotten."""
    if request.session.get(SESSION, {}).get("slug") == slug:
        del request.session[SESSION]

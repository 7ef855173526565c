"""Who belongs to an organization, and what each role may do."""

from enum import StrEnum

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, TimeStamped
from tenants.models.organization import Organization


class Permission(StrEnum):
    """What can be done in an organization."""

    DASHBOARD_READ = "dashboard.read"
    KEYS_READ = "keys.read"
    KEYS_MANAGE = "keys.manage"
    PLAYGROUND_USE = "playground.use"
    USAGE_READ = "usage.read"
    FILES_READ = "files.read"
    FILES_MANAGE = "files.manage"
    STUDIO_READ = "studio.read"
    STUDIO_MANAGE = "studio.manage"
    BILLING_READ = "billing.read"
    BILLING_MANAGE = "billing.manage"
    MEMBERS_READ = "members.read"
    MEMBERS_MANAGE = "members.manage"
    OWNERS_MANAGE = "owners.manage"
    AUDIT_READ = "audit.read"
    SETTINGS_READ = "settings.read"
    SETTINGS_MANAGE = "settings.manage"


class Role(models.TextChoices):
    """The six roles, from most to least."""

    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    BILLING = "billing", _("Billing")
    DEVELOPER = "developer", _("Developer")
    AUDITOR = "auditor", _("Auditor")
    VIEWER = "viewer", _("Viewer")


P = Permission
#: The one table of what each role may do.
GRANTS: dict[str, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: frozenset(Permission) - {P.OWNERS_MANAGE},
    Role.BILLING: frozenset(
        {
            P.DASHBOARD_READ,
            P.USAGE_READ,
            P.BILLING_READ,
            P.BILLING_MANAGE,
            P.MEMBERS_READ,
            P.SETTINGS_READ,
        }
    ),
    Role.DEVELOPER: frozenset(
        {
            P.DASHBOARD_READ,
            P.KEYS_READ,
            P.KEYS_MANAGE,
            P.PLAYGROUND_USE,
            P.USAGE_READ,
            P.FILES_READ,
            P.FILES_MANAGE,
            P.STUDIO_READ,
            P.STUDIO_MANAGE,
            P.MEMBERS_READ,
        }
    ),
    Role.AUDITOR: frozenset(
        {
            P.DASHBOARD_READ,
            P.KEYS_READ,
            P.USAGE_READ,
            P.STUDIO_READ,
            P.BILLING_READ,
            P.MEMBERS_READ,
            P.AUDIT_READ,
            P.SETTINGS_READ,
        }
    ),
    Role.VIEWER: frozenset({P.DASHBOARD_READ, P.USAGE_READ}),
}


class MembershipQuerySet(LockingQuerySet["Membership"]):
    """Memberships."""

    def owners(self) -> "MembershipQuerySet":
        """Those who own the organization."""
        return self.filter(role=Role.OWNER)


class Membership(TimeStamped):
    """A person in an organization, in one role."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="memberships"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships"
    )
    role = models.CharField(_("role"), max_length=10, choices=Role)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        ordering = ("created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "user"), name="person_once_per_organization"
            ),
        )

    def can(self, permission: Permission) -> bool:
        """Whether this membership's role grants the permission."""
        return permission in GRANTS[self.role]

    def is_shown(self, page: str) -> bool:
        """Whether a page is offered to this membership at all, its permission aside."""
        return True


class InvitationQuerySet(LockingQuerySet["Invitation"]):
    """Invitations."""

    def pending(self) -> "InvitationQuerySet":
        """Those that can still be accepted."""
        return self.filter(accepted_at=None, revoked_at=None, expires_at__gt=timezone.now())


class Invitation(TimeStamped):
    """An offer of membership to one address: single use, for seven days."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="invitations"
    )
    email = models.EmailField(_("e-mail address"))
    role = models.CharField(_("role"), max_length=10, choices=Role)
    digest = models.BinaryField(max_length=32, unique=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "email"),
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="one_open_invitation_per_address",
            ),
        )

    def __str__(self) -> str:
        return self.email

    @property
    def state(self) -> str:
        """Return pending, accepted, revoked or expired."""
        if self.accepted_at:
            return "accepted"
        if self.revoked_at:
            return "revoked"
        return "pending" if self.expires_at > timezone.now() else "expired"

"""Who joins an organization, in which role, and who leaves it."""

from common.database import atomic
from tenants.errors import LastOwner, OwnersOnly
from tenants.models import Membership, Organization, Permission, Role
from tenants.services import audit, passes


def _lock(organization: Organization) -> None:
    """Serialize changes of an organization's roles: two owners must not demote each other."""
    Organization.objects.locked(organization.pk)


def _keep_an_owner(membership: Membership) -> None:
    if membership.role != Role.OWNER:
        return
    owners = Membership.objects.owners().filter(organization=membership.organization)
    if owners.count() == 1:
        raise LastOwner


def _owners_only(role: str, by: Membership) -> None:
    if role == Role.OWNER and not by.can(Permission.OWNERS_MANAGE):
        raise OwnersOnly


@atomic()
def change_role(membership: Membership, *, role: str, by: Membership) -> Membership:
    """Give a member another role; the last owner stays one."""
    _lock(membership.organization)
    membership = Membership.objects.locked(membership.pk)
    by = Membership.objects.get(pk=by.pk)
    _owners_only(role, by)
    _owners_only(membership.role, by)
    before = membership.role
    if before == role:
        return membership
    _keep_an_owner(membership)
    membership.role = role
    membership.save(update_fields=["role", "updated_at"])
    passes.end_unless_allowed(membership)
    audit.record(
        organization=membership.organization,
        actor=by.user,
        action="member.role_changed",
        target=membership.user,
        before={"role": before},
        after={"role": role},
    )
    return membership


@atomic()
def remove(membership: Membership, *, by: Membership) -> None:
    """End a membership, one's own or another's; the last owner stays."""
    _lock(membership.organization)
    membership = Membership.objects.locked(membership.pk)
    if membership.pk != by.pk:
        _owners_only(membership.role, Membership.objects.get(pk=by.pk))
    _keep_an_owner(membership)
    audit.record(
        organization=membership.organization,
        actor=by.user,
        action="member.left" if membership.pk == by.pk else "member.removed",
        target=membership.user,
        before={"role": membership.role},
    )
    passes.end(membership)
    membership.delete()

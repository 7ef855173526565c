"""Passes: what a member's browser calls models with, for a quarter of an hour at a time."""

from datetime import timedelta

from django.utils import timezone

from common.database import atomic, service
from tenants import keys
from tenants.key_scopes import USUAL
from tenants.models import ApiKey, Membership, Permission, Project, User
from tenants.models.api_key import ApiKeyQuerySet
from tenants.services import audit, sign_ups
from tenants.services.api_keys import MintedKey

LIFETIME = timedelta(minutes=15)


@atomic()
def issue(membership: Membership, project: Project) -> MintedKey:
    """Return a new text of the member's pass for the project; the text before it closes.

    A person has one pass for each project, so that usage stays together under it and limits and
    budgets that stand on it hold. Its text is never stored, hence it is new each time.
    """
    sign_ups.refuse_unadmitted(membership.organization)
    # Two windows ask at once: one after the other, and the one whose text closed asks again. This
    # lock is also what a change of role waits for.
    membership = Membership.objects.select_related("organization", "user").locked(membership.pk)
    text = keys.mint("test" if membership.organization.is_demo else "live")
    terms = {
        "prefix": text[:12],
        "last_four": text[-4:],
        "digest": keys.digest(text),
        "expires_at": timezone.now() + LIFETIME,
    }
    found = _open(membership).filter(project=project).first()
    if found is None:
        found = ApiKey.objects.create(
            organization=membership.organization,
            project=project,
            name=f"Playground, {membership.user.email}"[:100],
            scopes=list(USUAL),
            created_by=membership.user,
            is_pass=True,
            **terms,
        )
        audit.record(
            organization=membership.organization,
            actor=membership.user,
            action="playground.opened",
            target=found,
            after={"project": str(project)},
        )
        return MintedKey(found, text)
    for name, value in terms.items():
        setattr(found, name, value)
    found.save(update_fields=[*terms, "updated_at"])
    return MintedKey(found, text)


def _open(membership: Membership) -> ApiKeyQuerySet:
    passes = ApiKey.objects.filter(is_pass=True, revoked_at=None)
    return passes.filter(organization=membership.organization, created_by=membership.user)


def end(membership: Membership) -> None:
    """Close the passes of a member who leaves, or whose role no longer opens the playground."""
    _open(membership).update(revoked_at=timezone.now())


def end_unless_allowed(membership: Membership) -> None:
    """Close the passes when the member's role does not open the playground."""
    if not membership.can(Permission.PLAYGROUND_USE):
        end(membership)


def rest(user: User) -> None:
    """Close the texts of all passes of somebody who signs out; the passes themselves stay."""
    with service():
        now = timezone.now()
        passes = ApiKey.objects.filter(is_pass=True, revoked_at=None, created_by=user)
        passes.filter(expires_at__gt=now).update(expires_at=now)

"""Who may call a private model beside the project it was made for."""

from django.db import IntegrityError
from django.utils import timezone

from common.database import atomic
from marketplace.errors import SharedAlready, ShareGone
from marketplace.models import AIModel, ModelShare
from tenants.models import ApiKey, Organization, Project, User
from tenants.services import audit

Actor = User | ApiKey


@atomic()
def share(model: AIModel, project: Project, *, by: Actor) -> ModelShare:
    """Let a project call the model: one of the owner's at once, another's when it has agreed."""
    if model.owner is None:
        raise ShareGone
    is_own = project.organization_id == model.owner_id
    try:
        with atomic():
            made = ModelShare.objects.create(
                model=model,
                owner=model.owner,
                owner_name=model.owner.name,
                organization=project.organization,
                project=project,
                accepted_at=timezone.now() if is_own else None,
            )
    except IntegrityError as error:
        raise SharedAlready from error
    _record("private_model.shared", made, by, model.owner)
    return made


@atomic()
def accept(share: ModelShare, *, by: Actor) -> ModelShare:
    """Agree to be given the model; twice is once."""
    share = ModelShare.objects.locked(share.pk)
    if share.revoked_at is not None:
        raise ShareGone
    if share.accepted_at is None:
        share.accepted_at = timezone.now()
        share.save(update_fields=["accepted_at", "updated_at"])
        _record("private_model.accepted", share, by, share.organization)
    return share


@atomic()
def revoke(share: ModelShare, *, by: Actor, of: Organization) -> ModelShare:
    """Take it back, or decline it, whichever of the two organizations does; twice is once."""
    share = ModelShare.objects.locked(share.pk)
    if share.revoked_at is None:
        share.revoked_at = timezone.now()
        share.save(update_fields=["revoked_at", "updated_at"])
        _record("private_model.unshared", share, by, of)
    return share


def _record(action: str, share: ModelShare, by: Actor, of: Organization) -> None:
    """Tell it to both organizations, but who it was to their own alone."""
    for organization in {share.owner, share.organization}:
        audit.record(
            organization=organization,
            actor=by if organization == of else None,
            action=action,
            target=share.model,
            after={"project": share.project.slug, "organization": share.organization.slug},
        )

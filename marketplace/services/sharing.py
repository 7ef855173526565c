"""Who may call a private model beside the project it was made for."""

from django.db import IntegrityError
from django.utils import timezone

from common.database import atomic
from marketplace.errors import SharedAlready, ShareGone
from marketplace.models import AIModel, ModelShare
from tenants.models import ApiKey, Project, User
from tenants.services import audit


@atomic()
def share(model: AIModel, project: Project, *, by: User | ApiKey) -> ModelShare:
    """Let a project call the model: one of the owner's at once, another's when it has agreed."""
    if model.owner is None:
        raise ShareGone
    is_own = project.organization_id == model.owner_id
    try:
        with atomic():
            made = ModelShare.objects.create(
                model=model,
                owner=model.owner,
                organization=project.organization,
                project=project,
                accepted_at=timezone.now() if is_own else None,
            )
    except IntegrityError as error:
        raise SharedAlready from error
    _record("private_model.shared", made, by)
    return made


@atomic()
def accept(share: ModelShare, *, by: User | ApiKey) -> ModelShare:
    """Agree to be given the model; twice is once."""
    share = ModelShare.objects.locked(share.pk)
    if share.revoked_at is not None:
        raise ShareGone
    if share.accepted_at is None:
        share.accepted_at = timezone.now()
        share.save(update_fields=["accepted_at", "updated_at"])
        _record("private_model.accepted", share, by)
    return share


@atomic()
def revoke(share: ModelShare, *, by: User | ApiKey) -> ModelShare:
    """Take it back, or decline it; twice is once."""
    share = ModelShare.objects.locked(share.pk)
    if share.revoked_at is None:
        share.revoked_at = timezone.now()
        share.save(update_fields=["revoked_at", "updated_at"])
        _record("private_model.unshared", share, by)
    return share


def _record(action: str, share: ModelShare, by: User | ApiKey) -> None:
    """Tell it to both organizations; who acts belongs to one of them."""
    project = share.project
    for organization in {share.owner, share.organization}:
        audit.record(
            organization=organization,
            actor=by,
            action=action,
            target=share.model,
            after={"project": project.slug, "organization": share.organization.slug},
        )

"""Sharing a private model: with projects of its owner at once, with others' on their consent."""

import uuid
from collections.abc import Sequence

from common.database import service
from marketplace.models import ModelShare
from marketplace.services import sharing
from studio.errors import ModelRetired, TooConfidential, UnknownProject
from studio.models import TunedModel
from tenants.models import ApiKey, Classification, Organization, Project, User
from tenants.models.classification import is_cleared

#: What was learnt from data above this stays in the house.
SHARED_UP_TO = Classification.INTERNAL


def share(
    tuned: TunedModel, project_ids: Sequence[uuid.UUID], *, by: User | ApiKey
) -> list[ModelShare]:
    """Share the model with all of these projects, or with none of them."""
    with service():
        tuned = TunedModel.objects.select_related("offer__model_version__model__owner").get(
            pk=tuned.pk
        )
        if tuned.retired_at is not None:
            raise ModelRetired
        found = Project.objects.filter(pk__in=project_ids).select_related("organization")
        projects = {project.pk: project for project in found}
        if set(project_ids) - projects.keys():
            raise UnknownProject(field_errors={"project_ids": [UnknownProject.detail]})
        for project in projects.values():
            _refuse_to_tell(tuned, project)
        model = tuned.offer.model_version.model
        return [sharing.share(model, projects[it], by=by) for it in dict.fromkeys(project_ids)]


def _refuse_to_tell(tuned: TunedModel, project: Project) -> None:
    """Refuse what would carry confidential examples out of the house."""
    is_own = project.organization_id == tuned.organization_id
    if not (is_own or is_cleared(SHARED_UP_TO, tuned.classification)):
        raise TooConfidential(field_errors={"project_ids": [TooConfidential.detail]})


def accept(share: ModelShare, *, by: User | ApiKey) -> ModelShare:
    """Agree to be given a model."""
    with service():
        return sharing.accept(share, by=by)


def revoke(share: ModelShare, *, by: User | ApiKey, of: Organization) -> ModelShare:
    """Take a share back, or decline it."""
    with service():
        return sharing.revoke(share, by=by, of=of)

"""Making projects and changing them."""

from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.utils.text import slugify

from common.database import atomic
from common.errors import Conflict
from common.ids import uuid7
from tenants.models import ApiKey, Organization, Project, User
from tenants.services import audit


@atomic()
def create(
    organization: Organization,
    *,
    name: str,
    by: User,
    through: ApiKey | None = None,
    project_id: UUID | None = None,
    **facts: Any,
) -> Project:
    """Make a project; ``project_id`` makes two clicks one: the second returns the first one's."""
    key = project_id or uuid7()
    if made := Project.objects.filter(organization=organization, pk=key).first():
        return made
    # The end of an identifier is chance: two projects of one name are told apart by it.
    slug = f"{slugify(name)[:40] or 'project'}-{key.hex[-6:]}"
    try:
        with atomic():
            project = Project.objects.create(
                id=key, organization=organization, name=name, slug=slug, **facts
            )
    except IntegrityError as error:
        raise Conflict from error
    audit.record(
        organization=organization,
        actor=through or by,
        action="project.created",
        target=project,
        after={"name": name, **{field: value for field, value in facts.items() if value}},
    )
    return project


@atomic()
def change(project: Project, *, by: User, through: ApiKey | None = None, **facts: Any) -> Project:
    """Change the named fields; what stays the same is not written or audited."""
    project = Project.objects.locked(project.pk)
    before = {field: getattr(project, field) for field in facts}
    changed = [field for field in facts if before[field] != facts[field]]
    if not changed:
        return project
    for field in changed:
        setattr(project, field, facts[field])
    project.save(update_fields=[*changed, "updated_at"])
    audit.record(
        organization=project.organization,
        actor=through or by,
        action="project.changed",
        target=project,
        before={field: before[field] for field in changed},
        after={field: facts[field] for field in changed},
    )
    return project

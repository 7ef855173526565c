"""What keys of meters may do: report usage, and of whom.

A customer's key reports its own organization's usage. The operator's meters stand between many
customers and the engines: their keys, made by staff alone, name whose usage it is.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from common.database import service
from tenants.key_scopes import METERING, METERING_ANY
from tenants.models import ApiKey, Membership, Organization, Project

#: What a subject may be.
ACCEPTED = "an organization's address or the id of an API key that this key may report for"
DEFAULT_PROJECT = "default"


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose usage it is."""

    organization: Organization
    api_key_id: uuid.UUID | None
    #: Where it is filed unless the report says otherwise.
    project_id: uuid.UUID
    projects: dict[str, uuid.UUID]

    def project(self, slug: str | None) -> uuid.UUID | None:
        """Return the project of this address; without one, the key's own or the default one."""
        return self.project_id if slug is None else self.projects.get(slug)


def may_report(key: ApiKey) -> bool:
    """Whether the key reports usage at all."""
    return METERING in key.scopes


def is_vouched_for(key: ApiKey) -> bool:
    """Whether its maker still belongs to the organization; staff makes the operator's meters."""
    makers = Membership.objects.filter(organization=key.organization_id, user=key.created_by_id)
    with service():
        return may_name_others(key) or makers.exists()


def may_name_others(key: ApiKey) -> bool:
    """Whether it does so for any organization."""
    return METERING_ANY in key.scopes and key.created_by.is_staff


def subjects(names: Iterable[str | None], *, key: ApiKey) -> dict[str | None, Subject]:
    """Return whom each name means, as far as this key may report for them. As the service.

    No name means the key's organization; an operator's meter has to name somebody.
    """
    wanted = set(names)
    texts = {name for name in wanted if name is not None}
    organizations, keys = Organization.objects.all(), ApiKey.objects.all()
    if not may_name_others(key):
        organizations = organizations.filter(pk=key.organization_id)
        keys = keys.filter(organization=key.organization_id)
    ids = {parsed: name for name in texts if (parsed := _id(name)) is not None}
    found: dict[str | None, tuple[Organization, ApiKey | None]] = {}
    for each in keys.filter(pk__in=ids).select_related("organization"):
        found[ids[each.pk]] = (each.organization, each)
    for organization in organizations.filter(slug__in=texts):
        found[organization.slug] = (organization, None)
    if None in wanted and not may_name_others(key):
        found[None] = (key.organization, None)
    return _with_projects(found)


def _with_projects(
    found: dict[str | None, tuple[Organization, ApiKey | None]],
) -> dict[str | None, Subject]:
    projects: dict[uuid.UUID, dict[str, uuid.UUID]] = {}
    owners = {organization.pk for organization, _key in found.values()}
    for project in Project.objects.filter(organization__in=owners):
        projects.setdefault(project.organization_id, {})[project.slug] = project.pk
    return {
        name: Subject(
            organization,
            key.pk if key else None,
            key.project_id if key else projects[organization.pk][DEFAULT_PROJECT],
            projects[organization.pk],
        )
        for name, (organization, key) in found.items()
    }


def _id(text: str) -> uuid.UUID | None:
    try:
        parsed = uuid.UUID(text)
    except ValueError:
        return None
    return parsed if str(parsed) == text else None

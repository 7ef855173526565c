"""Where usage happens inside an organization: its projects, its keys, and the members who made them."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from metering.queries import Label
from tenants.models import Organization


@dataclass(frozen=True, slots=True)
class Place:
    """One of them, as lists call it."""

    pk: UUID
    name: str


#: By heading, then by what sums stand under.
Places = Mapping[str, Mapping[Label, Place]]


def of(organization: Organization) -> Places:
    """Return all there are, those that are closed too, in the order of their names."""
    projects = organization.projects.order_by("name", "pk")
    keys = list(organization.api_keys.select_related("created_by").order_by("name", "pk"))
    makers = sorted({key.created_by for key in keys}, key=lambda it: it.email)
    return {
        "project": {it.slug: Place(it.pk, it.name) for it in projects},
        "key": {it.pk: Place(it.pk, it.name) for it in keys},
        "member": {it.email: Place(it.pk, it.email) for it in makers},
    }

"""Whom the operator shows a model to: everybody, or groups of customers and customers by name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from common import languages
from marketplace import ports
from marketplace.models import AIModel, CustomerGroup, GroupMember, Offer
from tenants.models import Organization

#: Who used a model within this time would miss it.
LATE = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Audience:
    """Those who see a model, by id; neither groups nor customers: everybody."""

    groups: frozenset[UUID] = frozenset()
    organizations: frozenset[UUID] = frozenset()

    @property
    def is_restricted(self) -> bool:
        """Whether not everybody sees it."""
        return bool(self.groups or self.organizations)

    @property
    def facts(self) -> dict[str, list[str]]:
        """What a proposal keeps of it."""
        return {
            "groups": sorted(map(str, self.groups)),
            "organizations": sorted(map(str, self.organizations)),
        }

    @property
    def words(self) -> str:
        """Who they are, by name."""
        if not self.is_restricted:
            return _("Everybody")
        groups = CustomerGroup.objects.filter(pk__in=self.groups).order_by("name")
        customers = Organization.objects.filter(pk__in=self.organizations).order_by("name")
        named = [_("the group %(name)s") % {"name": it.name} for it in groups]
        return languages.listed([*named, *(it.name for it in customers)])


def of(model: AIModel) -> Audience:
    """Return whom the model is shown to; asked as the service role."""
    if not model.is_restricted:
        return Audience()
    rows = list(model.viewers.all())
    return Audience(
        frozenset(it.group_id for it in rows if it.group_id),
        frozenset(it.organization_id for it in rows if it.organization_id),
    )


def proposed(facts: Mapping[str, Any]) -> Audience:
    """Return the audience that a proposal names."""
    return Audience(
        frozenset(map(UUID, facts["groups"])), frozenset(map(UUID, facts["organizations"]))
    )


def within(audience: Audience, organizations: Iterable[Organization]) -> list[Organization]:
    """Return those of the organizations that are among the audience, in their order."""
    asked = list(organizations)
    if not audience.is_restricted:
        return asked
    groups = dict(
        GroupMember.objects.filter(organization__in=asked).values_list("organization", "group")
    )
    return [
        it
        for it in asked
        if it.pk in audience.organizations or groups.get(it.pk) in audience.groups
    ]


def losing(model: AIModel, audience: Audience) -> list[Organization]:
    """Return who used the model of late, sees it now, and would not any more; by name."""
    since = timezone.now() - LATE
    users = {
        user.pk: user
        for name in Offer.objects.filter(model_version__model=model).values_list("name", flat=True)
        for user in ports.demand.customers(name, since=since)
    }
    seeing = within(of(model), users.values())
    kept = {it.pk for it in within(audience, seeing)}
    return sorted((it for it in seeing if it.pk not in kept), key=lambda it: (it.name, it.pk))

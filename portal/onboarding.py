"""The way to the first call, derived from what is really there; nobody ticks a box."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from tenants.models import Organization


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, whether it is done, and where it is done."""

    name: str
    title: str
    text: str
    is_done: bool
    url: str


def steps(organization: Organization) -> list[Step]:
    """Return the steps in order; the organization's scope must be open."""
    slug = organization.slug
    return [
        Step(
            name="organization",
            title=_("Create your organization"),
            text=_("Keys, usage and invoices belong to it."),
            is_done=True,
            url=reverse("tenants:settings", args=[slug]),
        ),
        Step(
            name="key",
            title=_("Create an API key"),
            text=_("Your programs call with it. It is shown once."),
            is_done=organization.api_keys.usable().exists(),
            url=reverse("tenants:key-create", args=[slug]),
        ),
    ]

"""What a proposed change of a server says beside what holds now; a credential is never among it."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from marketplace.models import RouteRole, ServerChange
from marketplace.models.offers import PROBED


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact, as it is and as it will be."""

    label: StrOrPromise
    before: StrOrPromise
    after: StrOrPromise


@dataclass(frozen=True, slots=True)
class Probed:
    """What the probe of the new way found for one model: each check in words, and how it went."""

    name: str
    checks: list[tuple[StrOrPromise, str]]


def of(change: ServerChange) -> list[Difference]:
    """Return what changes."""
    return list(_differences(change))


def probed(change: ServerChange) -> list[Probed]:
    """Return what the last probe of the new way found, by name in the API."""
    return [
        Probed(name, [(label, found[code]) for code, label in PROBED.items() if code in found])
        for name, found in sorted(change.conformance.items())
    ]


def _differences(change: ServerChange) -> Iterator[Difference]:
    if change.offer is not None:
        yield Difference(_("Server"), "", change.upstream.name)
    if change.base_url:
        before = change.upstream.base_url if change.offer is None else ""
        yield Difference(_("Address"), before, change.base_url)
    if change.upstream_model:
        before = change.way.get("upstream_model", "")
        yield Difference(_("Model name at the server"), before, change.upstream_model)
    yield from _of_way(change)
    if "is_enabled" in change.facts:
        yield Difference(_("State"), _("Switched off"), _("Switched on"))
    stored = _("stored, never shown") if change.upstream.has_credential else _("none")
    if change.forgets_credential:
        yield Difference(_("Credential"), stored, _("removed"))
    elif change.sets_credential:
        yield Difference(_("Credential"), stored, _("another one, never shown"))


def _of_way(change: ServerChange) -> Iterator[Difference]:
    now, facts = change.way, change.facts
    if "role" in facts:
        before = RouteRole(now["role"]).label if "role" in now else ""
        yield Difference(_("What it is for"), before, RouteRole(facts["role"]).label)
    if facts.get("share"):
        before = str(now["share"]) if "share" in now else ""
        yield Difference(_("Per cent of the requests"), before, str(facts["share"]))
    elif "priority" in facts:
        yield Difference(_("Order"), "", str(facts["priority"]))
        yield Difference(_("Share"), "", str(facts["weight"]))

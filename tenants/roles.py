"""The roles in words: what each is for, and what it may do where."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from tenants.models import GRANTS, Membership, Permission, Role

P = Permission

#: What a role is for.
PURPOSE: dict[str, StrOrPromise] = {
    Role.OWNER: _("Everything, and who else is an owner"),
    Role.ADMIN: _("Everything but the owners"),
    Role.BILLING: _("Bundles, invoices and billing details"),
    Role.DEVELOPER: _("Keys, files and fine-tuning"),
    Role.AUDITOR: _("Reads keys, usage, money and the audit log, and changes nothing"),
    Role.VIEWER: _("The overview and the usage"),
}

#: What people find under the first word of a permission's code.
AREAS: dict[str, StrOrPromise] = {
    "dashboard": _("Overview and first steps"),
    "keys": _("API keys"),
    "playground": _("Playground"),
    "usage": _("Usage and requests"),
    "files": _("Files, over the API"),
    "studio": _("Datasets and fine-tuning, over the API"),
    "billing": _("Balance, bundles and invoices"),
    "members": _("Members and invitations"),
    "owners": _("Owners"),
    "audit": _("Audit log"),
    "settings": _("Settings"),
}

#: What a permission lets a person do there.
WORDS: dict[Permission, StrOrPromise] = {
    P.DASHBOARD_READ: _("Sees"),
    P.KEYS_READ: _("Sees"),
    P.KEYS_MANAGE: _("Makes and revokes"),
    P.PLAYGROUND_USE: _("Calls models"),
    P.USAGE_READ: _("Sees"),
    P.FILES_READ: _("Downloads"),
    P.FILES_MANAGE: _("Uploads and deletes"),
    P.STUDIO_READ: _("Sees"),
    P.STUDIO_MANAGE: _("Trains and publishes"),
    P.BILLING_READ: _("Sees"),
    P.BILLING_MANAGE: _("Buys and changes"),
    P.MEMBERS_READ: _("Sees"),
    P.MEMBERS_MANAGE: _("Invites, changes, removes"),
    P.OWNERS_MANAGE: _("Makes and unmakes"),
    P.AUDIT_READ: _("Sees and exports"),
    P.SETTINGS_READ: _("Sees"),
    P.SETTINGS_MANAGE: _("Changes"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One area, and in the order of the roles what each may do there; empty is nothing."""

    area: StrOrPromise
    words: Sequence[StrOrPromise]


def table() -> list[Row]:
    """Return the one table of what each role may do."""
    codes = dict.fromkeys(permission.partition(".")[0] for permission in Permission)
    return [Row(AREAS.get(code, code), [_most(role, code) for role in Role]) for code in codes]


def _most(role: str, code: str) -> StrOrPromise:
    # The last permission of an area is its strongest: reading comes before managing.
    granted = [it for it in Permission if it in GRANTS[role] and it.startswith(f"{code}.")]
    return WORDS.get(granted[-1], granted[-1]) if granted else ""


def offered(by: Membership) -> list[Role]:
    """Return the roles that this member may give: only owners make owners."""
    may_give_owner = by.can(Permission.OWNERS_MANAGE)
    return [role for role in Role if role != Role.OWNER or may_give_owner]


def described(offer: Sequence[Role]) -> list[tuple[str, str]]:
    """Return the roles to choose from, each with what it is for."""
    return [(role.value, f"{role.label}: {PURPOSE[role]}") for role in offer]

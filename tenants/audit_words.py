"""An entry of the audit log in words: what was done, on what, and each field before and after."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from common.templatetags import formats
from tenants.models import AuditEntry

#: Our own acts, and those whose code says too little; the others read as their code does:
#: ``order.placed`` is “Order placed”.
ACTIONS: dict[str, StrOrPromise] = {
    "api_key.changed": _("API key changed"),
    "api_key.created": _("API key made"),
    "api_key.leaked": _("API key reported as leaked"),
    "api_key.revoked": _("API key revoked"),
    "customer_group.changed": _("Customer group changed"),
    "customer_group.opened": _("Customer group made"),
    "draft_price.changed": _("Price of a draft changed"),
    "draft_prices.adjusted": _("Prices of a draft changed by a percentage"),
    "draft_prices.imported": _("Prices of a draft imported"),
    "invitation.resent": _("Invitation sent again"),
    "invitation.revoked": _("Invitation revoked"),
    "member.invited": _("Member invited"),
    "member.joined": _("Member joined"),
    "member.left": _("Member left"),
    "member.removed": _("Member removed"),
    "member.role_changed": _("Role changed"),
    "model.access_changed": _("Terms and access of a model changed"),
    "model_access.approved": _("Access to a model granted"),
    "model_access.denied": _("Access to a model refused"),
    "model_access.requested": _("Access to a model asked for"),
    "model_access.revoked": _("Access to a model taken back"),
    "model_terms.accepted": _("Terms of a model accepted"),
    "organization.changed": _("Settings changed"),
    "organization.founded": _("Organization founded"),
    "playground.opened": _("Playground opened"),
    "price_book.assigned": _("Price book given to others"),
    "price_book.opened": _("Price book opened"),
    "price_book.retired": _("Price book retired"),
    "price_version.discarded": _("Draft of a price book discarded"),
    "price_version.drafted": _("Version of a price book drafted"),
    "price_version.published": _("Version of a price book published"),
    "price_version.rehearsed": _("Version of a price book rehearsed"),
    "price_version.withdrawn": _("Version of a price book withdrawn"),
    "prices.retired": _("Prices of a model retired"),
    "project.changed": _("Project changed"),
    "project.created": _("Project made"),
    "service.disabled": _("Service disabled"),
    "service.enabled": _("Service enabled"),
    "restriction.begun": _("Warned or stopped by the operator"),
    "restriction.ended": _("Warning or stop over by itself"),
    "restriction.lifted": _("Warning or stop lifted"),
    "restriction.planned": _("Warning or stop set for later"),
    "signal.acted": _("Sign of abuse acted upon"),
    "signal.dismissed": _("Sign of abuse dismissed"),
    "signal.graver": _("Sign of abuse got graver"),
    "signal.raised": _("Sign of abuse raised"),
    "spend_alarm.set": _("Amounts set from which on spend is worth a look"),
    "support.asked": _("Support asked to read the pages"),
    "support.denied": _("Support not let in"),
    "support.ended": _("Support's reading ended"),
    "support.granted": _("Support let in to read the pages"),
    "support.refused": _("Page refused to the operator's support"),
    "support.viewed": _("Page opened by the operator's support"),
}
ACTORS: dict[str, StrOrPromise] = {
    "person": _("Person"),
    "staff": _("Operator's staff"),
    "key": _("API key"),
    "system": _("Tessera itself"),
}
#: What a list says when it is empty: it restricts nothing, or leaves nothing out.
UNRESTRICTED: dict[str, StrOrPromise] = {
    "allowed_jurisdictions": _("unrestricted"),
    "allowed_models": _("unrestricted"),
    "events": pgettext_lazy("events", "all"),
    "ip_ranges": _("unrestricted"),
}
MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{6})?[+-]\d\d:\d\d$")
SHORT = {"api", "id", "ip", "rpm", "sla", "tpm", "url", "vat"}
DECIMAL = re.compile(r"-?\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Change:
    """One field; what is empty was not there."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as people read it."""

    entry: AuditEntry
    action: StrOrPromise
    actor_kind: StrOrPromise
    target_kind: str
    changes: Sequence[Change]


def row(entry: AuditEntry) -> Row:
    """Return the entry in words."""
    return Row(
        entry,
        ACTIONS.get(entry.action) or _sentence(entry.action),
        ACTORS.get(entry.actor_kind, entry.actor_kind),
        _kind(entry.target_kind),
        changes(entry.before, entry.after),
    )


def changes(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[Change]:
    """Return the fields that differ, in their order."""
    before, after = before or {}, after or {}
    return [
        Change(_sentence(name), _field(name, before.get(name)), _field(name, after.get(name)))
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ]


def _field(name: str, value: Any) -> str:
    if value == [] and name in UNRESTRICTED:
        return str(UNRESTRICTED[name])
    return _words(value)


def _sentence(code: str) -> str:
    words = [it.upper() if it in SHORT else it for it in re.split(r"[ _.]+", code.strip())]
    text = " ".join(words)
    return gettext(text[:1].upper() + text[1:])


def _kind(label: str) -> str:
    try:
        return str(apps.get_model(label)._meta.verbose_name)
    except (LookupError, ValueError):
        return label


def _words(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list):
        return ", ".join(map(_words, value)) or gettext("none")
    if isinstance(value, dict):
        return ", ".join(f"{_sentence(name)}: {_words(it)}" for name, it in value.items())
    return _text(str(value))


def _text(value: str) -> str:
    if DECIMAL.fullmatch(value):
        return formats.grouped(formats.trimmed(Decimal(value), 0))
    if MOMENT.match(value):
        at = datetime.fromisoformat(value).astimezone(UTC)
        return f"{at:%Y-%m-%d %H:%M} UTC"
    return value

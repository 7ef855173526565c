"""Every administrative act leaves a row that says who, what, before and after."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from django.db.models import Model

from tenants import ports
from tenants.models import ApiKey, AuditEntry, Organization, User

#: Fields that never reach a row, whatever a caller passes.
SECRET = {"digest", "password", "credential", "secret"}


#: Answers where the request that acts comes from; asked when an act is recorded.
_address: ContextVar[Callable[[], str | None]] = ContextVar("address", default=lambda: None)


@contextmanager
def coming_from(address: Callable[[], str | None]) -> Iterator[None]:
    """Record what is done in the block with the address that this answers."""
    token = _address.set(address)
    try:
        yield
    finally:
        _address.reset(token)


class Labelled(Protocol):
    """A thing with a key and a name."""

    pk: Any


def _clean(facts: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if facts is None:
        return None
    return {name: _plain(value) for name, value in facts.items() if name not in SECRET}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    return str(value)


def _actor(actor: User | ApiKey | None) -> dict[str, Any]:
    if isinstance(actor, User):
        kind = "staff" if actor.is_staff else "person"
        return {"actor_kind": kind, "actor_user": actor, "actor_label": actor.email}
    if isinstance(actor, ApiKey):
        return {"actor_kind": "key", "actor_label": str(actor)}
    return {"actor_kind": "system", "actor_label": ports.operator.face().name}


def record(
    *,
    organization: Organization | None,
    actor: User | ApiKey | None,
    action: str,
    target: Model,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    ip_address: str | None = None,
) -> AuditEntry:
    """Write one row in the caller's transaction, so that act and record stand or fall together."""
    entry = written(
        organization=organization,
        actor=actor,
        action=action,
        target=target,
        before=before,
        after=after,
        ip_address=ip_address,
    )
    entry.save()
    return entry


def record_all(entries: Iterable[AuditEntry]) -> None:
    """Write many rows at once in the caller's transaction."""
    AuditEntry.objects.bulk_create(entries)


def written(
    *,
    organization: Organization | None,
    actor: User | ApiKey | None,
    action: str,
    target: Model,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    ip_address: str | None = None,
) -> AuditEntry:
    """Return the row of an act; nothing is kept of it yet."""
    target_id: uuid.UUID | str = target.pk
    return AuditEntry(
        organization=organization,
        action=action,
        target_kind=target._meta.label_lower,
        target_id=str(target_id),
        target_label=str(target)[:200],
        before=_clean(before),
        after=_clean(after),
        # What the system does on its own comes from nobody's machine.
        ip_address=ip_address or (_address.get()() if actor else None),
        **_actor(actor),
    )

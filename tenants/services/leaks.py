"""Closing keys that somebody found where they should not be.

Whoever holds the whole text of a key may close it: the text alone opens more than that. They are
never told whether it was one of ours.
"""

from collections.abc import Iterable, Set
from uuid import UUID

from common.database import service
from tenants import keys, ports, webhook_types
from tenants.models import AbuseSignal, ApiKey, Organization
from tenants.services import abuse, api_keys, audit, owed, webhooks

Level = AbuseSignal.Level


def report(texts: Iterable[str], *, found_at: str = "") -> None:
    """Revoke at once the keys that these are, tell their owners, and raise a signal for staff.

    Of a key that was rotated, the text before the present one is closed alone.

    What is not well formed, not a key, or revoked already changes nothing: many may report a key.
    ``found_at`` is what the reporter says of where it stood. No text is stored or logged.
    """
    digests = [keys.digest(text) for text in dict.fromkeys(texts) if keys.is_well_formed(text)]
    with service():
        known = ApiKey.objects.with_text(digests).filter(revoked_at=None).order_by("pk")
        found = list(known.values_list("organization_id", "pk"))
    for organization_id, key_id in found:
        _close(organization_id, key_id, set(digests), found_at)


def _close(organization_id: UUID, key_id: UUID, digests: Set[bytes], found_at: str) -> None:
    with service():
        organization = Organization.objects.locked(organization_id)
        api_key = ApiKey.objects.locked(key_id)
        is_present = bytes(api_key.digest) in digests
        if api_key.revoked_at is not None or not (is_present or api_key.is_rotating):
            # Somebody else reported it, or revoked it, a moment ago.
            return
        state = api_key.state
        used = ports.key_use.of(organization).get(key_id)
        if is_present:
            told = {"prefix": api_key.prefix, "last_four": api_key.last_four}
            api_keys.revoke(api_key, by=None)
        else:
            # Its owner has replaced it already: what stands in its place is not known to anybody.
            told = {"prefix": api_key.former_prefix, "last_four": api_key.former_last_four}
            api_keys.end_former(api_key, by=None)
        audit.record(
            organization=organization,
            actor=None,
            action="api_key.leaked",
            target=api_key,
            after={"found_at": found_at, "last_four": told["last_four"]},
        )
        abuse.notice(
            organization,
            kind=AbuseSignal.Kind.KEY,
            # One that had expired opened nothing any more.
            level=Level.SEVERE if state == "active" else Level.NOTICE,
            figures={
                "found_at": found_at,
                "state": state,
                "last_used": used.last_at.isoformat() if used else None,
                "requests_last_day": used.requests_last_day if used else 0,
            },
            api_key=api_key,
        )
        webhooks.emit(
            organization,
            webhook_types.KEY_LEAKED,
            key=str(key_id),
            data={"key": str(key_id), "name": api_key.name, "last_four": told["last_four"]},
        )
        owed.owe(
            "tenants.tell_leaked_key",
            organization_id=organization_id,
            key_id=str(key_id),
            **told,
        )

"""Keeping what looks like abuse, once, and deciding about it.

Lower and upper apps notice; staff decides: the signal is dismissed with a reason, or acted upon.
Locks: the organization, then the signal, then keys in their order.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from common.database import atomic
from common.errors import Forbidden
from tenants.errors import SignalDecided
from tenants.models import AbuseSignal, ApiKey, Membership, Organization, User
from tenants.services import api_keys, audit, restrictions

Decision = AbuseSignal.Decision
#: After acting, what was acted upon still stands in the last day's sums: longer than that day.
SETTLING = timedelta(hours=25)


@atomic()
def notice(
    organization: Organization,
    *,
    kind: str,
    level: int,
    figures: Mapping[str, Any],
    api_key: ApiKey | None = None,
) -> AbuseSignal | None:
    """Raise a signal, or make the open one graver; return it where there is something new to tell.

    What goes on no worse than before is noted and not told again; what was decided stays quiet as
    long as was said, unless it gets graver.
    """
    Organization.objects.locked(organization.pk)
    now = timezone.now()
    mine = AbuseSignal.objects.filter(organization=organization, kind=kind, api_key=api_key)
    present = mine.open().first()
    if present is None:
        if mine.quieting(now).filter(level__gte=level).exists():
            return None
        made = AbuseSignal.objects.create(
            organization=organization,
            kind=kind,
            level=level,
            figures=dict(figures),
            api_key=api_key,
            raised_at=now,
            seen_at=now,
        )
        _record("signal.raised", made, None)
        return made
    before, present.seen_at = present.level, now
    if level <= before:
        present.save(update_fields=["seen_at"])
        return None
    present.level, present.figures = level, dict(figures)
    present.save(update_fields=["seen_at", "level", "figures"])
    _record("signal.graver", present, None, before=before)
    return present


@atomic()
def dismiss(signal: AbuseSignal, *, reason: str, quiet_days: int, by: User) -> AbuseSignal:
    """Close the signal as nothing to act upon; the same is not raised again for so many days."""
    signal = _open(signal, by)
    quiet_until = timezone.now() + timedelta(days=quiet_days)
    return _close(signal, Decision.DISMISSED, reason=reason, quiet_until=quiet_until, by=by)


@atomic()
def act(
    signal: AbuseSignal,
    *,
    reason: str,
    by: User,
    level: str = "",
    told: str = "",
    keys: Iterable[ApiKey] = (),
) -> AbuseSignal:
    """Hold the customer to a grade where one is named, revoke these keys, and close the signal.

    ``told`` is what the customer reads about the grade, ``reason`` what staff does. All of it
    happens, or nothing.
    """
    signal = _open(signal, by)
    for key in sorted(keys, key=lambda it: it.pk):
        api_keys.revoke(key, by=by)
    if level:
        restrictions.impose(signal.organization, level=level, reason=told, by=by)
    quiet_until = timezone.now() + SETTLING
    return _close(signal, Decision.ACTED, reason=reason, quiet_until=quiet_until, by=by)


def _open(signal: AbuseSignal, by: User) -> AbuseSignal:
    """Return the signal, locked after its customer; refuse who may not decide, or too late."""
    organization = Organization.objects.locked(signal.organization_id)
    signal = AbuseSignal.objects.locked(signal.pk)
    if signal.closed_at is not None:
        raise SignalDecided
    if Membership.objects.filter(organization=organization, user=by).exists():
        raise Forbidden
    return signal


def _close(
    signal: AbuseSignal, decision: str, *, reason: str, quiet_until: datetime, by: User
) -> AbuseSignal:
    signal.closed_at, signal.decision = timezone.now(), decision
    signal.reason, signal.decided_by, signal.quiet_until = reason, by, quiet_until
    signal.save()
    _record(f"signal.{decision}", signal, by, reason=reason, quiet_until=quiet_until)
    return signal


def _record(action: str, signal: AbuseSignal, by: User | None, **facts: Any) -> None:
    # In the operator's log: what staff suspects is not the customer's to read.
    audit.record(
        organization=None,
        actor=by,
        action=action,
        target=signal,
        after={
            "customer": signal.organization.slug,
            "level": signal.level,
            **({"key": str(signal.api_key)} if signal.api_key else {}),
            **facts,
        },
    )

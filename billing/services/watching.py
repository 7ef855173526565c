"""Tells people and their systems, once each time, that credit gets low, is used up or will expire."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.utils import timezone

from billing import queries
from billing import webhook_types as types
from billing.models import BalanceWatch, CreditGrant
from billing.services import telling
from common.database import atomic, service
from common.money import Money, exact
from tenants.models import Organization, User
from tenants.services import audit, owed, webhooks

#: Over how long the pace is measured, by which we say when credit will be used up.
PACE = timedelta(days=7)
#: Credit that ends within so long is told.
SOON = timedelta(days=14)
#: Nobody plans further; beyond it no day is named.
FURTHEST = timedelta(days=3650)
Level = BalanceWatch.Level


@dataclass(frozen=True, slots=True)
class Forecast:
    """What can be drawn on now, how fast it goes, and when it will be used up at that pace."""

    live: Money
    per_day: Money
    ends_at: datetime | None


def forecast(organization: Organization, now: datetime | None = None) -> Forecast:
    """Return when the money will be used up at the pace of the last seven days; none at no pace."""
    now = now or timezone.now()
    live = queries.balance(organization).live
    spent = queries.spent(organization, start=now - PACE, end=now)
    per_day = Money(exact(spent.amount / PACE.days), live.currency)
    ends = _ends(live.amount, per_day.amount, now)
    return Forecast(live, per_day, ends)


def _ends(left: Decimal, per_day: Decimal, now: datetime) -> datetime | None:
    if per_day <= 0:
        return None
    seconds = int(left * 86_400 / per_day)
    return now + timedelta(seconds=seconds) if seconds < FURTHEST.total_seconds() else None


@atomic()
def set_level(organization: Organization, below: Decimal | None, *, by: User) -> BalanceWatch:
    """Set below which balance people are told; nothing means only when it is used up."""
    watch, _made = BalanceWatch.objects.get_or_create(organization=organization)
    watch = BalanceWatch.objects.locked(watch.pk)
    if watch.below != below:
        before, watch.below = watch.below, below
        watch.save(update_fields=["below", "updated_at"])
        audit.record(
            organization=organization,
            actor=by,
            action="balance.alert_set",
            target=watch,
            before={"below": before},
            after={"below": below},
        )
    return watch


def sweep() -> int:
    """Tell of every balance that has crossed its level since; return how many were told."""
    with service():
        owners = CreditGrant.objects.order_by().values("organization").distinct()
        organizations = list(Organization.objects.filter(pk__in=owners))
        live = queries.balances(organizations)
        tokens = set(_with_tokens(organizations))
        watches = {it.organization_id: it for it in BalanceWatch.objects.all()}
    crossed = [
        it.pk
        for it in organizations
        if _level(watches.get(it.pk), live[it.pk].amount, has_tokens=it.pk in tokens)
        != (watches[it.pk].told if it.pk in watches else Level.FINE)
    ]
    return sum(_tell(key) for key in crossed)


def _with_tokens(organizations: Iterable[Organization]) -> Iterable[UUID]:
    usable = CreditGrant.objects.prepaid().usable().filter(organization__in=organizations)
    tokens = usable.filter(unit=CreditGrant.Unit.TOKENS).order_by()
    return tokens.values_list("organization_id", flat=True).distinct()


def _level(watch: BalanceWatch | None, live: Decimal, *, has_tokens: bool) -> str:
    if live <= 0 and not has_tokens:
        return Level.EXHAUSTED
    if watch is not None and watch.below is not None and live < watch.below:
        return Level.LOW
    return Level.FINE


def _tell(organization_id: UUID) -> bool:
    """Look again under the watch's lock, note the level and tell of it where it got worse."""
    with service():
        made, _new = BalanceWatch.objects.get_or_create(organization_id=organization_id)
        watch = BalanceWatch.objects.locked(made.pk)
        organization = watch.organization
        seen = forecast(organization)
        has_tokens = bool(list(_with_tokens([organization])))
        level = _level(watch, seen.live.amount, has_tokens=has_tokens)
        before, watch.told = watch.told, level
        if level == before:
            return False
        watch.told_at = timezone.now()
        watch.save(update_fields=["told", "told_at", "updated_at"])
        order = [Level.FINE, Level.LOW, Level.EXHAUSTED]
        if order.index(Level(level)) <= order.index(Level(before)):
            return False
        _emit(watch, seen)
    return True


def _emit(watch: BalanceWatch, seen: Forecast) -> None:
    is_low = watch.told == Level.LOW
    data = {
        "live": telling.plain(seen.live.amount),
        "currency": seen.live.currency,
        "below": telling.plain(watch.below) if watch.below is not None else None,
        "spent_per_day": telling.plain(seen.per_day.amount),
        "forecast_exhausted_at": seen.ends_at.isoformat() if seen.ends_at else None,
    }
    type = types.BALANCE_LOW if is_low else types.BALANCE_EXHAUSTED
    key = f"{watch.pk}:{watch.told_at}"
    webhooks.emit(watch.organization_id, type, key=key, data=data)
    audit.record(
        organization=watch.organization,
        actor=None,
        action=type,
        target=watch,
        after={"live": seen.live.amount},
    )
    owed.owe(
        "billing.send_balance_alert",
        organization_id=watch.organization_id,
        told_at=watch.told_at.isoformat() if watch.told_at else "",
    )


def tell_expiring() -> int:
    """Tell, once each, of credit that will expire with something left; return how many."""
    now = timezone.now()
    with service():
        # What comes every month ends every month: that is no news.
        single = CreditGrant.objects.prepaid().usable().filter(instance=None)
        soon = single.filter(expires_at__lte=now + SOON)
        # What was never valid for longer would be told the moment it is granted.
        due = [it for it in soon if it.expires_at and it.expires_at - it.created_at > SOON]
        return sum(_tell_expiring(given) for given in due)


def _tell_expiring(given: CreditGrant) -> bool:
    is_new = telling.grant_expiring(given)
    if is_new:
        owed.owe(
            "billing.send_expiry_alert",
            organization_id=given.organization_id,
            grant_id=str(given.pk),
        )
    return is_new

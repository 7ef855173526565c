"""Stops automatic top-up, or tells that it rests: why, to people and to their own systems."""

from uuid import UUID

import structlog
from django.utils import timezone

from billing import webhook_types as types
from billing.models import TopUpRule
from tenants.services import audit, owed, webhooks

log = structlog.get_logger(__name__)


def stop(rule: TopUpRule, reason: str) -> None:
    """Let a locked rule buy nothing until a person has looked and saves it again."""
    rule.stopped_at = timezone.now()
    rule.save(update_fields=["stopped_at", "updated_at"])
    log.error("top_up_stopped", organization=str(rule.organization_id), reason=reason)
    tell(rule, reason)


def stop_of(organization_id: UUID, reason: str) -> None:
    """Stop the organization's rule where it has one that buys; part of the caller's transaction."""
    buying = TopUpRule.objects.filter(organization=organization_id, is_on=True, stopped_at=None)
    if found := buying.first():
        rule = TopUpRule.objects.locked(found.pk)
        if rule.is_on and rule.stopped_at is None:
            stop(rule, reason)


def tell(rule: TopUpRule, reason: str) -> None:
    """Tell that a rule buys nothing now, and until when; of one that stopped, that nobody knows."""
    until = rule.paused_until.isoformat() if rule.paused_until else None
    audit.record(
        organization=rule.organization,
        actor=None,
        action="top_up.paused",
        target=rule,
        after={"reason": reason, "until": until},
    )
    key = f"{rule.pk}:{timezone.now().isoformat()}"
    data = {"reason": reason, "until": until}
    webhooks.emit(rule.organization_id, types.TOP_UP_PAUSED, key=key, data=data)
    owed.owe(
        "billing.send_top_up_alert",
        organization_id=rule.organization_id,
        reason=reason,
        order_id="",
    )

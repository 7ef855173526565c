"""Automatic top-up: bought by rule, within a cap, one at a time, and never again and again.

The order is placed under the rule's lock and charged after commit under the order's own idempotency
key, so a worker that dies between the two leaves an order that the next sweep charges once.
"""

from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from django.db.models import Q, Sum
from django.utils import timezone

from billing import periods, queries
from billing.models import Order, TopUpRule
from billing.services import methods, orders, pausing
from common import sweeping
from common.database import atomic, service
from common.ids import uuid7
from tenants.models import Organization, User
from tenants.services import audit, restrictions

#: So many in so short a time is no use of ours: it stops and somebody looks.
BURST, BURST_WITHIN = 3, timedelta(minutes=10)
#: What the log calls trouble with one of them.
PUT_OFF = "top_up_put_off"


@atomic()
def set_rule(organization: Organization, *, by: User, **terms: Any) -> TopUpRule:
    """Set the organization's rule; switched on, it begins without pause, unless what is new is stopped."""
    if terms.get("is_on"):
        restrictions.refuse_new(organization)
    rule = TopUpRule.objects.filter(organization=organization).first()
    before = {name: getattr(rule, name) for name in terms} if rule else None
    rule = rule or TopUpRule(organization=organization)
    for name, value in terms.items():
        setattr(rule, name, value)
    rule.set_by, rule.paused_until, rule.stopped_at = by, None, None
    rule.save()
    audit.record(
        organization=organization,
        actor=by,
        action="top_up.rule_set",
        target=rule,
        before=before,
        after=terms,
    )
    return rule


def sweep() -> int:
    """Buy for every organization whose balance is below its rule; return how many were charged."""
    with service():
        due = list(TopUpRule.objects.ready().values_list("pk", flat=True))
        unfinished = list(Order.objects.lost(timezone.now()))
    places = (partial(_place, rule) for rule in due)
    placed = filter(None, sweeping.answers(places, trouble=PUT_OFF))
    _give_up_unanswered()
    charged = (partial(_charge, order) for order in [*unfinished, *placed])
    return sum(sweeping.answers(charged, trouble=PUT_OFF))


def _place(rule_id: Any) -> Order | None:
    """Place one order under the rule's lock, if it is due and within its bounds."""
    with service():
        rule = TopUpRule.objects.locked(rule_id)
        organization = rule.organization
        automatic = Order.objects.filter(organization=organization, is_automatic=True)
        # Before the balance is read: an order that is paid after this look is in the balance by then.
        # The other way round a payment between the two looks would be missed by both.
        if automatic.pending().exists():
            return None
        if not TopUpRule.objects.ready().filter(pk=rule.pk).exists() or not _is_due(rule):
            return None
        method = methods.default(organization)
        if method is None or _is_stopped(rule):
            return None
        terms: dict[str, Any] = orders.terms(organization, rule.bundle)
        if _is_capped(rule, terms["total"]):
            return None
        order = Order.objects.create(
            organization=organization,
            operation_key=f"top-up:{uuid7()}",
            bundle=rule.bundle,
            placed_by=rule.set_by,
            is_automatic=True,
            method_id=method.method_id,
            **terms,
        )
        audit.record(
            organization=organization,
            actor=None,
            action="order.placed",
            target=order,
            after={"bundle": rule.bundle.slug, "total": order.total, "automatic": True},
        )
        return order


def _is_due(rule: TopUpRule) -> bool:
    """Whether the balance is below the rule, and the bundle can still be bought."""
    organization = rule.organization
    if organization.status != Organization.Status.ACTIVE or not rule.bundle.is_active:
        return False
    if restrictions.stops_new(organization):
        return False
    live = queries.balance(organization, rule.bundle.currency).live
    return live.amount < rule.below


def _is_stopped(rule: TopUpRule) -> bool:
    """Stop a rule that buys again and again, and tell people; answers whether it did."""
    recent = Order.objects.filter(
        organization=rule.organization,
        is_automatic=True,
        status=Order.Status.PAID,
        created_at__gt=timezone.now() - BURST_WITHIN,
    )
    if recent.count() < BURST:
        return False
    pausing.stop(rule, "burst")
    return True


def _is_capped(rule: TopUpRule, total: Decimal) -> bool:
    """Rest a rule until the month is over that has reached its cap; answers whether it did."""
    zone = rule.organization.time_zone
    month = periods.containing(timezone.now(), zone)
    counted = Order.objects.filter(
        Q(status=Order.Status.PAID) | Q(status=Order.Status.PENDING),
        organization=rule.organization,
        is_automatic=True,
        created_at__gte=month.start,
        created_at__lt=month.end,
    )
    spent = counted.aggregate(sum=Sum("total"))["sum"] or Decimal(0)
    if spent + total <= rule.monthly_cap:
        return False
    rule.paused_until = month.end
    rule.save(update_fields=["paused_until", "updated_at"])
    pausing.tell(rule, "cap")
    return True


def _charge(order: Order) -> bool:
    """Charge a placed order once; whoever asks again gets the answer of the first time."""
    payment = methods.charge(
        order.organization_id,
        order.pk,
        amount=order.gross,
        description=order.bundle_name,
        method_id=order.method_id,
    )
    if payment is None:
        return False
    with service():
        # A debit on its way is known by its payment: the sweep leaves it alone.
        waiting = Order.objects.pending().filter(pk=order.pk)
        waiting.update(payment_reference=payment.payment_reference)
    settled = orders.settle(order, payment)
    return settled.status == Order.Status.PAID


def _give_up_unanswered() -> None:
    """Expire orders whose payer did not come, and those that nobody may charge any more.

    Was one of them charged after all, the provider's event still pays it.
    """
    with service():
        for order in Order.objects.given_up(timezone.now()):
            orders.expire(order)

"""Bundles paid by bank transfer: ordered with a reference, granted once the statement tells of it.

What came in for an order stands on the receivable account until all of it is there; then it pays, and
what is too much is the customer's. Locks: the order, then the movement of the bank.
"""

import secrets
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from billing import agreements
from billing.bank import references
from billing.models import AccountKind, BankLine, Order, Surplus
from billing.services import ledger, orders, surpluses
from billing.services.ledger import Posting
from common.database import atomic, service
from common.errors import Conflict
from common.money import round_to_minor
from marketplace.models import Bundle
from tenants.models import Organization, User
from tenants.scope import scope
from tenants.services import audit, owed

#: How long an order waits for its transfer; money that comes later waits for a person.
PATIENCE = timedelta(days=14)
#: So many wait at once: each has mail written to addresses that the customer names.
MOST_WAITING = 10
ZERO = Decimal(0)
#: Letters and digits that nobody takes for one another.
CLEAR = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
WAITING = (Order.Status.PENDING, Order.Status.EXPIRED)


def place(organization: Organization, bundle: Bundle, *, by: User, operation_key: str) -> Order:
    """Place an order that a transfer with its reference pays, once per operation key."""
    with scope(organization):
        account = agreements.issuer_of(organization).iban
    if not account:
        raise Conflict(_("Bank transfers cannot be received yet. Choose another way to pay."))
    reference = references.creditor("".join(secrets.choice(CLEAR) for _position in range(12)))
    key = f"transfer:{operation_key}"
    with scope(organization):
        # Those who order at once count each other.
        Organization.objects.locked(organization.pk)
        _check_waiting(organization, key)
        order = orders.place(
            organization,
            bundle,
            by=by,
            operation_key=key,
            transfer_reference=reference,
            expires_at=timezone.now() + PATIENCE,
        )
        if order.transfer_reference == reference:
            # Not the second click of two.
            owed.owe(
                "billing.send_proforma", organization_id=organization.pk, order_id=str(order.pk)
            )
    return order


def _check_waiting(organization: Organization, key: str) -> None:
    """Refuse another order while many wait; one that is asked for again is none."""
    waiting = Order.objects.pending().by_transfer().filter(organization=organization)
    if waiting.exclude(operation_key=key).count() >= MOST_WAITING:
        raise Conflict(_("Ten orders wait for their transfer already. Pay one of them first."))


def amount_of(line: BankLine, currency: str) -> Decimal:
    """Return what a movement brought; refuse what is no money that came in in this currency."""
    if line.currency != currency:
        raise Conflict(_("The movement is of another currency."))
    if line.amount is None or line.amount <= 0:
        raise Conflict(_("No money came in with this movement."))
    if line.amount != round_to_minor(line.amount, currency):
        raise Conflict(_("The movement has more decimals than the currency."))
    return line.amount


def received(order: Order) -> Decimal:
    """Return what came in for the order and was not kept for something else."""
    came = BankLine.objects.filter(order=order).aggregate(sum=Sum("amount"))["sum"] or ZERO
    kept = Surplus.objects.filter(order=order).aggregate(sum=Sum("amount"))["sum"] or ZERO
    return Decimal(came - kept)


def receive(line: BankLine, order: Order, *, by: User) -> Order:
    """Let a locked order take a movement: granted once all is there, the rest is the customer's.

    What comes for an order that is paid already, or was given back, is the customer's whole.
    """
    amount = amount_of(line, order.currency)
    _book(order, f"bank-order:{line.pk}", amount)
    line.order, line.state, line.words = order, BankLine.State.MATCHED, ""
    line.save()
    audit.record(
        organization=order.organization,
        actor=by,
        action="order.transfer_received",
        target=order,
        after={"amount": amount, "currency": line.currency},
    )
    came, key = received(order), f"order:{order.pk}:{line.pk}"
    if order.status not in WAITING:
        _keep(order, amount, key)
    elif came >= order.total:
        # From here on it is booked as every purchase is.
        _book(order, f"transfer:{order.pk}", -order.total)
        orders.give(order)
        _keep(order, came - order.total, key)
    return order


def _keep(order: Order, amount: Decimal, key: str) -> None:
    if amount:
        surpluses.keep(order.organization, amount, order.currency, key=key, order=order)


def _book(order: Order, key: str, amount: Decimal) -> None:
    ledger.book(
        order.organization,
        key=key,
        kind="payment",
        postings=[
            Posting(AccountKind.PAYMENTS_CLEARING, order.currency, amount),
            Posting(AccountKind.RECEIVABLE, order.currency, -amount),
        ],
    )


@atomic()
def give_up(order: Order, *, by: User) -> Order:
    """End an order that was paid in part only: what came in is the customer's."""
    order = Order.objects.locked(order.pk)
    came = received(order)
    if order.status not in WAITING or not came:
        raise Conflict
    orders.expire(order)
    # The same sum may come again for an order that was given up: what was kept tells them apart.
    kept = Surplus.objects.filter(order=order).count()
    _keep(order, came, f"order:{order.pk}:given-up:{kept}")
    audit.record(
        organization=order.organization,
        actor=by,
        action="order.given_up",
        target=order,
        after={"kept": came, "currency": order.currency},
    )
    return order


def expire_due(now: datetime | None = None) -> int:
    """End orders whose transfer did not come in time; one paid in part waits for a person."""
    now = now or timezone.now()
    with service():
        due = Order.objects.pending().by_transfer().filter(expires_at__lte=now, bank_lines=None)
        waiting = list(due.values_list("pk", flat=True))
    for order_id in waiting:
        with service():
            order = Order.objects.locked(order_id)
            if not BankLine.objects.filter(order=order).exists():
                orders.expire(order)
    return len(waiting)

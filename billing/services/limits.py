"""Credit limits: what a contract lets a customer owe, leased like credit and exact like it.

The limit is a grant that is burnt last. What is used of it is no credit but debt: it stands on the
receivable account. So requests stop exactly at the limit, at any concurrency, by the same leases.
"""

from collections.abc import Iterable, Sequence
from decimal import ROUND_DOWN, Decimal
from functools import partial
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from billing import agreements, groups
from billing.models import Contract, CreditGrant, Invoice, Wallet
from billing.services import receiving
from common import sweeping
from common.database import atomic, service
from common.money import EXACT, exact
from tenants.models import Organization

ZERO = Decimal(0)
#: What the log calls trouble with one of them.
PUT_OFF = "limit_put_off"
#: After all credit, whatever its priority.
LAST = 32767


@atomic()
def sync(organization: Organization) -> Decimal:
    """Let the customer owe what the contract in force allows, less what is owed already.

    What was written off still counts until it is paid: nobody gets a limit back by not paying. Called
    when either changes, and by a sweep: payments come in by many doors. What processes hold stays
    with them. Answers what may still be owed.
    """
    payer, members = groups.around(organization)
    if members:
        return _share(payer, [payer, *members])
    limit = _limit(organization)
    given = _grant(organization, limit)
    if given is None:
        return ZERO
    owed = agreements.owed(organization, organization.currency)
    free = exact(max(limit - max(owed, ZERO) - _written_off(organization), ZERO))
    given.remaining = max(free, given.leased)
    given.granted = max(exact(limit), given.remaining, given.granted if not limit else ZERO)
    given.save(update_fields=["granted", "remaining", "updated_at"])
    return free


def _written_off(organization: Organization) -> Decimal:
    """Return what was given up on, and did not come in since."""
    lost = Invoice.objects.filter(
        organization=organization,
        currency=organization.currency,
        status=Invoice.Status.UNCOLLECTIBLE,
    )
    return sum((receiving.due(invoice).amount for invoice in lost), ZERO)


def _limit(organization: Organization) -> Decimal:
    contract = agreements.in_force(organization, timezone.now())
    return contract.credit_limit if contract is not None and contract.is_postpaid else ZERO


def _share(payer: Organization, group: Sequence[Organization]) -> Decimal:
    """Let a group owe together what its payer's contract allows: nothing while it is shut out.

    Each may use an equal part of what is free; the sweep deals anew each minute, so that who needs
    more gets it. Together they never owe more: what processes hold is dealt out already.
    """
    limit = _limit(payer) if payer.status == Organization.Status.ACTIVE else ZERO
    ordered = sorted(group, key=lambda it: it.pk)
    grants = [given for it in ordered if (given := _grant(it, limit)) is not None]
    if not grants:
        return ZERO
    # Read under the locks: who uses of a limit writes both in one transaction.
    owed = sum((agreements.owed(it, payer.currency) for it in group), ZERO)
    lost = sum((_written_off(it) for it in group), ZERO)
    free = max(limit - max(owed, ZERO) - lost, ZERO)
    leased = sum((given.leased for given in grants), ZERO)
    each = (max(free - leased, ZERO) / len(grants)).quantize(EXACT, rounding=ROUND_DOWN)
    for given in grants:
        given.remaining = given.leased + each
        given.granted = max(exact(limit), given.remaining, given.granted if not limit else ZERO)
        given.save(update_fields=["granted", "remaining", "updated_at"])
    return free


def _grant(organization: Organization, limit: Decimal) -> CreditGrant | None:
    """Return the limit's grant, locked; it is made when there first is a limit."""
    key = f"limit:{organization.currency}"
    present = CreditGrant.objects.filter(organization=organization, source_key=key).first()
    if present is not None:
        return CreditGrant.objects.locked(present.pk)
    if not limit:
        return None
    wallet, _made = Wallet.objects.get_or_create(
        organization=organization, currency=organization.currency
    )
    Wallet.objects.locked(wallet.pk)
    made, _new = CreditGrant.objects.get_or_create(
        organization=organization,
        source_key=key,
        defaults={
            "wallet": wallet,
            "unit": CreditGrant.Unit.MONEY,
            "kind": CreditGrant.Kind.LIMIT,
            "granted": exact(limit),
            "remaining": ZERO,
            "priority": LAST,
            "cost_basis": ZERO,
        },
    )
    return CreditGrant.objects.locked(made.pk)


def sync_each(organizations: Iterable[Organization]) -> None:
    """Bring the limits of these customers to what is owed now, each in its own transaction.

    Trouble with one is logged and leaves the others theirs; the sweep tries it again.
    """
    asked = {it.pk: it for it in organizations}
    with service():
        concerned = _concerned(asked)
    sweeping.each((partial(_sync_alone, asked[pk]) for pk in sorted(concerned)), trouble=PUT_OFF)


def _sync_alone(organization: Organization) -> None:
    with service():
        sync(organization)


def _concerned(organizations: Iterable[UUID]) -> set[UUID]:
    """Return which have a limit, will have one, or share one."""
    asked = list(organizations)
    limited = CreditGrant.objects.filter(kind=CreditGrant.Kind.LIMIT, organization__in=asked)
    beginning = Contract.objects.at(timezone.now()).filter(
        credit_limit__gt=0, organization__in=asked
    )
    paying = groups.agreed().filter(Q(organization__in=asked) | Q(payer__in=asked))
    found = {*limited.values_list("organization_id", flat=True)}
    found |= {*beginning.values_list("organization_id", flat=True)}
    for pair in paying.values_list("organization_id", "payer_id"):
        found.update(pair)
    return found & set(asked)


def sync_all() -> int:
    """Bring every limit to what is owed and agreed now; answers how many went well.

    Trouble with one customer is logged and leaves the others theirs.
    """
    with service():
        limited = CreditGrant.objects.filter(kind=CreditGrant.Kind.LIMIT)
        beginning = Contract.objects.at(timezone.now()).filter(credit_limit__gt=0)
        wanted = {*limited.values_list("organization", flat=True)}
        wanted |= {*beginning.values_list("organization", flat=True)}
        organizations = list(Organization.objects.filter(pk__in=wanted))
    return sweeping.each((partial(_sync_alone, it) for it in organizations), trouble=PUT_OFF)

"""What an organization has and what its usage was worth.

Called inside a scope (or as the service); periods are half-open.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Greatest
from django.utils import timezone

from billing.models import (
    CreditGrant,
    Invoice,
    InvoicePart,
    Lease,
    LedgerEntry,
    Order,
    RatedUsage,
    SpendBucket,
)
from common.money import Money
from metering.models import UsageEvent
from metering.queries import Cut, Labels
from tenants.models import Organization

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class TokenBalance:
    """What is left of the tokens of one class of models."""

    token_class: str
    remaining: Decimal


@dataclass(frozen=True, slots=True)
class Balance:
    """Prepaid money and tokens.

    ``settled`` is what the ledger owes the organization. ``live`` is what a new request can draw on:
    usable grants without what expired or was voided; what processes hold idle counts as available,
    what is set aside for work that takes long (``held``) does not.
    """

    settled: Money
    live: Money
    held: Money
    token_balances: tuple[TokenBalance, ...]


def balance(organization: Organization, currency: str = "") -> Balance:
    """Return what the organization has in this currency (its own, unless named).

    What is left of all grants of money, used or not, is what the ledger's prepaid account comes to:
    both are written in one transaction. So nobody waits for the sum of every posting there ever was.
    """
    currency = currency or organization.currency
    grants = CreditGrant.objects.prepaid().filter(
        organization=organization, wallet__currency=currency
    )
    money = grants.filter(unit=CreditGrant.Unit.MONEY)
    tokens = (
        grants.usable()
        .filter(unit=CreditGrant.Unit.TOKENS)
        .values(name=F("token_class__name"))
        .annotate(left=Sum("remaining"))
        .order_by("name")
    )
    held = _held(money.usable())
    return Balance(
        settled=Money(_left(money), currency),
        live=Money(_left(money.usable()) - held, currency),
        held=Money(held, currency),
        token_balances=tuple(TokenBalance(row["name"], row["left"]) for row in tokens),
    )


def _left(grants: QuerySet[CreditGrant, CreditGrant]) -> Decimal:
    left: Decimal | None = grants.aggregate(left=Sum("remaining"))["left"]
    return left or ZERO


def _held(grants: QuerySet[CreditGrant, CreditGrant]) -> Decimal:
    leases = Lease.objects.set_aside().filter(grant__in=grants)
    held: Decimal | None = leases.aggregate(held=Sum("quantity"))["held"]
    return held or ZERO


def grants(organization: Organization) -> QuerySet[CreditGrant, CreditGrant]:
    """Return the usable grants in the order they burn."""
    usable = CreditGrant.objects.prepaid().usable().in_burn_order()
    return usable.filter(organization=organization).select_related("token_class", "wallet")


def coming(organization: Organization) -> QuerySet[CreditGrant, CreditGrant]:
    """Return the grants that cannot be used yet, the first to begin first."""
    later = CreditGrant.objects.prepaid().filter(effective_from__gt=timezone.now(), voided_at=None)
    found = later.filter(organization=organization).order_by("effective_from", "id")
    return found.select_related("token_class", "wallet")


def has_credit(organization: Organization) -> Q:
    """Ask whether there is credit to call with, or a bundle was paid for that has been used since."""
    usable = CreditGrant.objects.usable().filter(organization=organization)
    return Q(Exists(usable)) | has_bought(organization)


def has_bought(organization: Organization) -> Q:
    """Ask whether a bundle was paid for, or there is other credit than what was given away."""
    own = CreditGrant.objects.usable().filter(organization=organization)
    paid = Order.objects.filter(organization=organization, status=Order.Status.PAID)
    return Q(Exists(own.exclude(kind=CreditGrant.Kind.PROMOTIONAL))) | Q(Exists(paid))


def worth(events: Iterable[UsageEvent]) -> dict[UUID, Money]:
    """Return what these requests of one organization are worth, by their row's id."""
    events = list(events)
    # The id of the event is what the index knows; the row's own tells two sources apart.
    rated = RatedUsage.objects.filter(
        organization__in={event.organization_id for event in events},
        event_id__in=[event.event_id for event in events],
    )
    return {row.pk: Money(row.amount, row.currency) for row in rated}


def rated(event: UsageEvent) -> RatedUsage | None:
    """Return what this request is worth and which grants paid for it."""
    rows = RatedUsage.objects.filter(organization=event.organization_id, event_id=event.event_id)
    return rows.filter(pk=event.pk).first()


def spend(cut: Cut, *by: str) -> dict[Labels, Money]:
    """Return the worth of usage under each heading (day, model, key), in their order."""
    currency = cut.organization.currency
    buckets = SpendBucket.objects.filter(currency=currency)
    rows = cut.grouped(buckets, *by).annotate(total=Sum("amount"))
    return {tuple(row[f"by_{name}"] for name in by): Money(row["total"], currency) for row in rows}


def spent(organization: Organization, *, start: datetime, end: datetime) -> Money:
    """Return the worth of the period's usage."""
    (found,) = spent_in(organization, (start, end))
    return found


def spent_in(organization: Organization, *periods: tuple[datetime, datetime]) -> list[Money]:
    """Return the worth of the usage of each of these periods; one query."""
    inside = [Q(starts_at__gte=start, starts_at__lt=end) for start, end in periods]
    buckets = SpendBucket.objects.filter(
        reduce(or_, inside), organization=organization, currency=organization.currency
    )
    sums = buckets.aggregate(
        **{f"sum_{place}": Sum("amount", filter=it) for place, it in enumerate(inside)}
    )
    return [Money(total or ZERO, organization.currency) for total in sums.values()]


def balances(organizations: Iterable[Organization]) -> Mapping[UUID, Money]:
    """Return each organization's live balance in its own currency; as the service, two queries."""
    wanted = {organization.pk: organization.currency for organization in organizations}
    grants = (
        CreditGrant.objects.prepaid()
        .usable()
        .filter(organization__in=list(wanted), unit=CreditGrant.Unit.MONEY)
    )
    money = grants.values("organization_id", "wallet__currency").annotate(left=Sum("remaining"))
    left = {(row["organization_id"], row["wallet__currency"]): row["left"] for row in money}
    leases = Lease.objects.set_aside().filter(grant__in=grants)
    set_aside = leases.values("organization_id", "grant__wallet__currency")
    for row in set_aside.annotate(held=Sum("quantity")):
        left[row["organization_id"], row["grant__wallet__currency"]] -= row["held"]
    return {pk: Money(left.get((pk, c), ZERO), c) for pk, c in wanted.items()}


def entries(organization: Organization) -> QuerySet[LedgerEntry, LedgerEntry]:
    """Return the organization's postings."""
    rows = LedgerEntry.objects.filter(organization=organization)
    return rows.select_related("transaction", "account")


def untold(before: datetime) -> Sequence[str]:
    """Return the addresses of organizations with usage recorded before that no invoice tells of."""
    usage = Invoice.objects.filter(kind=Invoice.Kind.USAGE, organization=OuterRef("pk"))
    parts = InvoicePart.objects.filter(organization=OuterRef("pk"))
    own, others = (
        Subquery(
            it.order_by().values("organization").annotate(last=Max("issued_at")).values("last")
        )
        for it in (usage, parts)
    )
    events = UsageEvent.objects.filter(organization=OuterRef("pk"), recorded_at__lt=before)
    # PostgreSQL takes the greater of what there is.
    organizations = Organization.objects.annotate(told=Greatest(own, others))
    unbilled = organizations.filter(
        Q(Exists(events), told=None) | Exists(events.filter(recorded_at__gt=OuterRef("told")))
    )
    return list(unbilled.values_list("slug", flat=True))

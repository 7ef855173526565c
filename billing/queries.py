"""What an organization has and what its usage was worth.

Called inside a scope (or as the service); periods are half-open.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import F, QuerySet, Sum
from django.db.models.functions import TruncDate

from billing.models import AccountKind, CreditGrant, LedgerEntry, RatedUsage, SpendBucket
from common.money import Money
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

    ``settled`` is the ledger's. ``live`` is what a new request can draw on: usable grants without
    what expired or was voided; what processes hold idle counts as available.
    """

    settled: Money
    live: Money
    token_balances: tuple[TokenBalance, ...]


def ledger_balance(organization: Organization, kind: AccountKind, currency: str) -> Money:
    """Return the account's sum; debits are positive."""
    entries = LedgerEntry.objects.filter(
        organization=organization, account__kind=kind, account__currency=currency
    )
    return Money(entries.aggregate(total=Sum("amount"))["total"] or ZERO, currency)


def balance(organization: Organization, currency: str = "") -> Balance:
    """Return what the organization has in this currency (its own, unless named)."""
    currency = currency or organization.currency
    grants = CreditGrant.objects.usable().filter(
        organization=organization, wallet__currency=currency
    )
    money = grants.filter(unit=CreditGrant.Unit.MONEY).aggregate(left=Sum("remaining"))["left"]
    tokens = (
        grants.filter(unit=CreditGrant.Unit.TOKENS)
        .values(name=F("token_class__name"))
        .annotate(left=Sum("remaining"))
        .order_by("name")
    )
    return Balance(
        settled=-ledger_balance(organization, AccountKind.CUSTOMER_PREPAID, currency),
        live=Money(money or ZERO, currency),
        token_balances=tuple(TokenBalance(row["name"], row["left"]) for row in tokens),
    )


def grants(organization: Organization) -> QuerySet[CreditGrant, CreditGrant]:
    """Return the usable grants in the order they burn."""
    usable = CreditGrant.objects.usable().in_burn_order()
    return usable.filter(organization=organization).select_related("token_class", "wallet")


def worth(organization: Organization, event_ids: Iterable[str]) -> dict[str, Money]:
    """Return what these requests are worth, by event id."""
    rated = RatedUsage.objects.filter(organization=organization, event_id__in=list(event_ids))
    return {row.event_id: Money(row.amount, row.currency) for row in rated}


@dataclass(frozen=True, slots=True)
class Spend:
    """The worth of some requests under one heading: a day, a model's name or a key's id."""

    label: date | str | UUID | None
    requests: int
    worth: Money


def _spend(
    organization: Organization, start: datetime, end: datetime
) -> QuerySet[SpendBucket, SpendBucket]:
    return SpendBucket.objects.filter(
        organization=organization,
        currency=organization.currency,
        starts_at__gte=start,
        starts_at__lt=end,
    )


def spent(organization: Organization, *, start: datetime, end: datetime) -> Money:
    """Return the worth of the period's usage."""
    total = _spend(organization, start, end).aggregate(total=Sum("amount"))["total"]
    return Money(total or ZERO, organization.currency)


def spend_by_day(organization: Organization, *, start: datetime, end: datetime) -> list[Spend]:
    """Return the days with usage, oldest first, cut in the organization's time zone."""
    zone = ZoneInfo(organization.time_zone)
    buckets = _spend(organization, start, end).annotate(label=TruncDate("starts_at", tzinfo=zone))
    return _summed(buckets, "label", organization.currency)


def spend_by_model(organization: Organization, *, start: datetime, end: datetime) -> list[Spend]:
    """Return the models called, by name."""
    buckets = _spend(organization, start, end).annotate(label=F("offer_name"))
    return _summed(buckets, "label", organization.currency)


def spend_by_key(organization: Organization, *, start: datetime, end: datetime) -> list[Spend]:
    """Return the keys used, by id."""
    buckets = _spend(organization, start, end).annotate(label=F("api_key_id"))
    return _summed(buckets, "label", organization.currency)


def _summed(buckets: QuerySet[SpendBucket, SpendBucket], label: str, currency: str) -> list[Spend]:
    rows = buckets.values(label).annotate(count=Sum("requests"), total=Sum("amount"))
    return [
        Spend(row[label], row["count"], Money(row["total"], currency))
        for row in rows.order_by(label)
    ]


def balances(organizations: Iterable[Organization]) -> Mapping[UUID, Money]:
    """Return each organization's live balance in its own currency; as the service, one query."""
    wanted = {organization.pk: organization.currency for organization in organizations}
    rows = (
        CreditGrant.objects.usable()
        .filter(organization__in=list(wanted), unit=CreditGrant.Unit.MONEY)
        .values("organization_id", "wallet__currency")
        .annotate(left=Sum("remaining"))
    )
    left = {(row["organization_id"], row["wallet__currency"]): row["left"] for row in rows}
    return {pk: Money(left.get((pk, c), ZERO), c) for pk, c in wanted.items()}


def entries(organization: Organization) -> QuerySet[LedgerEntry, LedgerEntry]:
    """Return the organization's postings."""
    rows = LedgerEntry.objects.filter(organization=organization)
    return rows.select_related("transaction", "account")

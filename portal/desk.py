"""What the operator's desk shows about everybody; read as the service role."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import F, Q, QuerySet, Sum
from django.utils import timezone

from billing.models import CreditGrant, SpendBucket
from billing.queries import balances
from common.money import Money
from marketplace.models import AIModel, Status
from marketplace.queries import DEFAULT_CURRENCY
from metering.models import UsageBucket
from tenants.models import Organization

ZERO = Decimal(0)
TOKENS = F("input_tokens") + F("cached_input_tokens") + F("output_tokens") + F("reasoning_tokens")


@dataclass(frozen=True, slots=True)
class Overview:
    """The operator's business in a few numbers, this month counted in UTC."""

    customers: int
    models_on_sale: int
    drafts: int
    requests: int
    tokens: int
    worth: Money


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer: what is left to spend, and what was used this month."""

    organization: Organization
    balance: Money
    token_balance: int
    requests: int
    tokens: int
    worth: Money


@dataclass(frozen=True, slots=True)
class _Used:
    requests: int = 0
    tokens: int = 0


def overview() -> Overview:
    """Count what is on sale, to how many, and what they used this month."""
    since = month_start()
    buckets = UsageBucket.objects.filter(starts_at__gte=since)
    used = buckets.aggregate(requests=Sum("requests"), tokens=Sum(TOKENS))
    spent = SpendBucket.objects.filter(starts_at__gte=since, currency=DEFAULT_CURRENCY)
    return Overview(
        customers=Organization.objects.count(),
        models_on_sale=AIModel.objects.live().count(),
        drafts=AIModel.objects.filter(status=Status.DRAFT).count(),
        requests=used["requests"] or 0,
        tokens=used["tokens"] or 0,
        worth=Money(spent.aggregate(sum=Sum("amount"))["sum"] or ZERO, DEFAULT_CURRENCY),
    )


def organizations(text: str = "") -> QuerySet[Organization]:
    """Return the customers whose name or address has this text in it, by name."""
    fits = Q(name__icontains=text) | Q(slug__icontains=text)
    return Organization.objects.filter(fits).order_by("name", "pk")


def customers(page: Iterable[Organization]) -> list[Customer]:
    """Return what these organizations have and used; four queries however many they are."""
    found = list(page)
    keys, since = [it.pk for it in found], month_start()
    money, tokens = balances(found), _tokens_left(keys)
    used, worth = _used(keys, since), _worth(keys, since)
    return [
        Customer(
            organization=it,
            balance=money[it.pk],
            token_balance=int(tokens.get(it.pk, ZERO)),
            requests=used.get(it.pk, _Used()).requests,
            tokens=used.get(it.pk, _Used()).tokens,
            worth=Money(worth.get((it.pk, it.currency), ZERO), it.currency),
        )
        for it in found
    ]


def month_start() -> datetime:
    """Return when this month began, in UTC."""
    return timezone.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _tokens_left(keys: list[UUID]) -> dict[UUID, Decimal]:
    sums = (
        CreditGrant.objects.usable()
        .filter(organization__in=keys, unit=CreditGrant.Unit.TOKENS)
        .order_by()
        .values("organization_id")
        .annotate(sum=Sum("remaining"))
    )
    return {row["organization_id"]: row["sum"] for row in sums}


def _used(keys: list[UUID], since: datetime) -> dict[UUID, _Used]:
    sums = (
        UsageBucket.objects.filter(organization__in=keys, starts_at__gte=since)
        .order_by()
        .values("organization_id")
        .annotate(request_sum=Sum("requests"), token_sum=Sum(TOKENS))
    )
    return {row["organization_id"]: _Used(row["request_sum"], row["token_sum"]) for row in sums}


def _worth(keys: list[UUID], since: datetime) -> dict[tuple[UUID, str], Decimal]:
    sums = (
        SpendBucket.objects.filter(organization__in=keys, starts_at__gte=since)
        .order_by()
        .values("organization_id", "currency")
        .annotate(sum=Sum("amount"))
    )
    return {(row["organization_id"], row["currency"]): row["sum"] for row in sums}

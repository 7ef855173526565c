"""The operator's customers, in a list and one by one; read as the service role."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from billing import chargebacks
from billing import queries as billing
from billing.models import BillingProfile, Chargeback, CreditGrant, Invoice, SpendDay
from billing.queries import Balance
from common.money import Money
from metering import queries as metering
from metering.models import UsageDay
from metering.queries import Cut, Usage
from portal.desk import TOKENS, month_start
from tenants import audit_words
from tenants.models import AuditEntry, Membership, Organization

ZERO = Decimal(0)
#: How many of each are shown on a customer's page; the newest, or the next to be used.
SHOWN = 10


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
class ModelUse:
    """What a customer used of one model this month."""

    name: str
    usage: Usage
    worth: Money


@dataclass(frozen=True, slots=True)
class Portrait:
    """All that staff sees of one customer; no key, no prompt, no secret."""

    organization: Organization
    profile: BillingProfile | None
    balance: Balance
    grants: list[CreditGrant]
    usage: list[ModelUse]
    total: Usage
    worth: Money
    invoices: list[Invoice]
    chargebacks: list[Chargeback]
    memberships: list[Membership]
    usable_keys: int
    all_keys: int
    audit: list[audit_words.Row]


@dataclass(frozen=True, slots=True)
class _Used:
    requests: int = 0
    tokens: int = 0


def organizations(text: str = "", status: str = "") -> QuerySet[Organization]:
    """Return the customers with this text in their name, address or a member's e-mail, by name."""
    found = Organization.objects.order_by("name", "pk")
    if text:
        members = Membership.objects.filter(user__email__icontains=text)
        fits = Q(name__icontains=text) | Q(slug__icontains=text)
        found = found.filter(fits | Q(pk__in=members.values("organization")))
    return found.filter(status=status) if status else found


def customers(page: Iterable[Organization]) -> list[Customer]:
    """Return what these organizations have and used; four queries however many they are."""
    found = list(page)
    keys, since = [it.pk for it in found], month_start()
    money, tokens = billing.balances(found), _tokens_left(keys)
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


def portrait(organization: Organization) -> Portrait:
    """Return what the customer has, used this month, owes and did last."""
    now = timezone.now()
    cut = Cut(organization, month_start(now), now)
    by_model = metering.usage(cut, "model")
    worth = billing.spend(cut, "model")
    nothing = Money(ZERO, organization.currency)
    usage = [
        ModelUse(str(name), sums, worth.get((name,), nothing)) for (name,), sums in by_model.items()
    ]
    entries = AuditEntry.objects.filter(organization=organization)[:SHOWN]
    return Portrait(
        organization=organization,
        profile=BillingProfile.objects.filter(organization=organization).first(),
        balance=billing.balance(organization),
        grants=[*billing.grants(organization)[:SHOWN], *billing.coming(organization)[:SHOWN]],
        usage=sorted(usage, key=lambda it: it.worth.amount, reverse=True),
        total=sum((it.usage for it in usage), Usage()),
        worth=sum((it.worth for it in usage), nothing),
        invoices=list(organization.invoices.all()[:SHOWN]),
        chargebacks=list(chargebacks.of(organization)[:SHOWN]),
        memberships=list(organization.memberships.select_related("user")),
        usable_keys=organization.api_keys.usable().count(),
        all_keys=organization.api_keys.count(),
        audit=[audit_words.row(entry) for entry in entries],
    )


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
        UsageDay.objects.filter(organization__in=keys, day__gte=since.date())
        .order_by()
        .values("organization_id")
        .annotate(request_sum=Sum("requests"), token_sum=Sum(TOKENS))
    )
    return {row["organization_id"]: _Used(row["request_sum"], row["token_sum"]) for row in sums}


def _worth(keys: list[UUID], since: datetime) -> dict[tuple[UUID, str], Decimal]:
    sums = (
        SpendDay.objects.filter(organization__in=keys, day__gte=since.date())
        .order_by()
        .values("organization_id", "currency")
        .annotate(sum=Sum("amount"))
    )
    return {(row["organization_id"], row["currency"]): row["sum"] for row in sums}

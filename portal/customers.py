"""The operator's customers, in a list and one by one; read as the service role."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet, Sum, TextChoices, TextField, UUIDField, Value
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext as _

from billing import chargebacks
from billing import queries as billing
from billing.models import (
    BillingProfile,
    Chargeback,
    Contract,
    CreditGrant,
    Dispute,
    Invoice,
    SpendDay,
)
from billing.queries import Balance
from common.money import Money
from marketplace.models import AccessRequest
from metering import queries as metering
from metering.models import UsageDay
from metering.queries import Cut, Usage
from portal import business, spans, tallies
from portal.business import TOKENS
from tenants import audit_words
from tenants.models import (
    AbuseSignal,
    AuditEntry,
    CustomerNote,
    Membership,
    Organization,
    Restriction,
)

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
class Matter:
    """A contract, a dispute or a request for access: its name, how it stands, since when."""

    name: str
    state: TextChoices
    at: datetime
    #: Of a dispute, the invoice it is about.
    invoice_id: UUID | None


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
    audit: list[audit_words.Row]
    #: What was used on each of the last days, in the customer's currency, and that drawn.
    days: dict[date, Decimal]
    chart: dict[str, Any]
    #: Contracts, disputes and requests for access, each the newest first.
    matters: dict[str, list[Matter]]
    notes: list[CustomerNote]
    #: Warnings and stops that hold, or will.
    restrictions: list[Restriction]
    #: Signs of abuse that nobody has decided about, the gravest first.
    signals: list[AbuseSignal]
    #: Of keys, overdue invoices and open disputes.
    counts: dict[str, int]

    @property
    def usable_keys(self) -> int:
        """How many keys open the door now."""
        return self.counts["usable_keys"]

    @property
    def all_keys(self) -> int:
        """How many keys there ever were."""
        return self.counts["all_keys"]

    @property
    def flags(self) -> list[str]:
        """What should make whoever deals with the customer careful, in words."""
        waiting = sum(it.status in Chargeback.WAITING for it in self.chargebacks)
        told = (
            (self.counts["overdue"], _("Overdue invoices: %(count)s")),
            (waiting, _("Payments that banks are taking back: %(count)s")),
            (self.counts["disputes"], _("Disputes that nobody has decided: %(count)s")),
            (len(self.signals), _("Signs of abuse: %(count)s")),
            (len(self.restrictions), _("Warnings and stops: %(count)s")),
        )
        return [words % {"count": count} for count, words in told if count]


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
    keys, since = [it.pk for it in found], _month_start()
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
    cut = Cut(organization, _month_start(), now)
    by_model = metering.usage(cut, "model")
    worth = billing.spend(cut, "model")
    nothing = Money(ZERO, organization.currency)
    usage = [
        ModelUse(str(name), sums, worth.get((name,), nothing)) for (name,), sums in by_model.items()
    ]
    entries = AuditEntry.objects.filter(organization=organization)[:SHOWN]
    days = _days(organization, now)
    counts = tallies.counts(
        {
            "usable_keys": organization.api_keys.usable(),
            "all_keys": organization.api_keys.all(),
            "overdue": organization.invoices.open().filter(due_at__lt=now),
            "disputes": organization.disputes.waiting(),
        }
    )
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
        audit=[audit_words.row(entry) for entry in entries],
        days=days,
        chart=business.bars(list(days), days, organization.currency, now.date()),
        matters=_matters(organization),
        notes=list(
            CustomerNote.objects.filter(organization=organization)
            .select_related("author", "pinned_by")
            .pinned_first()[:SHOWN]
        ),
        restrictions=list(
            Restriction.objects.open()
            .filter(Q(ends_at=None) | Q(ends_at__gt=now), organization=organization)
            .select_related("set_by")
        ),
        signals=list(organization.abuse_signals.open().order_by("-level", "-raised_at")),
        counts=counts,
    )


#: Of each kind of matter, what its states are called.
STATES: dict[str, type[TextChoices]] = {
    "contracts": Contract.Status,
    "disputes": Dispute.Status,
    "access": AccessRequest.State,
}


def _matters(organization: Organization) -> dict[str, list[Matter]]:
    """Return the newest of each kind; one query for the three of them."""
    nobody = Value(None, output_field=UUIDField())
    asked = (
        ("contracts", organization.contracts.all(), "number", "status", nobody),
        ("disputes", organization.disputes.all(), "invoice__number", "status", F("invoice_id")),
        ("access", organization.access_requests.all(), "model__name", "state", nobody),
    )
    first, *others = (
        rows.order_by("-created_at").values_list(
            Value(kind), Cast(name, TextField()), Cast(state, TextField()), "created_at", invoice
        )[:SHOWN]
        for kind, rows, name, state, invoice in asked
    )
    found: dict[str, list[Matter]] = {kind: [] for kind in STATES}
    for kind, name, state, at, invoice_id in first.union(*others, all=True):
        found[kind].append(Matter(name, STATES[kind](state), at, invoice_id))
    for rows in found.values():
        rows.sort(key=lambda it: it.at, reverse=True)
    return found


def _days(organization: Organization, now: datetime) -> dict[date, Decimal]:
    """Return the worth of each of the last days, those without usage too."""
    span = spans.named("30d", now)
    rows = SpendDay.objects.filter(
        organization=organization, currency=organization.currency, day__gte=span.start
    )
    sums = dict(
        rows.order_by().values("day").annotate(Sum("amount")).values_list("day", "amount__sum")
    )
    return {day: sums.get(day, ZERO) for day in span.days}


def _month_start() -> datetime:
    """When this month began in UTC."""
    return spans.midnight(spans.named("month").start)


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

"""The operator's business in a few numbers, and what waits for somebody; read as the service role."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import add
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from billing.models import (
    BankLine,
    Chargeback,
    Contract,
    ContractEnd,
    Correction,
    Dispute,
    Invoice,
    InvoiceHold,
    LateMonth,
    Payout,
    Refund,
    SpendBucket,
    SpendDay,
)
from common.money import Money
from common.templatetags.formats import grouped
from marketplace.models import (
    AccessRequest,
    AIModel,
    ModelChange,
    Price,
    Reachability,
    Status,
    Upstream,
)
from marketplace.queries import DEFAULT_CURRENCY
from metering.models import TOKEN_PARTS, UsageBucket, UsageDay
from tenants.models import Organization

ZERO = Decimal(0)
TOKENS = reduce(add, (F(f"{part}_tokens") for part in TOKEN_PARTS))
TOP = 5
CHART_DAYS = 30
#: How far ahead a model's last day is mentioned.
SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Compared:
    """A number of this month so far, beside the same days of last month."""

    now: Decimal
    before: Decimal

    @property
    def whole(self) -> int:
        """The number of this month, where it is a count."""
        return int(self.now)

    @property
    def money(self) -> Money:
        """The number of this month, where it is an amount."""
        return Money(self.now, DEFAULT_CURRENCY)

    @property
    def share(self) -> Decimal | None:
        """By which share of last month's it differs; None when there was nothing."""
        return (self.now - self.before) / self.before if self.before else None


@dataclass(frozen=True, slots=True)
class Ranked:
    """A customer or a model, with what was used of it this month."""

    label: str
    slug: str
    requests: int
    worth: Money


@dataclass(frozen=True, slots=True)
class Waiting:
    """What somebody should look at: how many, in words, and where."""

    text: str
    url_name: str
    query: str = ""


@dataclass(frozen=True, slots=True)
class Overview:
    """The operator's business; months are counted in UTC."""

    customers: int
    new_customers: int
    models_on_sale: int
    requests: Compared
    tokens: Compared
    worth: Compared
    last_month: Money
    top_customers: list[Ranked]
    top_models: list[Ranked]
    waiting: list[Waiting]
    #: Servers that are switched on and of which nobody knows whether they answer.
    unasked: int
    chart: dict[str, Any]


def overview() -> Overview:
    """Count what is on sale, to how many, and what they used; as many queries however much it is."""
    now = timezone.now()
    since = month_start(now)
    customers = Organization.objects.aggregate(
        count=Count("pk"), new=Count("pk", filter=Q(created_at__gte=since))
    )
    used, worth = _used(now), _worth(now)
    return Overview(
        customers=customers["count"],
        new_customers=customers["new"],
        models_on_sale=AIModel.objects.live().count(),
        requests=Compared(used["requests_now"], used["requests_before"]),
        tokens=Compared(used["tokens_now"], used["tokens_before"]),
        worth=Compared(worth["now"], worth["before"]),
        last_month=Money(worth["whole"], DEFAULT_CURRENCY),
        top_customers=_top_customers(since.date()),
        top_models=_top_models(since.date()),
        waiting=waiting(now),
        unasked=_enabled().filter(reachability=Reachability.UNKNOWN).count(),
        chart=_chart(now),
    )


def month_start(at: datetime | None = None) -> datetime:
    """Return when the month of this moment, the present one if none is given, began in UTC."""
    at = at or timezone.now()
    return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class _Months:
    """The days of this month, of last month up to the same moment of it, and of all of last month."""

    now: Q
    before: Q
    whole: Q
    #: What ``before`` lacks: the day of that moment, as far as it had come.
    rest: Q


def _months(now: datetime) -> _Months:
    this = month_start(now)
    last = month_start(this - timedelta(days=1))
    same_moment = min(last + (now - this), this)
    same_day = datetime.combine(same_moment, datetime.min.time(), tzinfo=now.tzinfo)
    return _Months(
        now=Q(day__gte=this.date()),
        before=Q(day__gte=last.date(), day__lt=same_day.date()),
        whole=Q(day__gte=last.date(), day__lt=this.date()),
        # Named one by one, because buckets are found by organization.
        rest=Q(
            organization__in=Organization.objects.values("pk"),
            starts_at__gte=same_day,
            starts_at__lt=same_moment,
        ),
    )


def _used(now: datetime) -> dict[str, Decimal]:
    months = _months(now)
    sums = UsageDay.objects.filter(months.now | months.whole).aggregate(
        requests_now=Sum("requests", filter=months.now),
        requests_before=Sum("requests", filter=months.before),
        tokens_now=Sum(TOKENS, filter=months.now),
        tokens_before=Sum(TOKENS, filter=months.before),
    )
    rest = UsageBucket.objects.filter(months.rest).aggregate(
        requests_before=Sum("requests"), tokens_before=Sum(TOKENS)
    )
    return {name: Decimal((value or 0) + (rest.get(name) or 0)) for name, value in sums.items()}


def _worth(now: datetime) -> dict[str, Decimal]:
    months, ours = _months(now), Q(currency=DEFAULT_CURRENCY)
    sums = SpendDay.objects.filter(months.now | months.whole, ours).aggregate(
        now=Sum("amount", filter=months.now),
        before=Sum("amount", filter=months.before),
        whole=Sum("amount", filter=months.whole),
    )
    rest = SpendBucket.objects.filter(months.rest, ours).aggregate(before=Sum("amount"))
    return {name: (value or ZERO) + (rest.get(name) or ZERO) for name, value in sums.items()}


def _spent(since: date) -> QuerySet[SpendDay]:
    return SpendDay.objects.filter(day__gte=since, currency=DEFAULT_CURRENCY)


def _top_customers(since: date) -> list[Ranked]:
    rows = (
        _spent(since)
        .values(name=F("organization__name"), slug=F("organization__slug"))
        .annotate(request_sum=Sum("requests"), worth=Sum("amount"))
        .order_by("-worth", "name")[:TOP]
    )
    return [_ranked(row["name"], row["slug"], row["request_sum"], row["worth"]) for row in rows]


def _top_models(since: date) -> list[Ranked]:
    rows = (
        _spent(since)
        .values("offer_name")
        .annotate(request_sum=Sum("requests"), worth=Sum("amount"))
        .order_by("-worth", "offer_name")[:TOP]
    )
    return [
        _ranked(row["offer_name"], row["offer_name"], row["request_sum"], row["worth"])
        for row in rows
    ]


def _ranked(label: str, slug: str, requests: int, worth: Decimal) -> Ranked:
    return Ranked(label, slug, requests, Money(worth, DEFAULT_CURRENCY))


def _chart(now: datetime) -> dict[str, Any]:
    """Return the worth of each of the last days, as components/chart.html draws it."""
    first = now.date() - timedelta(days=CHART_DAYS - 1)
    rows = _spent(first).values("day").annotate(worth=Sum("amount"))
    sums = dict(rows.order_by("day").values_list("day", "worth"))
    days = [first + timedelta(days=number) for number in range(CHART_DAYS)]
    return {
        "kind": "bar",
        "row_label": _("Day"),
        "series": [{"name": _("Usage, %(currency)s") % {"currency": DEFAULT_CURRENCY}, "hue": 1}],
        "rows": [_bar(day, sums.get(day, ZERO), now.date()) for day in days],
        "note": _("Net of tax, days in UTC. Today is not over: its column still grows."),
    }


def _bar(day: date, worth: Decimal, today: date) -> dict[str, Any]:
    label = _("Today") if day == today else formats.date_format(day, "j M")
    text = grouped(worth.quantize(Decimal("0.01")))
    return {"label": label, "cells": [{"value": worth, "text": text}]}


def waiting(now: datetime) -> list[Waiting]:
    """Return what waits for somebody, most pressing first; what there is none of is left out."""
    found = [*_servers(), *_decisions(), *_models(now), *_prices(now), *_customers(now)]
    return [entry for entry in found if entry.text]


def _enabled() -> QuerySet[Upstream]:
    return Upstream.objects.filter(is_enabled=True)


def _servers() -> list[Waiting]:
    well = (Reachability.UNKNOWN, Reachability.ANSWERS)
    ill = _enabled().exclude(reachability__in=well)
    return [
        Waiting(
            _("The server “%(name)s” %(trouble)s.")
            % {"name": server.name, "trouble": server.get_reachability_display()},
            "staff:server-list",
        )
        for server in ill[:TOP]
    ]


def _decisions() -> list[Waiting]:
    """Return what only a person decides: objections, and what another one has to approve."""
    changes, requests = ModelChange.objects.waiting(), AccessRequest.objects.waiting()
    counts: tuple[tuple[str, QuerySet[Any], str], ...] = (
        *((words, waiting, "staff:correction-desk") for words, waiting in _of_money()),
        (_("Changes of models to approve: %(count)s"), changes, "staff:change-list"),
        (_("Requests for access: %(count)s"), requests, "staff:access-list"),
        (_("Bank movements that wait: %(count)s"), BankLine.objects.waiting(), "staff:bank"),
    )
    return [
        Waiting(words % {"count": count}, url_name)
        for words, waiting, url_name in counts
        if (count := waiting.count())
    ]


def _of_money() -> Iterator[tuple[str, QuerySet[Any]]]:
    """Yield what waits at the desk of disputes, in its order."""
    yield _("Disputes that nobody has decided: %(count)s"), Dispute.objects.waiting()
    yield _("Held invoices: %(count)s"), InvoiceHold.objects.waiting()
    yield _("Corrections to approve: %(count)s"), Correction.objects.waiting()
    yield _("Months with late usage: %(count)s"), LateMonth.objects.undecided()
    yield _("Contracts to sign: %(count)s"), Contract.objects.drafts()
    yield _("Ends of contracts to approve: %(count)s"), ContractEnd.objects.waiting()
    yield _("Payments that banks are taking back: %(count)s"), Chargeback.objects.waiting()
    refunds = Refund.objects.filter(status=Refund.Status.PROPOSED)
    yield _("Refunds to approve: %(count)s"), refunds
    payouts = Payout.objects.filter(status=Payout.Status.PROPOSED)
    yield _("Payouts to approve: %(count)s"), payouts


def _models(now: datetime) -> list[Waiting]:
    drafts = AIModel.objects.filter(status=Status.DRAFT).count()
    going = AIModel.objects.live().filter(retires_at__lte=now + SOON).order_by("retires_at")
    entries = [
        Waiting(
            _("“%(name)s” retires on %(day)s.")
            % {"name": name, "day": formats.date_format(at, "DATE_FORMAT")},
            "staff:model-list",
            "status=deprecated",
        )
        for name, at in going.values_list("name", "retires_at")[:TOP]
        if at is not None
    ]
    if drafts:
        words = _("Drafts that customers do not see: %(count)s") % {"count": drafts}
        entries.append(Waiting(words, "staff:model-list", "status=draft"))
    return entries


def _prices(now: datetime) -> list[Waiting]:
    coming = Price.objects.standard().upcoming(now).order_by("effective_from")
    first = coming.select_related("offer").first()
    if first is None:
        return []
    day = formats.date_format(first.effective_from, "DATE_FORMAT")
    words = _("Prices that change: %(count)s, the first on %(day)s (%(offer)s)")
    facts = {"count": coming.count(), "day": day, "offer": first.offer.name}
    return [Waiting(words % facts, "staff:price-list")]


def _customers(now: datetime) -> list[Waiting]:
    overdue = Invoice.objects.open().filter(due_at__lt=now).count()
    suspended = Organization.objects.filter(status=Organization.Status.SUSPENDED).count()
    entries = []
    if overdue:
        words = _("Invoices past their due day: %(count)s") % {"count": overdue}
        entries.append(Waiting(words, "staff:dunning"))
    if suspended:
        words = _("Customers that are suspended: %(count)s") % {"count": suspended}
        entries.append(Waiting(words, "staff:customer-list", "status=suspended"))
    return entries

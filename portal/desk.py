"""The operator's business in a few numbers, and what waits for somebody; read as the service role."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.utils import formats
from django.utils.translation import gettext as _

from billing import accounts, margins
from billing.accounts import Standing
from billing.margins import Margin
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
    ReferralTerms,
    Refund,
    TrialTerms,
)
from billing.periods import Period
from common.money import Money
from front.models import Incident
from marketplace.models import (
    AccessRequest,
    AIModel,
    ModelChange,
    Price,
    Reachability,
    ServerChange,
    Status,
    Upstream,
)
from marketplace.queries import DEFAULT_CURRENCY
from portal import business, machines, spans, tallies
from portal.business import Compared, Ranking, Use
from portal.machines import Machines
from portal.spans import Span
from tenants.models import AbuseSignal, Organization, SignUp, SupportAccess

#: So many servers in trouble, and models that go, are named one by one.
TOP = 5
#: How far ahead a model's last day is mentioned.
SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What somebody should look at: how many, in words, and where."""

    text: str
    url_name: str
    query: str = ""


@dataclass(frozen=True, slots=True)
class Total:
    """What models brought and cost in one currency, where somebody stated the cost."""

    currency: str
    revenue: Money
    cost: Money

    @property
    def margin(self) -> Money:
        """What is left of the revenue."""
        return self.revenue - self.cost

    @property
    def share(self) -> Decimal | None:
        """The margin as a share of the revenue."""
        return self.margin.amount / self.revenue.amount if self.revenue else None


@dataclass(frozen=True, slots=True)
class Overview:
    """The operator's business in a span of days; all in UTC."""

    span: Span
    customers: int
    new_customers: int
    models_on_sale: int
    use: Use
    worth: Compared
    last_month: Money
    #: What the ledger says of the span, by currency.
    standings: list[Standing]
    margins: list[Total]
    #: Models that were used and have no stated cost: the margin is that of the others.
    unstated: list[str]
    machines: Machines
    by_customer: Ranking
    by_model: Ranking
    waiting: list[Waiting]
    #: Servers that are switched on and of which nobody knows whether they answer.
    unasked: int
    chart: dict[str, Any]


def overview(span: Span | None = None) -> Overview:
    """Count what is on sale, to how many, and what they used; as many queries however much it is."""
    span = span or spans.named("month")
    now = span.now
    last_month = spans.named("last-month", now)
    worth = business.worth(span, since=min(last_month.start, business.chart_since(span)))
    use, by_customer = business.activity(span, worth.rest)
    sold, by_model = business.models(span)
    period = Period("", spans.midnight(span.start), spans.midnight(span.end))
    of_models = margins.of(period, sold)
    counts = _counts(now, span)
    return Overview(
        span=span,
        customers=counts["customers"],
        new_customers=counts["new_customers"],
        models_on_sale=counts["models"],
        use=use,
        worth=worth.compared(span),
        last_month=Money(worth.of(last_month.days), DEFAULT_CURRENCY),
        standings=accounts.between(span.start, span.end),
        margins=_totals(of_models),
        unstated=sorted({it.model for it in of_models if it.cost is None and it.revenue}),
        machines=machines.machines(now),
        by_customer=by_customer,
        by_model=by_model,
        waiting=waiting(now, counts),
        unasked=counts["unasked"],
        chart=business.chart(span, worth),
    )


def _totals(models: Sequence[Margin]) -> list[Total]:
    stated = [(it.revenue, it.cost) for it in models if it.cost is not None]
    found = []
    for currency in sorted({revenue.currency for revenue, _cost in stated}):
        nothing = Money(Decimal(0), currency)
        own = [(revenue, cost) for revenue, cost in stated if revenue.currency == currency]
        revenues, costs = (sum(amounts, nothing) for amounts in zip(*own, strict=True))
        found.append(Total(currency, revenues, costs))
    return found


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows that wait for a person: the words that say how many, and where they are."""

    words: str
    waiting: QuerySet[Any]
    url_name: str
    query: str = ""


def _counts(now: datetime, span: Span) -> dict[str, int]:
    """Count everything at once that is only a number here."""
    asked: dict[str, QuerySet[Any]] = {
        "customers": Organization.objects.all(),
        "new_customers": Organization.objects.filter(
            created_at__gte=spans.midnight(span.start), created_at__lt=spans.midnight(span.end)
        ),
        "models": AIModel.objects.live(),
        "unasked": _enabled().filter(reachability=Reachability.UNKNOWN),
        "ill": _ill(),
        "retiring": _retiring(now),
        "prices": _prices(now),
        **{it.words: it.waiting for it in (*_decisions(), *_drafts(), *_customers(now))},
    }
    return tallies.counts(asked)


def waiting(now: datetime, counts: Mapping[str, int]) -> list[Waiting]:
    """Return what waits for somebody, most pressing first; what there is none of is left out."""
    return [
        # What is told one by one is read where there is something to tell.
        *(_ill_servers() if counts["ill"] else ()),
        *_told(_decisions(), counts),
        *(_retiring_models(now) if counts["retiring"] else ()),
        *_told(_drafts(), counts),
        *(_coming_prices(now, counts["prices"]) if counts["prices"] else ()),
        *_told(_customers(now), counts),
    ]


def _told(tallies: Iterable[Tally], counts: Mapping[str, int]) -> Iterator[Waiting]:
    for it in tallies:
        if count := counts.get(it.words):
            yield Waiting(it.words % {"count": count}, it.url_name, it.query)


def _enabled() -> QuerySet[Upstream]:
    return Upstream.objects.filter(is_enabled=True)


def _ill() -> QuerySet[Upstream]:
    return _enabled().exclude(reachability__in=(Reachability.UNKNOWN, Reachability.ANSWERS))


def _ill_servers() -> list[Waiting]:
    return [
        Waiting(
            _("The server “%(name)s” %(trouble)s.")
            % {"name": server.name, "trouble": server.get_reachability_display()},
            "staff:server-list",
        )
        for server in _ill()[:TOP]
    ]


def _decisions() -> Iterator[Tally]:
    """Yield what only a person decides: what is told of, objections, and what another one approves."""
    words = _("Incidents and planned work that are not over: %(count)s")
    yield Tally(words, Incident.objects.open(), "staff:incident-list")
    signals = AbuseSignal.objects.open()
    yield Tally(_("Signs of abuse: %(count)s"), signals, "staff:signal-list")
    for words, rows in _of_money():
        yield Tally(words, rows, "staff:correction-desk")
    changes, requests = ModelChange.objects.waiting(), AccessRequest.objects.waiting()
    yield Tally(_("Changes of models to approve: %(count)s"), changes, "staff:change-list")
    servers = ServerChange.objects.waiting()
    yield Tally(_("Changes of servers to approve: %(count)s"), servers, "staff:server-list")
    yield Tally(_("Requests for access: %(count)s"), requests, "staff:access-list")
    emergencies = SupportAccess.objects.waiting().filter(way=SupportAccess.Way.EMERGENCY)
    words = _("Readings of customers' pages to approve: %(count)s")
    yield Tally(words, emergencies, "staff:support-list")
    sign_ups = SignUp.objects.waiting()
    yield Tally(
        _("Organizations that wait to be let in: %(count)s"), sign_ups, "staff:sign-up-list"
    )
    trials = TrialTerms.objects.waiting()
    yield Tally(_("Trial credit to approve: %(count)s"), trials, "staff:trial-list")
    referrals = ReferralTerms.objects.waiting()
    yield Tally(_("Terms of referrals to approve: %(count)s"), referrals, "staff:referral-list")
    lines = BankLine.objects.waiting()
    yield Tally(_("Bank movements that wait: %(count)s"), lines, "staff:bank")


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


def _retiring(now: datetime) -> QuerySet[AIModel]:
    return AIModel.objects.live().filter(retires_at__lte=now + SOON).order_by("retires_at")


def _retiring_models(now: datetime) -> list[Waiting]:
    return [
        Waiting(
            _("“%(name)s” retires on %(day)s.")
            % {"name": name, "day": formats.date_format(at, "DATE_FORMAT")},
            "staff:model-list",
            "status=deprecated",
        )
        for name, at in _retiring(now).values_list("name", "retires_at")[:TOP]
        if at is not None
    ]


def _drafts() -> Iterator[Tally]:
    drafts = AIModel.objects.filter(status=Status.DRAFT)
    words = _("Drafts that customers do not see: %(count)s")
    yield Tally(words, drafts, "staff:model-list", "status=draft")


def _prices(now: datetime) -> QuerySet[Price]:
    return Price.objects.standard().upcoming(now).order_by("effective_from")


def _coming_prices(now: datetime, count: int) -> list[Waiting]:
    words = _("Prices that change: %(count)s, the first on %(day)s (%(offer)s)")
    first = _prices(now).values_list("effective_from", "offer__name")[:1]
    return [
        Waiting(
            words % {"count": count, "day": formats.date_format(at, "DATE_FORMAT"), "offer": name},
            "staff:price-list",
        )
        for at, name in first
    ]


def _customers(now: datetime) -> Iterator[Tally]:
    overdue = Invoice.objects.open().filter(due_at__lt=now)
    yield Tally(_("Invoices past their due day: %(count)s"), overdue, "staff:dunning")
    suspended = Organization.objects.filter(status=Organization.Status.SUSPENDED)
    words = _("Customers that are suspended: %(count)s")
    yield Tally(words, suspended, "staff:customer-list", "status=suspended")

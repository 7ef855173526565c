"""What the operator takes away from the desk: the overview, customers, revenue and orders as tables.

Rows are read batch by batch, each as the service role for itself, however many there are.
"""

from collections.abc import Callable, Iterator, Sequence
from uuid import UUID

from django.db.models import F

from billing.models import Order, SpendDay
from common.database import service
from common.money import Money
from portal import customers, desk, spans
from portal.business import Compared, Seller
from portal.sheets import Cell, Sheet
from portal.spans import Span
from tenants.models import Organization

Rows = Iterator[Sequence[Cell]]
BATCH = 500


def overview(span: Span) -> Sheet:
    """Return the figures of the overview, beside those of the days before where they are compared."""
    columns = ("of", "name", "currency", "first_day", "last_day", "value", "value_before")
    return Sheet(_named("overview", span), columns, _overview(span))


def _overview(span: Span) -> Rows:
    with service():
        seen = desk.overview(span)
    days = (span.start, span.last)
    for name, compared in (
        ("requests", seen.use.requests),
        ("tokens", seen.use.tokens),
        ("active_customers", seen.use.active),
    ):
        yield ("all", name, "", *days, compared.now, compared.before)
    yield ("all", "usage", seen.worth.money.currency, *days, seen.worth.now, seen.worth.before)
    for standing in seen.standings:
        yield _amount("revenue", standing.revenue, span)
        yield _amount("breakage", standing.breakage, span)
        yield _amount("adjustments", standing.adjustments, span)
        yield _amount("recognized", standing.recognized, span)
        yield _amount("deferred", standing.deferred, span)
    for total in seen.margins:
        yield _amount("stated_cost", total.cost, span)
        yield _amount("margin", total.margin, span)
    for kind, ranking in (("customer", seen.by_customer), ("model", seen.by_model)):
        for it in {row.slug: row for row in (*ranking.top, *ranking.up, *ranking.down)}.values():
            yield _seller(kind, it, span)


def _amount(name: str, amount: Money, span: Span) -> Sequence[Cell]:
    return ("all", name, amount.currency, span.start, span.last, amount.amount, None)


def _seller(kind: str, it: Seller, span: Span) -> Sequence[Cell]:
    moved: Compared = it.moved
    return (kind, it.slug, it.worth.currency, span.start, span.last, it.worth.amount, moved.before)


def customer_list() -> Sheet:
    """Return every customer with what they have, and used this month."""
    columns = (
        "customer", "name", "kind", "country", "state", "since", "currency", "balance",
        "tokens_left", "requests_this_month", "tokens_this_month", "usage_this_month",
    )  # fmt: skip
    return Sheet(f"customers_{spans.named('month').now:%Y-%m-%d}", columns, _customers())


def _customers() -> Rows:
    last: UUID | None = None
    while True:
        with service():
            page = Organization.objects.order_by("pk")
            page = page.filter(pk__gt=last) if last else page
            found = customers.customers(page[:BATCH])
        for it in found:
            who = it.organization
            yield (
                who.slug, who.name, who.kind, who.country.code, who.status, who.created_at,
                it.balance.currency, it.balance.amount, it.token_balance, it.requests, it.tokens,
                it.worth.amount,
            )  # fmt: skip
        if len(found) < BATCH:
            return
        last = found[-1].organization.pk


def revenue(span: Span) -> Sheet:
    """Return what usage was worth, by day, customer and model, net of tax."""
    columns = (
        "day", "customer", "name", "model", "currency", "requests", "usage", "paid_by_no_credit",
    )  # fmt: skip
    return Sheet(_named("revenue", span), columns, _revenue(span))


def _revenue(span: Span) -> Rows:
    for day in span.days:
        with service():
            rows = list(
                SpendDay.objects.filter(day=day)
                .order_by("organization__slug", "offer_name", "currency")
                .values_list(
                    "day", F("organization__slug"), F("organization__name"), "offer_name",
                    "currency", "requests", "amount", "uncovered",
                )
            )  # fmt: skip
        yield from rows


def orders(span: Span) -> Sheet:
    """Return the orders that were placed in the days, the oldest first."""
    columns = (
        "order", "placed_at", "customer", "name", "bundle", "state", "currency", "net", "tax",
        "total", "paid_at", "automatic", "by_transfer",
    )  # fmt: skip
    return Sheet(_named("orders", span), columns, _orders(span))


def _orders(span: Span) -> Rows:
    placed = Order.objects.filter(
        created_at__gte=spans.midnight(span.start), created_at__lt=spans.midnight(span.end)
    ).select_related("organization")
    last: UUID | None = None
    while True:
        with service():
            page = placed.order_by("pk")
            found = list((page.filter(pk__gt=last) if last else page)[:BATCH])
        for it in found:
            yield (
                str(it.pk), it.created_at, it.organization.slug, it.organization.name,
                it.bundle_name, it.status, it.currency, it.net, it.tax, it.total, it.paid_at,
                "yes" if it.is_automatic else "no", "yes" if it.is_by_transfer else "no",
            )  # fmt: skip
        if len(found) < BATCH:
            return
        last = found[-1].pk


def _named(name: str, span: Span) -> str:
    return f"{name}_{span.start}_{span.last}"


#: By the name that stands in addresses.
TABLES: dict[str, Callable[[Span], Sheet]] = {
    "overview": overview,
    "customers": lambda _span: customer_list(),
    "revenue": revenue,
    "orders": orders,
}

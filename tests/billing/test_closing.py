"""Many customers closed at once: each as if alone, all or nothing, beside itself and twice."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from billing import periodic, periods
from billing.einvoice import rules, sheets
from billing.models import (
    BillingProfile,
    Contract,
    CreditGrant,
    Invoice,
    InvoiceHold,
    InvoicePart,
    LateMonth,
    LedgerEntry,
    Payer,
    PurchaseOrder,
    PurchaseOrderUse,
    SpendBucket,
    SpendDay,
)
from billing.services import closing, credits, invoicing
from common.database import service
from common.ids import uuid7
from tenants.models import AuditEntry, WebhookEvent
from tenants.services import organizations
from tests.billing.terms import electronic
from tests.billing.test_recomputing import PRICES, price
from tests.support.usage import used

__all__ = ["electronic", "price", "used"]
JANUARY, FEBRUARY = (periods.month(2026, number, "UTC") for number in (1, 2))
INSIDE = timedelta(days=9)
#: A query that sums requests up.
READS = re.compile(r'^SELECT .*SUM\(.* FROM "metering_usageevent"')
#: What makes closing a customer more than usage times price.
KINDS = (
    "plain", "covered", "graduated", "package", "late", "never closed", "too late", "committed",
    "ordered", "divided", "reverse", "payer", "paid for", "jump", "waiting", "idle",
)  # fmt: skip


@pytest.fixture
def found(alice):
    """Found a customer; all have one name, so that nothing else tells two of a kind apart."""

    def found():
        return organizations.found(name="Customer", owner=alice, country="FR")

    return found


@pytest.fixture
def request_of(price, used):
    """Record a request of a customer's at a price, as the gateway settles it."""
    standing = {name: price(PRICES[name]) for name in ("plain", "graduated", "package")}

    def request_of(organization, tokens, *, name="plain", month=FEBRUARY, **facts):
        one = standing[name]
        used(
            str(one.per_token * tokens),
            organization=organization,
            parts={"input": tokens},
            amounts={"input": one.per_token * tokens},
            price_ids={"input": one.pk},
            occurred_at=month.start + INSIDE,
            **facts,
        )

    return request_of


@pytest.fixture
def prepare(found, request_of):
    """Prepare the February of a new customer of a kind; answers who is to be closed."""

    def prepare(kind, tokens):
        organization = found()
        PREPARED.get(kind, lambda *_others: None)(organization, tokens, request_of, found)
        if kind != "idle":
            name = kind if kind in ("graduated", "package") else "plain"
            request_of(organization, tokens, name=name)
        return organization

    return prepare


def covered(organization, tokens, request_of, found):
    """Part of it is paid by credit."""
    with service():
        credits.grant(
            organization, unit="money", quantity=Decimal("1.234567"), source_key="one",
            cost_basis=Decimal(1),
        )  # fmt: skip


def late(organization, tokens, request_of, found):
    """January was closed, and then came more of it."""
    request_of(organization, 1_000_000, month=JANUARY)
    invoicing.finalize(organization, JANUARY)
    request_of(organization, tokens, month=JANUARY)


def never_closed(organization, tokens, request_of, found):
    """Nobody closed January."""
    request_of(organization, tokens, month=JANUARY)


def too_late(organization, tokens, request_of, found):
    """January's usage comes later than the contract lets it be invoiced."""
    agreed(organization, late_days=30)
    request_of(organization, tokens, month=JANUARY)


def agreed(organization, **terms):
    """Let the customer have a contract since January."""
    with service():
        Contract.objects.create(
            organization=organization, number=f"C-{uuid7()}", status="active",
            starts_on=date(2026, 1, 1), effective_from=JANUARY.start, signed_at=JANUARY.start,
            **terms,
        )  # fmt: skip


def committed(organization, tokens, request_of, found):
    """The contract asks for more than is used."""
    agreed(organization, commitment=Decimal("12.345"), net_days=45)


def ordered(organization, tokens, request_of, found):
    """Two purchase orders, of which the first does not hold all."""
    with service():
        for number, amount in (("PO-1", "0.5"), ("PO-2", "1.25")):
            PurchaseOrder.objects.create(
                organization=organization, number=number, currency="EUR", amount=Decimal(amount),
                starts_on=date(2026, 1, 1), lapses_on=date(2100, 1, int(number[-1])),
            )  # fmt: skip


def divided(organization, tokens, request_of, found):
    """Two projects use something, of which one is gone, and the invoice tells them apart."""
    described(organization, split_by="project")
    request_of(organization, 333_333, project_id=uuid7())


def described(organization, **facts):
    """Let the customer have billing details."""
    given = {"legal_name": "Customer SARL", "line1": "1 rue", "city": "Paris", "country": "FR"}
    with service():
        BillingProfile.objects.create(organization=organization, **given | facts)


def reverse(organization, tokens, request_of, found):
    """The customer owes the tax itself."""
    described(organization, country="DE", vat_id="DE136695976", vat_state="verified")


def payer(organization, tokens, request_of, found):
    """Pays for another organization, too."""
    pays(organization, member := found())
    request_of(member, tokens * 2)


def paid_for(organization, tokens, request_of, found):
    """Another organization pays."""
    pays(found(), organization)


def pays(payer, member):
    """Let one organization pay for another."""
    with service():
        Payer.objects.create(
            organization=member, organization_name=member.name, payer=payer,
            payer_name=payer.name, first_month="2026-02",
        )  # fmt: skip


def jump(organization, tokens, request_of, found):
    """The month before came to next to nothing."""
    request_of(organization, 100_000, month=JANUARY)
    invoicing.finalize(organization, JANUARY)
    request_of(organization, 3_000_000_000)


def waiting(organization, tokens, request_of, found):
    """A person has to look at its month first."""
    with service():
        InvoiceHold.objects.create(
            organization=organization, period_start=FEBRUARY.start, period_end=FEBRUARY.end,
            findings=[], currency="EUR", total="1",
        )  # fmt: skip


PREPARED = {
    "covered": covered, "graduated": covered, "package": covered, "late": late,
    "never closed": never_closed, "too late": too_late, "committed": committed,
    "ordered": ordered, "divided": divided, "reverse": reverse, "payer": payer,
    "paid for": paid_for, "jump": jump, "waiting": waiting,
}  # fmt: skip
INVOICE = (
    "period_start", "kind", "status", "currency", "seller", "buyer", "purchase_order", "net",
    "tax_rate", "tax_category", "tax_reason", "tax", "total", "exact_net", "contract__net_days",
)  # fmt: skip
LINE = (
    "invoice__period_start", "position", "kind", "description", "quantity", "unit_amount",
    "offer_name", "part", "price_id", "tier", "corrects", "section", "exact_amount", "amount",
)  # fmt: skip


def state(organization):
    """Return all that closing wrote of a customer, without what is another one's by its nature."""
    own = {"organization": organization}
    entries = LedgerEntry.objects.filter(**own).values_list(
        "transaction__operation_key", "transaction__kind", "account__kind", "amount"
    )
    with service():
        invoices = Invoice.objects.filter(**own)
        lines = invoices.values_list(*(f"lines__{name}" for name in LINE))
        return {
            "invoices": sorted(map(repr, invoices.values_list(*INVOICE))),
            "terms": sorted(
                round((it.due_at - it.issued_at) / timedelta(days=1)) for it in invoices
            ),
            "lines": sorted(without_ids(repr(line)) for line in lines),
            "ledger": sorted((without_ids(key), *rest) for key, *rest in entries),
            "credit": sorted(
                CreditGrant.objects.filter(**own).values_list("kind", "granted", "remaining")
            ),
            "orders": sorted(
                PurchaseOrderUse.objects.filter(**own).values_list(
                    "purchase_order__number", "amount"
                )
            ),
            "held": list(InvoiceHold.objects.filter(**own).values_list("findings", "total")),
            "late": list(LateMonth.objects.filter(**own).values_list("label")),
            "parts": list(InvoicePart.objects.filter(payer=organization).values_list("net")),
            "acts": sorted(AuditEntry.objects.filter(**own).values_list("action", flat=True)),
            "told": sorted(WebhookEvent.objects.filter(**own).values_list("type", flat=True)),
        }


def without_ids(words):
    """Return the words without what names rows of one customer alone."""
    return re.sub(r"[0-9a-f]{64}|[0-9a-f]{8}-[0-9a-f-]{27}", "…", words)


def numbers_of(customers):
    """Return the numbers of the invoices of February, by the order of the customers' keys."""
    with service():
        found = Invoice.objects.filter(organization__in=customers, period_start=FEBRUARY.start)
        numbers = found.order_by("organization_id").values_list("number", flat=True)
        return [int(number.rsplit("-")[-1]) for number in numbers]


@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 3_000_000)), min_size=2, max_size=6)
)
@example([(kind, 1_234_567) for kind in KINDS])
def test_closing_many_at_once_is_closing_each_alone_to_the_last_digit(prepare, customers):
    alone = [prepare(kind, tokens) for kind, tokens in customers]
    together = [prepare(kind, tokens) for kind, tokens in customers]

    for customer in alone:
        invoicing.finalize(customer, FEBRUARY)
    closing.each(together, FEBRUARY)

    for (kind, _tokens), one, other in zip(customers, alone, together, strict=True):
        assert (kind, state(one)) == (kind, state(other))
    first, second = numbers_of(alone), numbers_of(together)
    assert first == list(range(first[0], first[0] + len(first))) if first else not second
    assert second == [number + len(first) for number in first]


def test_lots_that_were_read_at_once_come_to_the_same(prepare, monkeypatch):
    monkeypatch.setattr(closing, "BATCH", 3)
    alone = [prepare(kind, 1_234_567) for kind in KINDS]
    together = [prepare(kind, 1_234_567) for kind in KINDS]

    for customer in alone:
        invoicing.finalize(customer, FEBRUARY)
    closing.each(together, FEBRUARY)

    assert [state(one) for one in alone] == [state(other) for other in together]


def test_requests_of_several_lots_are_read_once(found, request_of, monkeypatch):
    monkeypatch.setattr(closing, "BATCH", 2)
    customers = [found() for _each in range(5)]
    for customer in customers:
        request_of(customer, 1000)

    with CaptureQueriesContext(connections["service"]) as queries:
        assert closing.each(customers, FEBRUARY) == 5

    assert len([it for it in queries if READS.search(it["sql"])]) == 1


def test_what_comes_after_requests_were_read_is_invoiced_all_the_same(prepare, request_of):
    alone = [prepare(kind, 1_234_567) for kind in KINDS]
    together = [prepare(kind, 1_234_567) for kind in KINDS]

    ahead = closing.read(together, FEBRUARY)
    for customer in alone[::2] + together[::2]:
        request_of(customer, 7_654_321)
    for customer in alone:
        invoicing.finalize(customer, FEBRUARY)
    closing.close([customer.pk for customer in together], FEBRUARY, ahead)

    assert [state(one) for one in alone] == [state(other) for other in together]


def test_what_is_recorded_between_two_readings_of_a_doubted_month_is_rated_and_settled(
    found, request_of, monkeypatch
):
    one, other = found(), found()
    request_of(one, 1_234_567)
    for _each in range(3):
        request_of(other, 1_234_567)
    with service():
        # Sums that are not of as many requests: each request is asked.
        SpendBucket.objects.filter(organization=one).update(requests=7)
        SpendDay.objects.filter(organization=one).update(requests=7)
    read, late = periodic.of_each, iter([partial(request_of, one, 1_234_567)] * 2)

    def read_and_overtaken(*given):
        its = read(*given)
        elsewhere(next(late, lambda: None))
        return its

    monkeypatch.setattr(periodic, "of_each", read_and_overtaken)
    closing.close([one.pk], FEBRUARY)
    monkeypatch.undo()
    closing.close([other.pk], FEBRUARY)

    assert state(one) == state(other)


def elsewhere(work):
    """Do the work as another process would, beside this one's transaction."""

    def alone():
        try:
            work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(alone).result()


def test_how_many_customers_there_are_changes_nothing_in_how_often_the_database_is_asked(
    found, request_of
):
    first, *few = [found() for _each in range(3)]
    many = [found() for _each in range(9)]
    for customer in (first, *few, *many):
        request_of(customer, 1000)
    # It begins the series.
    invoicing.finalize(first, FEBRUARY)

    def asked(customers):
        with CaptureQueriesContext(connections["service"]) as queries:
            assert closing.each(customers, FEBRUARY) == len(customers)
        return len(queries)

    assert asked(few) == asked(many)


def test_a_customer_in_trouble_leaves_those_closed_with_it_their_invoice(found, request_of, used):
    customers = [found() for _each in range(5)]
    for customer in customers:
        request_of(customer, 1000)
    used(organization=customers[2], occurred_at=FEBRUARY.start + INSIDE)

    assert closing.each(customers, FEBRUARY) == 4
    assert numbers_of([customers[2]]) == []
    assert numbers_of(customers) == [1, 2, 3, 4]


def test_lots_that_overlap_are_closed_at_once_without_a_gap_or_a_second_invoice(found, request_of):
    customers = [found() for _each in range(8)]
    for customer in customers:
        request_of(customer, 1000)

    def close(lot):
        closing.each(lot, FEBRUARY)
        connections.close_all()

    lots = [customers[:6], customers[2:], customers[::-1], customers]
    threads = [threading.Thread(target=close, args=[lot]) for lot in lots]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert sorted(numbers_of(customers)) == list(range(1, 9))


def test_a_worker_that_dies_halfway_leaves_all_of_a_lot_and_its_numbers(
    found, request_of, monkeypatch
):
    customers = [found() for _each in range(3)]
    for customer in customers:
        request_of(customer, 1000)
    owners = [customer.pk for customer in customers]
    with monkeypatch.context() as dying:
        dying.setattr(closing.jobs, "enqueue", lambda _name: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            closing.close(owners, FEBRUARY)
    assert numbers_of(customers) == []

    closing.close(owners, FEBRUARY)

    assert numbers_of(customers) == [1, 2, 3]


def test_the_sheets_look_at_all_new_forms_of_a_lot_at_once(
    found, request_of, electronic, monkeypatch
):
    monkeypatch.setattr(rules, "_looked_at", {})
    customers = [found() for _each in range(3)]
    for customer, reference in zip(customers, ("", "", "7"), strict=True):
        described(customer, buyer_reference=reference)
        request_of(customer, 1000)
    looked = []
    failures = sheets.failures

    def watched(documents):
        looked.append(len(documents))
        return failures(documents)

    monkeypatch.setattr(rules, "failures", watched)

    assert closing.each(customers, FEBRUARY) == 3
    assert looked == [2]


def test_further_lots_are_closed_by_whoever_hears_their_bell(found, request_of, clock, monkeypatch):
    monkeypatch.setattr(invoicing, "READ", 2)
    customers = [found() for _each in range(5)]
    for customer in customers:
        request_of(customer, 1000)

    invoicing.close_periods()
    invoicing.close_periods()

    assert len(numbers_of(customers)) == 5

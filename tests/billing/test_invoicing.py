"""Invoices: what they come to, what comes late, their numbers, and that they stand."""

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import NAMESPACE_OID, uuid5

import pytest
from django.db import Error, connections
from hypothesis import given
from hypothesis import strategies as st

from billing import periods
from billing.drafts import UsedTokens, corrections, usage_draft
from billing.models import Invoice, InvoiceLine
from billing.services import invoicing
from common.database import service
from common.errors import Conflict
from common.money import round_to_minor
from tenants.scope import scope
from tenants.services import organizations

JANUARY, FEBRUARY, MARCH = (periods.month(2026, number, "UTC") for number in (1, 2, 3))
INSIDE = timedelta(days=9)


def lines(invoice):
    """Return what the lines of an invoice say."""
    with service():
        return [(line.description, line.quantity, line.amount) for line in invoice.lines.all()]


def asked_for():
    """Return what all invoices together ask for before tax."""
    with service():
        return sum(invoice.net for invoice in Invoice.objects.all())


async def test_usage_reported_after_closing_lands_on_the_next_invoice(acme, price, use):
    one = price("0.000333333333")
    await use(one, 1000, JANUARY.start + INSIDE)
    first = invoicing.finalize(acme, JANUARY)
    await use(one, 500, JANUARY.start + INSIDE)
    await use(one, 10, FEBRUARY.start + INSIDE)

    second = invoicing.finalize(acme, FEBRUARY)

    assert lines(first) == [("llama-8b · input", 1000, Decimal("0.33"))]
    assert lines(second) == [
        ("llama-8b · input", 10, Decimal("0.00")),
        ("llama-8b · input · 2026-01", 500, Decimal("0.17")),
    ]
    with service():
        correcting = second.lines.get(position=2)
    assert (correcting.corrects, correcting.price_id) == (JANUARY.start, one.pk)


async def test_what_was_corrected_once_is_not_corrected_again(acme, price, use):
    one = price("0.0003")
    await use(one, 1000, JANUARY.start + INSIDE)
    invoicing.finalize(acme, JANUARY)
    await use(one, 500, JANUARY.start + INSIDE)
    invoicing.finalize(acme, FEBRUARY)

    assert invoicing.finalize(acme, MARCH) is None
    assert asked_for() == Decimal("0.45")


async def test_a_month_that_was_never_closed_is_not_lost(acme, price, use):
    await use(price("0.0003"), 1000, JANUARY.start + INSIDE)

    invoice = invoicing.finalize(acme, MARCH)

    assert lines(invoice) == [("llama-8b · input · 2026-01", 1000, Decimal("0.30"))]
    assert invoice.net == invoice.exact_net == Decimal("0.30")


async def test_late_usage_that_credit_paid_for_asks_for_nothing(acme, price, use, give, take, conn):
    one = price("0.0003")
    await use(one, 1000, JANUARY.start + INSIDE)
    invoicing.finalize(acme, JANUARY)
    give("1")
    await use(one, 500, JANUARY.start + INSIDE, leases=await take(conn, "1"))

    second = invoicing.finalize(acme, FEBRUARY)

    assert lines(second) == [
        ("llama-8b · input · 2026-01", 500, Decimal("0.15")),
        ("Covered by prepaid credit · 2026-01", 1, Decimal("-0.15")),
    ]
    assert (second.net, second.exact_net, second.status) == (0, 0, "paid")


async def test_an_invoice_is_the_sum_of_its_lines_and_what_its_events_re_rate_to(acme, price, use):
    old, new = price("0.000000333333"), price("0.000000777777")
    for number in range(7):
        await use(old if number % 2 else new, 1_000_003 * (number + 1), JANUARY.start + INSIDE)

    invoice = invoicing.finalize(acme, JANUARY)

    worth = old.per_token * 1_000_003 * (2 + 4 + 6) + new.per_token * 1_000_003 * (1 + 3 + 5 + 7)
    with service():
        written = list(invoice.lines.all())
        rerated = invoicing.rerated(acme, JANUARY)
    assert sum(line.exact_amount for line in written) == invoice.exact_net == worth
    assert sum(line.amount for line in written) == invoice.net == rerated.net
    assert invoice.total == invoice.net + invoice.tax
    assert {line.price_id for line in written} == {old.pk, new.pk}


async def test_the_books_carry_the_document_to_the_last_digit(acme, price, use, books):
    await use(price("0.000333333333"), 1000, JANUARY.start + INSIDE)

    invoice = invoicing.finalize(acme, JANUARY)

    found = books()
    assert found["receivable"] == invoice.total
    assert found["tax"] == -invoice.tax
    assert found["revenue"] == -invoice.net


@pytest.mark.parametrize(
    ("zone", "month", "hours"),
    [
        ("Europe/Paris", 3, 31 * 24 - 1),
        ("Europe/Paris", 10, 31 * 24 + 1),
        ("Asia/Kathmandu", 2, 28 * 24),
        ("America/Sao_Paulo", 2, 28 * 24),
    ],
)
async def test_each_event_is_in_one_month_also_where_clocks_change(
    acme, price, use, zone, month, hours
):
    acme.time_zone = zone
    with service():
        acme.save()
    period = periods.month(2025, month, zone)
    following = periods.month(2025, month + 1, zone)
    tick = timedelta(microseconds=1)
    one = price("0.01")
    for at, tokens in ((period.start, 1), (period.end - tick, 2), (period.end, 4)):
        await use(one, tokens, at)

    first, second = invoicing.finalize(acme, period), invoicing.finalize(acme, following)

    assert (period.end - period.start) / timedelta(hours=1) == hours
    assert [line[1] for line in lines(first)] == [3]
    assert [line[1] for line in lines(second)] == [4]


async def test_finalizing_twice_changes_nothing(acme, price, use):
    await use(price("0.0003"), 1000, JANUARY.start + INSIDE)

    assert invoicing.finalize(acme, JANUARY) == invoicing.finalize(acme, JANUARY)
    assert asked_for() == Decimal("0.30")


def test_a_month_that_runs_cannot_be_closed(acme):
    with pytest.raises(Conflict):
        invoicing.finalize(acme, periods.containing(datetime.now(UTC), "UTC"))


async def test_numbers_have_no_gap_when_many_are_given_at_once(alice, price, use):
    one = price("0.01")
    customers = [
        organizations.found(name=f"Customer {number}", owner=alice, country="FR")
        for number in range(20)
    ]
    for customer in customers:
        await use(one, 100, JANUARY.start + INSIDE, organization_id=customer.pk)

    def finalize(customer):
        invoicing.finalize(customer, JANUARY)
        connections.close_all()

    threads = [threading.Thread(target=finalize, args=[customer]) for customer in customers * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with service():
        numbers = sorted(Invoice.objects.values_list("number", flat=True))
    assert [int(number.rsplit("-")[-1]) for number in numbers] == list(range(1, 21))


async def test_one_customers_trouble_does_not_keep_the_others_from_their_invoice(
    acme, alice, price, use, clock
):
    one = price("0.01")
    other = organizations.found(name="Zulu", owner=alice, country="FR")
    await use(one, 100, FEBRUARY.start + INSIDE, organization_id=other.pk)
    await use(one, 100, FEBRUARY.start + INSIDE)
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "ALTER TABLE metering_usageevent DISABLE TRIGGER USER;"
            "UPDATE metering_usageevent SET price_ids = '{}' WHERE organization_id = %s;"
            "ALTER TABLE metering_usageevent ENABLE TRIGGER USER",
            [acme.pk],
        )

    assert invoicing.close_periods() == 1
    with service():
        assert Invoice.objects.get().organization == other


@pytest.fixture
async def invoice(acme, price, use):
    """Acme's invoice of January."""
    await use(price("0.01"), 100, JANUARY.start + INSIDE)
    return invoicing.finalize(acme, JANUARY)


def attempt(alias, statement):
    """Run a statement as a role and return how PostgreSQL refuses it."""
    with pytest.raises(Error) as refusal, connections[alias].cursor() as cursor:
        cursor.execute(statement)
    connections[alias].close()
    return str(refusal.value)


@pytest.mark.parametrize("alias", ["service", "owner"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE billing_invoice SET total = total + 1, net = net + 1",
        "UPDATE billing_invoice SET number = 'X-1'",
        "UPDATE billing_invoice SET status = 'paid', buyer = '{}'",
        "DELETE FROM billing_invoice",
    ],
)
async def test_a_finalized_invoice_is_never_changed(invoice, alias, statement):
    assert "finalized" in attempt(alias, statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE billing_invoiceline SET amount = 0",
        "DELETE FROM billing_invoiceline",
        "TRUNCATE billing_invoiceline CASCADE",
        "TRUNCATE billing_invoice CASCADE",
    ],
)
async def test_not_even_its_owner_empties_or_changes_an_invoice(invoice, statement):
    assert "never changed" in attempt("owner", statement)


async def test_whether_an_invoice_is_paid_can_change(invoice):
    with service():
        Invoice.objects.filter(pk=invoice.pk).update(status="paid", paid_at=datetime.now(UTC))

        assert Invoice.objects.get().status == "paid"


@pytest.mark.parametrize("table", ["billing_invoice", "billing_invoiceline"])
async def test_pages_cannot_write_documents(invoice, acme, table):
    with (
        pytest.raises(Error, match="permission denied"),
        scope(acme),
        connections["default"].cursor() as cursor,
    ):
        cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - the names stand above
    with scope(acme):
        assert InvoiceLine.objects.count() == 1


TOKENS = st.integers(0, 10**9)
PRICES = st.sampled_from(["0.000000000001", "0.0000005", "0.005", "0.0000033333", "1"])
USED = st.lists(st.tuples(st.sampled_from("abc"), TOKENS, PRICES), max_size=6)
SHARE = st.decimals("0", "1", places=4)


def drafted(used, share):
    """Return the draft of a month of which this share was not covered."""
    tokens = [
        UsedTokens(name, "input", count, Decimal(amount), uuid5(NAMESPACE_OID, amount))
        for name, count, amount in dict.fromkeys(used)
    ]
    worth = sum((each.tokens * each.unit_amount for each in tokens), Decimal(0))
    uncovered = (worth * share).quantize(Decimal("1e-12"))
    return usage_draft(
        tokens,
        uncovered=uncovered,
        currency="EUR",
        tax_rate=Decimal("0.2"),
        coverage_label="Credit",
    )


def test_credit_for_almost_all_of_lines_below_half_a_cent_leaves_no_debt_of_ours():
    used = [UsedTokens(name, "input", 4, Decimal("0.001"), None) for name in "ab"]

    draft = usage_draft(
        used,
        uncovered=Decimal("0.000001"),
        currency="EUR",
        tax_rate=Decimal("0.2"),
        coverage_label="Credit",
    )

    assert [line.amount for line in draft.lines] == [0, 0, 0]
    assert (draft.net, draft.exact_net) == (0, Decimal("0.000001"))


@given(USED, SHARE)
def test_credit_never_takes_off_more_than_there_is(used, share):
    draft = drafted(used, share)

    assert draft.net >= 0
    assert draft.net == sum(line.amount for line in draft.lines)
    assert draft.exact_net >= 0
    assert draft.total == draft.net + round_to_minor(draft.net * Decimal("0.2"), "EUR")


@given(USED, SHARE, st.lists(SHARE, max_size=3))
def test_a_month_corrected_in_any_pieces_comes_to_what_it_is_worth(used, share, shares):
    unique = list({(name, amount): (name, count, amount) for name, count, amount in used}.values())
    whole = drafted(unique, share)
    booked = []

    for part in [*sorted(shares), Decimal(1)]:
        sofar = [(name, int(count * part), amount) for name, count, amount in unique]
        booked += corrections(
            drafted(sofar, share) if part < 1 else whole,
            booked,
            corrects=JANUARY.start,
            label="2026-01",
            coverage_label="Credit",
        )

    assert sum(line.exact_amount for line in booked) == whole.exact_net
    assert sum(line.amount for line in booked) >= whole.net
    assert sum(line.amount for line in booked) <= whole.net + Decimal("0.03")

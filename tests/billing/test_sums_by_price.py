"""A draft invoice is summed up from buckets, and comes to what its events re-rate to."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import funds, periods
from billing.models import PricedBucket
from billing.services import invoicing
from common.database import service
from common.ids import uuid7
from marketplace import demo
from marketplace.models import Offer, Price, PriceBook
from tenants.scope import scope

NOVEMBER = periods.parse("2026-11", "UTC")
NOON = datetime(2026, 11, 20, 12, 7, tzinfo=UTC)
#: Per token, with decimals that no bucket may lose.
OLD, NEW = "0.000000333333", "0.000000777777"


@pytest.fixture
def price(db):
    """Put a price on record, whichever offer asks for it."""
    demo.seed()
    book, offer = PriceBook.objects.get(code="standard"), Offer.objects.first()
    ended = datetime(2025, 1, 1, tzinfo=UTC)

    def price(amount):
        definition = {"model": "per_unit", "unit_amount": amount}
        facts = {"effective_from": ended, "effective_until": ended}
        with service():
            return Price.objects.create(
                book=book, offer=offer, token_part="input", definition=definition, **facts
            )

    return price


@pytest.fixture
def used(settled):
    """Make a request that used these parts at these prices, and that nobody pays for."""

    def used(parts, prices, at=NOON, **facts):
        amounts = {
            part: (prices.get(part) or prices["output"]).per_token * tokens
            for part, tokens in parts.items()
        }
        return settled(
            f"r-{uuid7()}",
            "0",
            parts=parts,
            amounts=amounts,
            price_ids={part: each.pk for part, each in prices.items()},
            occurred_at=at,
            **facts,
        )

    return used


def drafts(acme, period=NOVEMBER):
    """Return the draft from the buckets, and from the events."""
    with scope(acme):
        return invoicing.draft(acme, period), invoicing.rerated(acme, period)


async def test_a_draft_is_what_its_events_re_rate_to(conn, acme, price, used):
    old, new = price(OLD), price(NEW)
    before, after = {"input": old, "output": old}, {"input": new, "output": new}
    parts = {"input": 1001, "output": 77, "reasoning": 5}
    batch = [
        used(parts, before),
        used(parts | {"cached_input": 13}, before | {"cached_input": new}),
        # The price changes in the middle of a quarter of an hour.
        used(parts, after, at=NOON + timedelta(minutes=1)),
        used({"input": 3}, after, offer_name="other", at=NOON + timedelta(days=3)),
    ]

    for one in batch:
        await funds.record(conn, process_id="p1", batch=[one])

    summed, rerated = drafts(acme)
    assert summed == rerated
    assert summed.usage == sum((one.amount for one in batch), Decimal(0))
    assert len(summed.lines) == 8


async def test_what_credit_paid_for_comes_off_alike(conn, acme, price, used, settled, give, take):
    one, amount = price("0.0000011"), Decimal("0.0000011") * 1_000_000
    give("1")
    leases = await take(conn, "0.7")
    facts = {"parts": {"input": 1_000_000}, "price_ids": {"input": one.pk}}
    covered = settled("r1", "1.1", leases, **facts, amounts={"input": amount})

    await funds.record(conn, process_id="p1", batch=[covered])

    summed, rerated = drafts(acme)
    assert summed == rerated
    assert [line.kind for line in summed.lines] == ["usage", "prepaid"]
    assert summed.exact_net == Decimal("0.4")


async def test_a_month_is_cut_in_the_billing_time_zone(conn, acme, price, used):
    acme.time_zone = "Asia/Kathmandu"
    one = {"input": price(OLD), "output": price(NEW)}
    november = periods.parse("2026-11", acme.time_zone)
    last = november.end - timedelta(microseconds=1)
    batch = [used({"input": 7}, one, at=last), used({"input": 900}, one, at=november.end)]

    await funds.record(conn, process_id="p1", batch=batch)

    summed, rerated = drafts(acme, november)
    assert summed == rerated
    assert [line.quantity for line in summed.lines] == [7]


async def test_usage_recorded_again_is_summed_once(conn, acme, price, used):
    one = used({"input": 7}, {"input": price(OLD)})

    for _ in range(2):
        await funds.record(conn, process_id="p1", batch=[one])

    with scope(acme):
        assert PricedBucket.objects.get().tokens == 7


async def test_a_draft_reads_no_event(conn, acme, price, used):
    await funds.record(conn, process_id="p1", batch=[used({"input": 7}, {"input": price(OLD)})])

    with scope(acme), CaptureQueriesContext(connection) as queries:
        invoicing.draft(acme, NOVEMBER)

    text = " ".join(query["sql"] for query in queries)
    assert "pricedbucket" in text
    assert "usageevent" not in text
    assert "ratedusage" not in text

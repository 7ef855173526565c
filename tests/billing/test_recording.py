"""Recording a batch: usage, worth, grants, ledger and sums in one step, once."""

import asyncio
from decimal import Decimal

import pytest

from billing import funds
from billing.models import PricedBucket, RatedUsage, SpendBucket
from common.database import service
from metering.models import UsageBucket, UsageConflict, UsageEvent, UsageEventKey
from metering.services.ingestion import MOST_CONFLICTS
from tenants.scope import scope


def state(acme):
    with scope(acme):
        return {
            model.__name__: sorted(map(repr, model.objects.values_list()))
            for model in (
                PricedBucket,
                RatedUsage,
                SpendBucket,
                UsageBucket,
                UsageEvent,
                UsageEventKey,
            )
        }


async def test_a_request_is_written_with_its_worth(conn, acme, give, take, settled, left):
    grant = give("10")
    leases = await take(conn, "3")

    recorded = await funds.record(
        conn, process_id="p1", batch=[settled("r1", "1.000000000001", leases)]
    )

    assert recorded.accepted == {"r1"}
    with scope(acme):
        event, rated = UsageEvent.objects.get(), RatedUsage.objects.get()
        bucket, spend = UsageBucket.objects.get(), SpendBucket.objects.get()
    assert (event.input_tokens, event.output_tokens, event.ttft_ms) == (100, 20, 40)
    assert rated.pk == event.pk
    assert rated.amount == Decimal("1.000000000001")
    assert rated.split == [
        {"grant": str(grant.pk), "quantity": "1.000000000001", "amount": "1.000000000001"}
    ]
    assert (bucket.requests, bucket.input_tokens, bucket.starts_at.minute) == (1, 100, 0)
    assert (spend.requests, spend.amount) == (1, Decimal("1.000000000001"))
    assert left() == [(Decimal("8.999999999999"), Decimal("1.999999999999"))]


async def test_a_batch_recorded_again_changes_nothing(conn, acme, give, take, settled, left, books):
    give("10")
    leases = await take(conn, "5")
    batch = [settled("r1", "1", leases), settled("r2", "2", leases)]
    await funds.record(conn, process_id="p1", batch=batch)
    before = state(acme), left(), books()

    again = await funds.record(conn, process_id="p1", batch=batch)
    piece = await funds.record(conn, process_id="p1", batch=batch[1:])

    assert again.accepted == piece.accepted == again.conflicts == frozenset()
    assert (state(acme), left(), books()) == before
    assert books() == {
        "payments_clearing": Decimal(10),
        "customer_prepaid": Decimal(-7),
        "revenue": Decimal(-3),
    }


async def test_the_same_batch_from_two_processes_counts_once(
    connect, acme, give, take, settled, left
):
    give("10")
    async with await connect() as one, await connect() as other:
        leases = await take(one, "8")
        batch = [settled(f"r{number}", "0.25", leases) for number in range(20)]
        answers = await asyncio.gather(
            funds.record(one, process_id="p1", batch=batch),
            funds.record(other, process_id="p1", batch=batch[::-1]),
        )

    assert sorted(len(answer.accepted) for answer in answers) == [0, 20]
    assert left() == [(Decimal(5), Decimal(3))]


async def test_an_event_twice_in_one_batch_counts_once(conn, give, take, settled, left):
    give("10")
    one = settled("r1", "1", await take(conn, "5"))

    await funds.record(conn, process_id="p1", batch=[one, one])

    assert left() == [(Decimal(9), Decimal(4))]


async def test_the_same_id_with_another_body_is_refused_and_kept(
    conn, acme, give, take, settled, left
):
    give("10")
    leases = await take(conn, "5")
    await funds.record(conn, process_id="p1", batch=[settled("r1", "1", leases)])
    other = settled("r1", "1", leases, parts={"output": 9})

    answers = [await funds.record(conn, process_id="p1", batch=[other]) for _ in range(2)]

    assert [answer.conflicts for answer in answers] == [{"r1"}, {"r1"}]
    assert left() == [(Decimal(9), Decimal(4))]
    with scope(acme):
        assert UsageConflict.objects.get().body["parts"] == {"output": 9}
        assert UsageEvent.objects.get().output_tokens == 20


async def test_of_one_event_not_endless_bodies_are_kept(conn, acme, give, take, settled):
    give("10")
    leases = await take(conn, "5")
    others = [settled("r1", "1", leases, parts={"output": tokens}) for tokens in range(60)]

    for at in range(0, 60, 15):
        answer = await funds.record(conn, process_id="p1", batch=others[at : at + 15])
        assert answer.conflicts == {"r1"}

    with scope(acme):
        assert UsageConflict.objects.count() == MOST_CONFLICTS


async def test_tokens_recognize_the_revenue_that_was_paid_for_them(
    conn, give, take, settled, token_class, books
):
    give("3", token_class=token_class, cost="1")
    leases = await take(conn, "30", tokens="3", token_class=token_class)

    for name in ("r1", "r2", "r3"):
        one = settled(name, "10", leases, tokens=1)
        await funds.record(conn, process_id="p1", batch=[one])

    assert books() == {"payments_clearing": Decimal(1), "revenue": Decimal(-1)}


async def test_a_gift_is_an_adjustment_and_not_revenue(conn, give, take, settled, books):
    give("4", cost="0.0", kind="promotional")
    leases = await take(conn, "4")

    await funds.record(conn, process_id="p1", batch=[settled("r1", "4", leases)])

    assert books() == {}


async def test_usage_after_its_lease_was_reclaimed_uses_what_is_free(
    conn, give, take, settled, left
):
    give("10")
    leases = await take(conn, "5")
    late = settled("r1", "2", leases)
    await funds.reclaim(conn, process_id="p1")

    await funds.record(conn, process_id="p1", batch=[late])

    assert left() == [(Decimal(8), Decimal(0))]


async def test_usage_that_nothing_is_left_for_is_owed(conn, acme, give, take, settled, left, books):
    give("10")
    late = settled("r1", "2", await take(conn, "5"))
    await funds.reclaim(conn, process_id="p1")
    await take(conn, "9", process="another")

    await funds.record(conn, process_id="p1", batch=[late])

    assert left() == [(Decimal(9), Decimal(9))]
    assert books()["receivable"] == Decimal(1)
    with scope(acme):
        assert RatedUsage.objects.get().uncovered == Decimal(1)


async def test_a_grant_in_another_currency_pays_nothing(
    conn, acme, give, take, settled, left, books
):
    give("10")
    leases = await take(conn, "5")
    in_dollars = settled("r1", "1", leases, currency="USD")

    await funds.record(conn, process_id="p1", batch=[in_dollars])

    assert left() == [(Decimal(10), Decimal(5))]
    assert books()["receivable"] == Decimal(1)


async def test_a_batch_that_fails_leaves_nothing(conn, acme, give, take, settled, left):
    give("10")
    leases = await take(conn, "5")
    broken = settled("r2", "1", leases, parts={"input": -1})

    with pytest.raises(Exception, match="input_tokens"):
        await funds.record(conn, process_id="p1", batch=[settled("r1", "1", leases), broken])

    assert left() == [(Decimal(10), Decimal(5))]
    with service():
        assert UsageEvent.objects.count() == 0

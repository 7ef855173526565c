"""Granting, voiding and expiring credit, and the books of it."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.utils import timezone
from structlog.testing import capture_logs

from billing import funds, queries
from billing.models import CreditGrant, Lease, LedgerTransaction
from billing.services import credits, leases
from common.database import service
from tenants.models import AuditEntry
from tenants.scope import scope

LATER = timedelta(days=1)


def over(grant):
    with service():
        CreditGrant.objects.filter(pk=grant.pk).update(expires_at=timezone.now())


def hold(acme, grant, quantity, *, silent_for=timedelta(0)):
    with service():
        CreditGrant.objects.filter(pk=grant.pk).update(leased=quantity)
        Lease.objects.create(
            process_id="p1",
            organization=acme,
            grant=grant,
            quantity=quantity,
            heartbeat_at=timezone.now() - silent_for,
        )


def test_a_purchase_is_owed_as_prepaid(acme, give, books):
    give("50", cost="40")

    assert books() == {
        "payments_clearing": Decimal(40),
        "adjustments": Decimal(10),
        "customer_prepaid": Decimal(-50),
    }


def test_bought_tokens_are_deferred_revenue(acme, give, books, token_class):
    give("1000000", token_class=token_class, cost="20")

    assert books() == {"payments_clearing": Decimal(20), "deferred_revenue": Decimal(-20)}


def test_the_same_source_grants_once(acme, give, left, books):
    first = give("50", source_key="order:1")
    second = give("50", source_key="order:1")

    assert first == second
    assert left() == [(Decimal(50), Decimal(0))]
    assert books()["customer_prepaid"] == Decimal(-50)


def test_a_grant_leaves_an_audit_row(acme, give, alice):
    grant = give("50", by=alice, source_key="order:1")

    with scope(acme):
        entry = AuditEntry.objects.get(action="credit.granted")
    assert (entry.actor_label, entry.target_id) == ("alice@acme.example", str(grant.pk))
    assert entry.after["quantity"] == "50"


def test_expired_credit_is_breakage(acme, give, books):
    over(give("50", cost="40"))

    assert (credits.expire_due(), credits.expire_due()) == (1, 0)
    assert books() == {"payments_clearing": Decimal(40), "breakage": Decimal(-40)}


def test_credit_expires_only_once_it_is_over(acme, give, left):
    give("50", expires_at=timezone.now() + LATER)

    assert credits.expire_due() == 0
    assert left() == [(Decimal(50), Decimal(0))]


def test_what_is_leased_outlives_the_expiry_until_it_comes_back(acme, give, books, left):
    grant = give("50")
    hold(acme, grant, Decimal(20), silent_for=timedelta(minutes=16))
    over(grant)

    credits.expire_due()
    assert left() == [(Decimal(20), Decimal(20))]

    leases.reclaim_dead()
    credits.expire_due()
    assert left() == [(Decimal(0), Decimal(0))]
    assert books() == {"payments_clearing": Decimal(50), "breakage": Decimal(-50)}


async def test_settling_and_expiring_at_once_lose_nothing(
    connect, acme, give, take, settled, left, books
):
    grant = give("20")
    gateways = [(f"p{number}", await connect()) for number in range(5)]
    held = [await take(conn, "2", process=name) for name, conn in gateways]
    over(grant)

    async def settle(number):
        name, conn = gateways[number]
        request = settled(f"r{number}", "1.5", held[number])
        await funds.record(conn, process_id=name, batch=[request])
        await funds.give_back(conn, process_id=name, allocations=held[number])

    def expire():
        credits.expire_due()
        connections.close_all()

    expiring = [asyncio.to_thread(expire) for _beside in range(5)]
    await asyncio.gather(*map(settle, range(5)), *expiring)
    credits.expire_due()

    assert left() == [(0, 0)]
    assert books() == {
        "payments_clearing": Decimal(20),
        "revenue": Decimal("-7.5"),
        "breakage": Decimal("-12.5"),
    }
    for _name, conn in gateways:
        await conn.close()


def test_a_refunded_grant_goes_back_out_through_clearing(acme, give, books, alice, left):
    grant = give("50", cost="40")

    with service():
        refund = credits.void(grant, by=alice, refunded=True)
        again = credits.void(grant, by=alice, refunded=True)

    assert (refund, again) == (Decimal(40), Decimal(0))
    assert books() == {}
    assert left() == [(Decimal(0), Decimal(0))]


def test_a_silent_process_loses_its_leases_after_fifteen_minutes(acme, give, left):
    grant = give("50")
    hold(acme, grant, Decimal(20), silent_for=timedelta(minutes=14))

    assert leases.reclaim_dead() == 0
    with service():
        Lease.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=16))

    with capture_logs() as logged:
        assert (leases.reclaim_dead(), leases.reclaim_dead()) == (1, 0)

    assert left() == [(Decimal(50), Decimal(0))]
    assert [(each["event"], each["operator_loses_at_most"]) for each in logged] == [
        ("lease_of_lost_process_given_back", "20.000000000000")
    ]


def test_the_balance_says_what_is_settled_and_what_is_live(acme, give, token_class):
    give("50")
    over(give("7"))
    give("300", token_class=token_class, cost="3")

    with scope(acme):
        balance = queries.balance(acme)

    assert balance.settled.amount == Decimal(57)
    assert balance.live.amount == Decimal(50)
    assert [(b.token_class, b.remaining) for b in balance.token_balances] == [
        ("Small models", Decimal(300))
    ]


def test_a_failed_grant_books_nothing(acme, give, books):
    with pytest.raises(Exception, match="grant_is_worth_something"):
        give("0")

    assert books() == {}
    with service():
        assert LedgerTransaction.objects.count() == 0

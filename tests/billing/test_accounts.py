"""The operator's accounts: both sides agree, on any day, whether days are summed up or not."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import DatabaseError, connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import accounts
from billing.models import AccountKind, ClosedLedgerDay, LedgerDay, LedgerHour
from billing.services import credits, ledger, ledger_days
from billing.services.ledger import Posting
from common.database import SERVICE, service
from common.ids import uuid7
from tenants.scope import scope
from tests.billing.test_orders import at_once

PAGE = "/staff/accounts/"
MARCH = date(2027, 3, 31)
APRIL = date(2027, 4, 2)


@pytest.fixture
def clock(time_machine):
    """Go to a day, at noon."""

    def go(day):
        time_machine.move_to(datetime(day.year, day.month, day.day, 12, tzinfo=UTC), tick=False)

    return go


@pytest.fixture
def used(acme):
    """Book so much usage on a grant."""

    def used(grant, amount):
        postings = [
            Posting(AccountKind.CUSTOMER_PREPAID, "EUR", Decimal(amount), grant.pk),
            Posting(AccountKind.REVENUE, "EUR", -Decimal(amount), grant.pk),
        ]
        with service():
            ledger.book(acme, key=f"usage:{uuid7()}", kind="usage", postings=postings)

    return used


@pytest.fixture
def spring(acme, give, used, clock):
    """Fifty euros bought for forty in March, ten used; in April five more, and the rest expired."""
    clock(date(2027, 3, 30))
    grant = give("50", cost="40")
    used(grant, "10.000000000001")
    clock(date(2027, 4, 1))
    used(grant, "5")
    clock(APRIL)
    with service():
        grant.remaining -= Decimal("15.000000000001")
        grant.expires_at = datetime(2027, 4, 2, tzinfo=UTC)
        grant.save()
        credits.expire(grant)


def balances(as_of):
    with service():
        (found,) = accounts.trial_balance(as_of)
    assert found.difference.amount == 0
    return {line.account.value: line.balance.amount for line in found.lines}


def test_the_accounts_stand_as_they_did_on_any_day(spring):
    assert balances(MARCH)["customer_prepaid"] == Decimal("-39.999999999999")
    assert balances(date(2027, 4, 1))["revenue"] == Decimal("-15.000000000001")
    assert balances(APRIL)["customer_prepaid"] == 0


def test_days_that_are_summed_up_say_the_same(spring, clock):
    before = [balances(day) for day in (MARCH, date(2027, 4, 1), APRIL)]
    with service():
        months = accounts.months(APRIL)
    clock(date(2027, 4, 5))

    assert ledger_days.close_days() == 6
    assert ledger_days.close_days() == 0

    assert [balances(day) for day in (MARCH, date(2027, 4, 1), APRIL)] == before
    with service():
        assert accounts.months(APRIL) == months
        assert LedgerDay.objects.count() == 4 + 2 + 3


def test_what_is_booked_after_the_last_summed_day_counts(spring, clock, give):
    ledger_days.close_days()
    give("7")

    assert balances(APRIL)["customer_prepaid"] == -7


def test_a_day_that_is_summed_up_while_the_accounts_are_read_counts_once(spring, clock):
    before = balances(APRIL)
    clock(date(2027, 4, 5))

    def close_beside(execute, sql, *facts):
        found = execute(sql, *facts)
        if "billing_ledgerday" in sql:
            with ThreadPoolExecutor(1) as beside:
                beside.submit(close_and_leave).result()
        return found

    with connections[SERVICE].execute_wrapper(close_beside):
        assert balances(APRIL) == before


def close_and_leave():
    try:
        ledger_days.close_days()
    finally:
        connections.close_all()


def test_a_day_is_summed_up_once_an_hour_after_its_end(spring, time_machine):
    time_machine.move_to(datetime(2027, 4, 3, 0, 59, tzinfo=UTC), tick=False)
    ledger_days.close_days()
    with service():
        assert ClosedLedgerDay.objects.latest("day").day == date(2027, 4, 1)

    time_machine.move_to(datetime(2027, 4, 3, 1, 0, tzinfo=UTC), tick=False)
    assert sum(at_once(ledger_days.close_days, 4)) == 1


def test_hours_of_a_day_that_is_not_over_are_summed_up(acme, give, used, time_machine):
    time_machine.move_to(datetime(2027, 4, 2, 9, 59, 59, tzinfo=UTC), tick=False)
    grant = give("50", cost="40")
    time_machine.move_to(datetime(2027, 4, 2, 11, tzinfo=UTC), tick=False)
    used(grant, "10.000000000001")
    before = balances(APRIL)

    for hour, minute, hours in ((10, 59, set()), (11, 0, {9}), (23, 30, {9, 11})):
        sweep_at(time_machine, hour, minute)
        assert {it.starts_at.hour for it in LedgerHour.objects.using(SERVICE)} == hours
        assert balances(APRIL) == before

    # The day's sums take the place of its hours'.
    time_machine.move_to(datetime(2027, 4, 3, 1, tzinfo=UTC), tick=False)
    assert ledger_days.close_days() == 1
    assert not LedgerHour.objects.using(SERVICE).exists()
    assert balances(APRIL) == before


def sweep_at(time_machine, hour, minute):
    time_machine.move_to(datetime(2027, 4, 2, hour, minute, tzinfo=UTC), tick=False)
    assert ledger_days.close_days() == 0


def test_hours_that_are_summed_up_are_what_is_read(acme, give, time_machine):
    time_machine.move_to(datetime(2027, 4, 2, 9, tzinfo=UTC), tick=False)
    give("50", cost="40")
    sweep_at(time_machine, 11, 0)
    with service():
        LedgerHour.objects.filter(account="customer_prepaid").update(credit=7)
        (found,) = accounts.trial_balance(APRIL)

    assert {it.account: it.balance.amount for it in found.lines}["customer_prepaid"] == -7


def test_what_is_booked_after_the_last_summed_hour_counts(acme, give, time_machine):
    time_machine.move_to(datetime(2027, 4, 2, 9, tzinfo=UTC), tick=False)
    give("50", cost="40")
    time_machine.move_to(datetime(2027, 4, 2, 10, tzinfo=UTC), tick=False)
    give("7", cost="7")
    sweep_at(time_machine, 11, 0)

    assert balances(APRIL)["customer_prepaid"] == -57


def test_hours_and_days_are_summed_up_by_one_at_a_time(acme, give, time_machine):
    time_machine.move_to(datetime(2027, 4, 2, 9, tzinfo=UTC), tick=False)
    give("50", cost="40")
    before = balances(APRIL)
    time_machine.move_to(datetime(2027, 4, 2, 11, tzinfo=UTC), tick=False)
    at_once(ledger_days.close_days, 4)
    assert balances(APRIL) == before

    time_machine.move_to(datetime(2027, 4, 3, 1, tzinfo=UTC), tick=False)
    with ThreadPoolExecutor(1) as beside:
        with service():
            ledger_days.alone()
            waits = beside.submit(close_and_leave)
            with pytest.raises(TimeoutError):
                waits.result(0.5)
            assert LedgerHour.objects.exists()
        waits.result()
    assert not LedgerHour.objects.using(SERVICE).exists()
    assert balances(APRIL) == before


def test_a_month_earns_what_was_used_and_expired_less_what_was_given(spring):
    with service():
        april, march = accounts.months(APRIL)

    assert (march.label, march.revenue.amount) == ("2027-03", Decimal("10.000000000001"))
    assert march.deferred.amount == Decimal("39.999999999999")
    assert april.deferred.amount == 0
    # Whatever the months: in the end all that was paid is earned.
    assert march.recognized.amount + april.recognized.amount == 40


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.decimals("0.000000000001", "1000", places=12), min_size=1, max_size=4))
def test_both_sides_agree_whatever_is_booked(acme, give, used, amounts):
    used(give("5000"), sum(amounts))

    with service():
        assert all(not it.difference for it in accounts.trial_balance(date(2100, 1, 1)))


def test_staff_read_it_and_take_it_as_a_file(staff_client, acme, give):
    give("50", cost="40")

    page = staff_client.get(PAGE)
    file = staff_client.get("/staff/accounts.csv")

    assert page.status_code == 200
    assert "Customer prepaid" in page.content.decode()
    rows = list(csv.DictReader(io.StringIO(file.content.decode())))
    assert {row["account"]: row["balance"] for row in rows}["customer_prepaid"] == (
        "-50.000000000000"
    )
    assert sum(Decimal(row["balance"]) for row in rows) == 0


@pytest.mark.parametrize("day", ["2999-01-01", "1900-01-01", "soon", "2026-02-30", "\0"])
def test_a_day_that_cannot_be_is_refused_with_words(staff_client, day):
    response = staff_client.get(PAGE, {"as_of": day})
    assert response.status_code == 422
    assert response.context["form"].errors["as_of"]
    assert staff_client.get("/staff/accounts.csv", {"as_of": day}).status_code == 422


def test_customers_see_none_of_it(alice_client, acme):
    assert alice_client.get(PAGE).status_code == 404
    for sums in (LedgerDay, LedgerHour):
        with scope(acme), pytest.raises(DatabaseError, match="permission denied"):
            sums.objects.count()

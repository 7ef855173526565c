"""Running totals say what the sums of days say, whatever comes late and whoever writes beside them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.db.models import F, Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import totals
from billing.models import LateDay, RunningTotal, SpendBucket, SpendDay, TotalledDay
from billing.services import totalling
from billing.totals import Beside, Used
from common.database import service
from metering.models import UsageBucket, UsageDay
from tenants.services import organizations
from tests.billing.test_orders import at_once

#: At noon of the day on which the test's time stands still.
FIRST, TODAY = date(2026, 3, 1), date(2026, 3, 15)
DAY = timedelta(days=1)
LATE = date(2026, 3, 4)
RANGES = {"all": (date(2026, 1, 1), TODAY + DAY), "some": (date(2026, 3, 3), date(2026, 3, 9))}

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def northwind(alice):
    return organizations.found(name="Northwind", owner=alice, country="FR")


def use(organization, day, *, requests=1, amount="1", model="small", currency="EUR", quarter=40):
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) + quarter * timedelta(minutes=15)
    with service():
        facts = {
            "organization": organization,
            "project": organization.projects.get(),
            "offer_name": model,
            "starts_at": at,
        }
        for bucket, more, added in (
            (UsageBucket, {"region": "eu"}, {"requests": requests, "output_tokens": 3}),
            (
                SpendBucket,
                {"currency": currency},
                {"requests": requests, "amount": Decimal(amount)},
            ),
        ):
            found, is_new = bucket.objects.get_or_create(**facts, **more, defaults=added)
            if not is_new:
                rows = bucket.objects.filter(pk=found.pk)
                rows.update(**{name: F(name) + count for name, count in added.items()})


def plain(column, days):
    """Sum up the days themselves."""
    inside = {"day__gte": days[0], "day__lt": days[1]}
    used = UsageDay.objects.filter(**inside).values_list(column).order_by()
    spent = SpendDay.objects.filter(**inside).values_list(column, "currency").order_by()
    return {
        (key, ""): Used(requests, int(tokens))
        for key, requests, tokens in used.annotate(Sum("requests"), Sum("output_tokens"))
    } | {
        (key, currency): Used(requests, 0, amount)
        for key, currency, requests, amount in spent.annotate(Sum("requests"), Sum("amount"))
    }


def some(found):
    """Leave out what came to nothing in these days."""
    return {key: used for key, used in found.items() if used != Used()}


def agrees():
    with service():
        found = totals.by_model({name: (*days, None) for name, days in RANGES.items()})
        for name, days in RANGES.items():
            assert some(found[name]) == plain("offer_name", days)
        of_customers_agree(RANGES["some"])
        for days in RANGES.values():
            spent = SpendDay.objects.filter(currency="EUR", day__gte=days[0], day__lt=days[1])
            by_day, nothing = totals.worth_by_day(days, "EUR")
            assert nothing == Used()
            assert {day: it for day, it in by_day.items() if it} == dict(
                spent.values_list("day").annotate(Sum("amount")).order_by()
            )
        part = datetime(2026, 3, 4, tzinfo=UTC), datetime(2026, 3, 4, 12, tzinfo=UTC)
        inside = {"starts_at__gte": part[0], "starts_at__lt": part[1]}
        used, spent = (it.objects.filter(**inside) for it in (UsageBucket, SpendBucket))
        counts = used.aggregate(r=Sum("requests", default=0), t=Sum("output_tokens", default=0))
        worth = spent.filter(currency="EUR").aggregate(a=Sum("amount", default=Decimal(0)))
        by_day_again, found = totals.worth_by_day(days, "EUR", part)
        assert found == Used(counts["r"], counts["t"], worth["a"])
        assert by_day_again == by_day


def of_customers_agree(span):
    """Of days beside earlier ones; of some that begin today, and of some before all totals."""
    for now in (span, RANGES["all"], (TODAY, TODAY + DAY)):
        before = date(2026, 2, 26), date(2026, 3, 2)
        days = Beside(now, before, before[1] + DAY, min(now[0] + 4 * DAY, now[1]), before[1])
        used = {
            name: plain("organization_id", (start, until))
            for name, (start, until, _of) in days.asked("EUR").items()
        }
        found = {it["key"]: it for it in totals.of_customers(days, "EUR", 5)}
        for key, it in found.items():
            for told, (column, name, currency) in TOLD.items():
                assert it[told] == getattr(used[name].get((key, currency), Used()), column), told
        assert {key for rows in used.values() for key, of in rows if of != "MAD"} <= {*found}
        here, there = (
            {key for name in names for key, currency in used[name] if not currency}
            for names in (("now",), ("before", "broken"))
        )
        for it in found.values():
            counts = len(here), len(there), len(here & there)
            assert (it["here"], it["there"], it["stayed"]) == counts


TOLD = {
    "now_requests": ("requests", "now", ""),
    "now_tokens": ("tokens", "now", ""),
    "before_requests": ("requests", "before", ""),
    "before_tokens": ("tokens", "before", ""),
    "broken_requests": ("requests", "broken", ""),
    "requests": ("requests", "shown", "EUR"),
    "worth": ("amount", "shown", "EUR"),
    "whole": ("amount", "whole", "EUR"),
    "before": ("amount", "whole_before", "EUR"),
}


USES = st.tuples(
    st.sampled_from([0, 1]),
    st.integers(-20, 14),
    st.sampled_from(["small", "large"]),
    st.sampled_from(["EUR", "MAD"]),
    st.integers(0, 95),
    st.integers(1, 10**9),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.one_of(USES, st.none()), max_size=14))
def test_any_history_with_late_usage_sums_up_alike(acme, northwind, happened):
    # What came before stays: each example begins where the one before ended. None: a sweep.
    for it in happened:
        if it is None:
            totalling.total_days()
            continue
        who, day, model, currency, quarter, pico = it
        amount = Decimal(pico).scaleb(-12)
        customer = (acme, northwind)[who]
        facts = {"model": model, "currency": currency, "quarter": quarter}
        use(customer, FIRST + day * DAY, amount=amount, **facts)
    agrees()


def test_totals_are_of_days_that_are_over(acme, clock):
    use(acme, FIRST)
    use(acme, TODAY)

    assert totalling.total_days() == 14
    assert totalling.total_days() == 0
    assert TotalledDay.objects.using("service").last().day == TODAY - DAY
    agrees()

    clock.move_to(datetime(2026, 3, 16, 0, 59, tzinfo=UTC))
    assert totalling.total_days() == 0
    clock.move_to(datetime(2026, 3, 16, 1, 0, tzinfo=UTC))
    assert totalling.total_days() == 1
    agrees()


def test_a_day_that_changes_late_is_read_as_it_stands_and_totalled_again(acme, northwind):
    for day in (FIRST, LATE, TODAY - DAY):
        use(acme, day)
    totalling.total_days()

    use(northwind, LATE, requests=7, amount="0.000000000001")

    assert list(LateDay.objects.using("service").values_list("day", flat=True).distinct()) == [LATE]
    agrees()
    assert totalling.total_days() == 11
    assert not LateDay.objects.using("service").exists()
    agrees()


def test_totals_are_what_pages_read(acme):
    use(acme, FIRST, amount="3")
    totalling.total_days()
    with service():
        RunningTotal.objects.filter(offer_name="small", currency="EUR").update(amount=5)

        found = totals.by_model({"": (FIRST, TODAY, "EUR")})[""]

    assert found["small", "EUR"].amount == 5


def test_what_is_earlier_than_the_first_total_counts(acme):
    use(acme, LATE)
    totalling.total_days()

    use(acme, date(2026, 1, 2), requests=5)

    agrees()


def beside(function, *args):
    """Do it in a thread, with connections of its own."""

    def run():
        try:
            return function(*args)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result(20)


def test_a_day_that_somebody_writes_to_is_not_totalled_meanwhile(acme):
    for day in (FIRST, LATE):
        use(acme, day)
    with service():
        UsageBucket.objects.filter(starts_at__date=LATE).update(requests=9)
        beside(totalling.total_days)
        last = TotalledDay.objects.filter(is_current=True).last()
        assert last.day == LATE - DAY

    totalling.total_days()

    agrees()


def test_who_writes_while_a_day_is_totalled_waits_and_tells_of_it(acme):
    for day in (FIRST, LATE):
        use(acme, day)
    totalling.total_days()
    with ThreadPoolExecutor(1) as pool:
        with service():
            # As when it makes its totals.
            assert totalling._locked(totalling.OF_DAY, LATE)
            writer = pool.submit(use_elsewhere, acme, LATE)
            with pytest.raises(TimeoutError):
                writer.result(0.5)
        writer.result(20)

    assert LateDay.objects.using("service").filter(day=LATE).exists()
    agrees()


def use_elsewhere(*args):
    try:
        use(*args, requests=5)
    finally:
        connections.close_all()


def test_totals_are_made_by_one_at_a_time(acme):
    use(acme, FIRST)

    made = at_once(totalling.total_days, 4)

    assert sum(made) == 14
    agrees()

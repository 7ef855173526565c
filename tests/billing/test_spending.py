"""What was settled in a month is read from its days, to the last digit whatever its time zone."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from billing import periods, spending
from billing.periods import Period
from billing.spending import Settled
from common.database import service
from tests.support.usage import used

__all__ = ["used"]
FEBRUARY = {zone: periods.month(2026, 2, zone) for zone in (
    "UTC", "Europe/Paris", "Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati",
)}  # fmt: skip
TICK = timedelta(microseconds=1)
QUARTER = timedelta(minutes=15)


@pytest.fixture
def spent(acme, used):
    """Let Acme use something in and around February of every zone, worth more each time."""
    edges = {edge for it in FEBRUARY.values() for edge in (it.start, it.end)}
    moments = sorted({edge + step for edge in edges for step in (-QUARTER, -TICK, QUARTER, TICK)})
    for place, moment in enumerate(moments):
        used(f"0.{place + 1:012}", occurred_at=moment)
    return acme


@pytest.mark.parametrize("zone", FEBRUARY)
def test_the_sums_come_to_what_the_requests_come_to(spent, zone):
    with service():
        found = spending.summed([spent.pk], FEBRUARY[zone])
        each = spending.of_requests([spent.pk], FEBRUARY[zone])

    assert found == each
    assert found[spent.pk].requests > 0


def test_a_period_within_a_day_is_read_from_its_quarter_hours(acme, used):
    noon = FEBRUARY["UTC"].start + timedelta(hours=12)
    for hours in range(4):
        used("0.01", occurred_at=noon + timedelta(hours=hours))

    with service():
        found = spending.summed(
            [acme.pk], Period("", noon + timedelta(hours=1), noon + timedelta(hours=3))
        )

    assert found == {acme.pk: Settled(Decimal("0.02"), Decimal("0.02"), 2)}


def test_all_sums_are_of_one_moment(spent):
    with service(), CaptureQueriesContext(connections["service"]) as queries:
        spending.summed([spent.pk], FEBRUARY["Asia/Kathmandu"])

    assert len(queries) == 1


def test_who_used_nothing_is_not_told_of(acme):
    with service():
        assert spending.summed([acme.pk], FEBRUARY["UTC"]) == {}

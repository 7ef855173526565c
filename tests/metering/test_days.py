"""The database keeps the sums of days from those of quarter-hours."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connections
from django.db.models import F

from billing.models import SpendBucket, SpendDay
from common.database import service
from metering.days import FillMoreDays
from metering.models import UsageBucket, UsageDay

LAST = datetime(2026, 11, 20, 23, 45, tzinfo=UTC)
FIRST = datetime(2026, 11, 21, tzinfo=UTC)
COUNTS = ("requests", "failures", "input_tokens", "output_tokens")


@pytest.fixture
def use(acme):
    """Write a quarter of an hour's sums of Acme, with the worth of them."""

    def use(
        at, offer_name="small", *, requests=1, amount="0.000000000001", uncovered="0", **counts
    ):
        with service():
            facts = {
                "organization": acme,
                "project": acme.projects.get(),
                "offer_name": offer_name,
                "starts_at": at,
                "requests": requests,
            }
            UsageBucket.objects.create(**facts, **counts, region="eu")
            SpendBucket.objects.create(
                **facts, currency="EUR", amount=Decimal(amount), uncovered=Decimal(uncovered)
            )

    return use


def usage():
    with service():
        rows = UsageDay.objects.order_by("day", "offer_name")
        return list(rows.values_list("day", "offer_name", *COUNTS))


def worth():
    with service():
        return list(SpendDay.objects.order_by("day").values_list("day", "requests", "amount"))


def test_quarter_hours_are_added_to_their_day_in_utc(use):
    use(LAST.replace(hour=0), requests=2, failures=1, input_tokens=5)
    use(LAST, input_tokens=7, output_tokens=3)
    use(LAST, "large", output_tokens=1)
    use(FIRST)

    assert usage() == [
        (date(2026, 11, 20), "large", 1, 0, 0, 1),
        (date(2026, 11, 20), "small", 3, 1, 12, 3),
        (date(2026, 11, 21), "small", 1, 0, 0, 0),
    ]


def test_the_worth_of_a_day_keeps_every_digit(use):
    use(LAST.replace(hour=0), amount="0.000000000001")
    use(LAST, amount="123456.000000000002", requests=4)

    assert worth() == [(date(2026, 11, 20), 5, Decimal("123456.000000000003"))]


def owed():
    with service():
        return list(SpendDay.objects.order_by("day").values_list("day", "uncovered"))


def test_what_nobody_paid_for_is_added_up_like_its_worth(use):
    use(LAST.replace(hour=0), amount="1", uncovered="0.000000000001")
    use(LAST, amount="1", uncovered="0.5")
    use(FIRST, amount="1", uncovered="1")

    with service():
        SpendBucket.objects.filter(starts_at=LAST).update(uncovered=Decimal(1))

    assert owed() == [
        (date(2026, 11, 20), Decimal("1.000000000001")),
        (date(2026, 11, 21), Decimal(1)),
    ]


def test_a_column_that_days_did_not_have_is_filled_from_what_is_there(use):
    for at, uncovered in ((LAST.replace(hour=0), "0.25"), (LAST, "0.5"), (FIRST, "1")):
        use(at, amount="1", uncovered=uncovered)
    with service():
        SpendDay.objects.update(uncovered=0)

    key = "organization_id", "day", "offer_name", "currency"
    fill = FillMoreDays("billing_spendday", "billing_spendbucket", key=key, more=["uncovered"])
    with connections["owner"].cursor() as cursor:
        cursor.execute(fill.sql)

    assert owed() == [(date(2026, 11, 20), Decimal("0.75")), (date(2026, 11, 21), Decimal(1))]


def test_a_bucket_that_grows_adds_what_it_gained(use):
    use(LAST, input_tokens=7)
    use(FIRST, input_tokens=1)

    with service():
        UsageBucket.objects.update(requests=F("requests") + 2, input_tokens=F("input_tokens") + 10)
        SpendBucket.objects.update(amount=F("amount") + 1)

    assert usage() == [
        (date(2026, 11, 20), "small", 3, 0, 17, 0),
        (date(2026, 11, 21), "small", 3, 0, 11, 0),
    ]
    assert [amount for _day, _requests, amount in worth()] == [Decimal("1.000000000001")] * 2

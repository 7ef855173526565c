"""Old months of facts go when they need not be kept, and nothing before that."""

from datetime import UTC, date, datetime

import pytest
from django.db import Error

from billing import periods
from billing.models import RatedUsage
from billing.services import invoicing
from common.database import current_connection, service
from marketplace import demo
from marketplace.models import Price
from metering import queries
from metering.models import DroppedMonth, UsageBucket, UsageEvent, UsageEventKey
from metering.services import partitions
from tenants.scope import scope

OLD = datetime(2024, 3, 15, 12, tzinfo=UTC)
MARCH = periods.parse("2024-03", "UTC")
MONTHS = {"2024_03": ("2024-03-01", "2024-04-01"), "2024_04": ("2024-04-01", "2024-05-01")}
DROP = "SELECT metering_drop_months(%s, %s)"


@pytest.fixture
def months(owner_connection):
    """Partitions of two months long ago, as they stood when they were new."""
    run = owner_connection.execute
    for table in partitions.TABLES:
        for month, (start, end) in MONTHS.items():
            run(
                f"CREATE TABLE {table}_{month} PARTITION OF {table}"
                f" FOR VALUES FROM ('{start}') TO ('{end}')"
            )
            run("SELECT metering_close_partition(%s)", [f"{table}_{month}"])
    yield
    for table in partitions.TABLES:
        for month in MONTHS:
            run(f"DROP TABLE IF EXISTS {table}_{month}")


@pytest.fixture
def aged(months, used, owner_connection):
    """A request of March 2024, recorded then; and one of today."""
    demo.seed()
    price = Price.objects.filter(offer__name="atlas-mini", token_part="output").first()
    prices = {"input": price.pk, "output": price.pk}
    used("0.5", occurred_at=OLD, price_ids=prices)
    run = owner_connection.execute
    run("SET session_replication_role = replica")
    for table in partitions.TABLES:
        run(f"UPDATE {table} SET recorded_at = %s", [OLD])  # noqa: S608
    run("SET session_replication_role = origin")
    used("0.25", occurred_at=datetime.now(UTC), price_ids=prices)


@pytest.fixture
def invoiced(aged, acme):
    """March stands on an invoice."""
    assert invoicing.finalize(acme, MARCH) is not None


@pytest.fixture(autouse=True)
def _two_years(settings):
    """Usage is kept for fourteen months."""
    settings.USAGE_MONTHS = 14


def facts():
    with service():
        tables = (UsageEvent, RatedUsage, UsageEventKey, UsageBucket)
        return [table.objects.count() for table in tables]


def test_old_months_go_and_their_sums_stay(invoiced):
    assert facts() == [2, 2, 2, 2]

    assert partitions.drop() == 4

    assert facts() == [1, 1, 2, 2]
    with service():
        told = DroppedMonth.objects.values_list("table_name", "month", "rows")
        assert list(told) == [
            ("billing_ratedusage", date(2024, 4, 1), 0),
            ("metering_usageevent", date(2024, 4, 1), 0),
            ("billing_ratedusage", date(2024, 3, 1), 1),
            ("metering_usageevent", date(2024, 3, 1), 1),
        ]
    assert partitions.drop() == 0


def test_what_is_reported_again_is_still_known(invoiced, used, acme):
    with scope(acme):
        key = UsageEventKey.objects.order_by("recorded_at").first()
        old = UsageEvent.objects.get(event_id=key.event_id)
    partitions.drop()

    used("9", event_id=key.event_id, occurred_at=old.occurred_at)

    assert facts()[:2] == [1, 1]


def test_nothing_goes_before_an_invoice_tells_of_it(aged):
    assert partitions.drop() == 0
    assert facts()[0] == 2


def test_nothing_goes_that_is_not_summed_up(invoiced, owner_connection):
    owner_connection.execute("UPDATE metering_usagebucket SET requests = 0")

    assert partitions.drop() == 0
    assert facts()[0] == 2


def test_all_is_kept_unless_the_operator_says_otherwise(invoiced, settings):
    settings.USAGE_MONTHS = 0

    assert partitions.drop() == 0


def test_an_invoice_never_takes_back_what_was_dropped(invoiced, used, acme, owner_connection):
    partitions.drop()
    used("0.1", occurred_at=OLD)
    month = periods.containing(datetime.now(UTC), "UTC")

    with service():
        late = invoicing.late(acme, month)
        assert queries.dropped_until() == datetime(2024, 5, 1, tzinfo=UTC)

    assert late == []


@pytest.mark.parametrize(
    ("table", "before"),
    [
        ("metering_usageevent", "now"),
        ("metering_usageeventkey", "2024-06-01"),
        ("billing_ledgerentry", "2024-06-01"),
    ],
)
def test_the_database_lets_nobody_drop_more(invoiced, table, before):
    with pytest.raises(Error), service(), current_connection().cursor() as cursor:
        cursor.execute(DROP, [table, before])

    assert facts()[0] == 2


def test_pages_cannot_drop_at_all(invoiced, acme):
    with pytest.raises(Error), scope(acme), current_connection().cursor() as cursor:
        cursor.execute(DROP, ["metering_usageevent", "2024-06-01"])

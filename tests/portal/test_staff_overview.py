"""The operator's overview: which days it looks at, what moved in them, and what is taken away."""

import io
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.db.models import Count, Sum
from django.test.utils import CaptureQueriesContext

from billing.models import SpendBucket
from billing.services import credits, gpu_costs
from common.database import service
from compute.models import Cluster, ComputeJob
from marketplace import demo
from marketplace.models import Offer, ServerCheck, Upstream
from marketplace.vitals import Vitals
from metering.models import UsageBucket
from portal import business, desk, machines, sheets, spans
from tenants.models import Organization, Region
from tenants.services import organizations
from tests.portal.test_staff_desk import use

NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def catalogue(db):
    demo.seed()


@pytest.fixture
def northwind(alice):
    return organizations.found(name="Northwind", owner=alice, country="FR")


def read(response):
    return b"".join(response.streaming_content).decode().splitlines()


def on(day):
    return datetime.combine(day, datetime.min.time(), tzinfo=UTC)


def seen(span):
    with service():
        return desk.overview(span)


def test_a_span_that_is_over_is_compared_with_as_many_days_before():
    span = spans.between(date(2026, 2, 1), date(2026, 2, 10), NOON)

    assert (span.before_start, span.before_until) == (date(2026, 1, 22), on(date(2026, 2, 1)))
    assert len(span.days) == len(span.before_days) == len(span.whole_days) == 10
    assert not span.is_open


def test_a_running_span_is_compared_no_further_than_it_has_come():
    span = spans.named("7d", NOON)

    assert (span.start, span.last) == (date(2026, 3, 9), date(2026, 3, 15))
    assert (span.before_start, span.before_until) == (date(2026, 3, 2), NOON - timedelta(days=7))
    assert len(span.whole_days) == len(span.before_days) == 6


def test_last_month_is_compared_with_all_of_the_month_before():
    span = spans.named("last-month", NOON)

    assert (span.start, span.last, span.before_start) == (
        date(2026, 2, 1),
        date(2026, 2, 28),
        date(2026, 1, 1),
    )
    assert span.before_until == on(date(2026, 2, 1))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("days=custom", "first"),
        ("days=custom&first=2026-03-01", "last"),
        ("days=custom&first=2026-03-10&last=2026-03-01", "first"),
        ("days=custom&first=2026-03-01&last=2026-03-16", "last"),
        ("days=custom&first=2024-03-01&last=2026-03-01", "first"),
        ("days=custom&first=0001-01-01&last=0001-01-02", "first"),
        ("days=custom&first=soon&last=2026-03-01", "first"),
        ("days=forever", "days"),
    ],
)
def test_days_that_make_no_sense_are_named(staff_client, clock, query, field):
    response = staff_client.get(f"/staff/?{query}")

    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert response.context["overview"].span.is_month
    assert staff_client.get(f"/staff/exports/revenue.csv?{query}").status_code == 422


def test_days_of_the_address_are_looked_at(staff_client, acme, clock):
    use(acme, amount="3", at=on(date(2026, 2, 3)))
    use(acme, amount="1", at=on(date(2026, 1, 30)))

    response = staff_client.get("/staff/?days=custom&first=2026-02-01&last=2026-02-05")

    worth = response.context["overview"].worth
    assert (worth.now, worth.before) == (3, 1)
    assert "From 1 February 2026 to 5 February 2026, in UTC" in response.content.decode()


def test_who_came_and_who_went_is_counted(acme, northwind, clock):
    use(acme, at=on(date(2026, 3, 3)))
    use(northwind, at=on(date(2026, 2, 3)))

    found = seen(spans.named("month", NOON)).use

    assert (found.active.now, found.active.before, found.came, found.went) == (1, 1, 1, 1)


def test_whoever_used_in_both_neither_came_nor_went(acme, clock):
    use(acme, at=on(date(2026, 3, 3)))
    # In the afternoon of the last day compared: after the moment, and yet there.
    use(acme, at=datetime(2026, 2, 15, 18, tzinfo=UTC))

    found = seen(spans.named("month", NOON)).use

    assert (found.came, found.went) == (0, 0)
    assert found.requests.before == 0


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 3, 15, tzinfo=UTC),
        datetime(2026, 3, 15, 0, 10, tzinfo=UTC),
        NOON,
        NOON + timedelta(minutes=1),
        datetime(2026, 3, 15, 23, 50, tzinfo=UTC),
    ],
)
@pytest.mark.parametrize("name", ["month", "last-month", "7d", "30d"])
def test_days_say_what_their_quarters_of_an_hour_say(acme, northwind, clock, now, name):
    span = spans.named(name, now)
    hours = [span.before_until + timedelta(hours=3 * number) for number in range(-16, 16)]
    for number, hour in enumerate([*hours, span.before_until - timedelta(minutes=15), now]):
        use(
            (acme, northwind)[number % 2],
            requests=2**number,
            amount=f"{3**number}.{number:012}",
            at=hour - timedelta(minutes=hour.minute % 15),
        )

    with service():
        quarters = {
            "starts_at__gte": spans.midnight(span.before_start),
            "starts_at__lt": span.before_until,
        }
        spent = SpendBucket.objects.filter(**quarters).aggregate(sum=Sum("amount"))
        used = UsageBucket.objects.filter(**quarters).aggregate(
            sum=Sum("requests"), rows=Count("*")
        )
        read = business.worth(span, since=span.start)
        found, _ranking = business.activity(span, read.rest)
        worth = read.compared(span)

    assert (worth.before, found.requests.before) == (spent["sum"], used["sum"])
    assert found.tokens.before == 19 * used["rows"]


def test_of_many_customers_the_first_by_name_stand_there(acme, alice, clock):
    for name in "FBEDCA":
        other = organizations.found(name=name, owner=alice, country="FR")
        use(other, amount="3", at=on(date(2026, 3, 3)))

    found = seen(spans.named("month", NOON)).by_customer

    assert [it.label for it in found.top] == ["A", "B", "C", "D", "E"]
    assert [it.label for it in found.up] == ["F", "E", "D", "C", "B"]


def test_customers_and_models_move_by_whole_days(acme, northwind, clock):
    use(acme, amount="5", at=on(date(2026, 3, 3)))
    use(acme, amount="2", at=on(date(2026, 2, 3)))
    use(northwind, amount="4", offer_name="atlas-large", at=on(date(2026, 2, 4)))
    # Today is not over: it counts in what was used, and moves nobody.
    use(northwind, amount="9", offer_name="atlas-large", at=NOON)

    found = seen(spans.named("month", NOON))

    (up,), (down,) = found.by_customer.up, found.by_customer.down
    assert (up.slug, up.difference.amount, down.slug, down.difference.amount) == (
        "acme",
        Decimal(3),
        "northwind",
        Decimal(-4),
    )
    assert [it.slug for it in found.by_customer.top] == ["northwind", "acme"]
    assert [it.slug for it in found.by_model.up] == ["atlas-mini"]


def test_those_who_moved_are_linked(staff_client, acme, clock):
    use(acme, amount="5", at=on(date(2026, 3, 3)))

    page = staff_client.get("/staff/").content.decode()

    assert page.count('href="/staff/customers/acme/"') == 2
    assert page.count('href="/staff/models/?q=atlas-mini"') == 2


def test_what_is_earned_and_deferred_is_the_ledgers(acme, alice, clock):
    with service():
        credits.grant(
            acme,
            unit="money",
            quantity=Decimal(25),
            cost_basis=Decimal(25),
            source_key="bought",
        )

    (standing,) = seen(spans.named("month")).standings

    assert (standing.currency, standing.deferred.amount) == ("EUR", Decimal(25))
    assert standing.recognized.amount == 0


def test_what_is_given_away_is_told_beside_what_is_earned(acme, alice, staff_client, clock):
    with service():
        credits.grant(
            acme, unit="money", quantity=Decimal(25), kind="promotional", source_key="gift"
        )

    (standing,) = seen(spans.named("month")).standings

    assert (standing.revenue.amount, standing.adjusted.amount) == (0, Decimal(-25))
    assert standing.recognized.amount == Decimal(-25)
    page = staff_client.get("/staff/").content.decode()
    assert "Given away or written off" in page


def test_the_margin_is_of_models_whose_cost_is_stated(acme, person, clock):
    sam = person("sam@operator.example", is_staff=True)
    use(acme, amount="500", at=on(date(2026, 3, 3)))
    use(acme, amount="7", offer_name="atlas-large", at=on(date(2026, 3, 3)))
    with service():
        gpu_costs.state(
            Offer.objects.get(name="atlas-mini"),
            starts_on=date(2026, 3, 14),
            currency="EUR",
            gpus=Decimal(1),
            per_hour=Decimal(2),
            by=sam,
        )

    found = seen(spans.named("month"))

    (total,) = found.margins
    # A day and a half until noon, of one GPU.
    assert (total.revenue.amount, total.cost.amount) == (Decimal(500), Decimal(72))
    assert (total.share, found.unstated) == (Decimal("0.856"), ["atlas-large"])


def test_without_machines_nothing_is_said_to_be_measured(staff_client):
    Cluster.objects.all().delete()

    page = staff_client.get("/staff/").content.decode()

    assert "not measured: no cluster is said to have any" in page
    assert "not measured: nobody has stated what GPUs cost" in page


def test_gpus_at_work_are_those_of_running_jobs(acme, clock):
    with service():
        cluster = Cluster.objects.create(
            name="Hall", slug="hall", kind="local", gpus=8, region=Region.objects.first()
        )
        for number, state in enumerate(("running", "running", "pending")):
            ComputeJob.objects.create(
                organization=acme,
                cluster=cluster,
                name=f"job-{number}",
                owner_kind="test",
                owner_id=acme.pk,
                spec={"gpus": 3},
                state=state,
            )
        Cluster.objects.exclude(pk=cluster.pk).update(is_enabled=False)
        found = machines.machines(NOON)

    assert (found.held, found.gpus, found.share) == (6, 8, Decimal("0.75"))
    assert found.tokens_per_second is None


def test_tokens_per_second_are_of_the_last_whole_hour(acme, clock):
    use(acme, at=NOON - timedelta(minutes=30))
    use(acme, at=NOON)
    with service():
        UsageBucket.objects.filter(starts_at__lt=NOON).update(input_tokens=3600 - 9)
        found = machines.machines(NOON)

    assert found.tokens_per_second == 1


def test_the_overview_asks_seventeen_times_at_most(acme):
    with service(), CaptureQueriesContext(connections["service"]) as asked:
        desk.overview()

    assert len(asked) <= 10


def test_tokens_of_an_hour_across_midnight_are_counted(acme, northwind, clock):
    midnight = datetime(2026, 3, 15, tzinfo=UTC)
    use(acme, at=midnight - timedelta(minutes=15))
    use(northwind, at=midnight)

    with service():
        found = machines.machines(midnight + timedelta(minutes=20)).tokens_per_second

    # Nineteen in each quarter of an hour.
    assert found == Decimal(38) / 3600


def test_servers_tell_by_region_what_they_told_last(db, clock):
    with service():
        server = Upstream.objects.select_related("region").get(is_enabled=True)
        for minutes, running in ((1, 3), (2, 5)):
            ServerCheck.objects.create(
                upstream=server,
                checked_at=NOON - timedelta(minutes=minutes),
                reachability="answers",
                running=running,
                gpu=0.5,
            )

    (found,) = servers()
    assert found.name == server.region.name
    told = found.vitals
    assert (told.servers, told.answering, told.running, told.gpu) == (1, 1, 3, 0.5)

    # What is too old says nothing, and the server is one of those that are switched on.
    with service():
        ServerCheck.objects.update(checked_at=NOON - timedelta(days=1))
    assert [it.vitals for it in servers()] == [Vitals(servers=1)]


def servers():
    with service():
        return machines.machines(NOON).servers


@pytest.mark.parametrize("table", ["overview", "customers", "revenue", "orders"])
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_every_table_is_taken_away(staff_client, acme, table, form):
    use(acme)

    response = staff_client.get(f"/staff/exports/{table}.{form}")

    assert response.status_code == 200
    assert f"{table}_" in response["Content-Disposition"]
    assert b"".join(response.streaming_content)


def test_other_tables_and_forms_do_not_exist(staff_client):
    assert staff_client.get("/staff/exports/keys.csv").status_code == 404
    assert staff_client.get("/staff/exports/orders.pdf").status_code == 404


def test_revenue_is_told_by_day_customer_and_model(staff_client, acme, clock):
    use(acme, amount="0.000000000001", at=on(date(2026, 3, 3)))

    lines = read(staff_client.get("/staff/exports/revenue.csv"))

    assert lines[1:] == ["2026-03-03,acme,Acme,atlas-mini,EUR,2,0.000000000001,0"]


def test_no_name_becomes_a_formula(staff_client, acme):
    with service():
        Organization.objects.update(name="=HYPERLINK(1)")

    line = read(staff_client.get("/staff/exports/customers.csv"))[1]
    book = b"".join(staff_client.get("/staff/exports/customers.xlsx").streaming_content)

    assert ",'=HYPERLINK(1)," in line
    page = zipfile.ZipFile(io.BytesIO(book)).read("xl/worksheets/sheet1.xml")
    assert b"=HYPERLINK(1)" in page
    assert b"<f>" not in page


def test_customers_are_told_batch_by_batch(staff_client, acme, northwind, monkeypatch):
    monkeypatch.setattr("portal.desk_files.BATCH", 1)

    lines = read(staff_client.get("/staff/exports/customers.csv"))

    assert [line.split(",")[0] for line in lines] == ["customer", "acme", "northwind"]


def test_a_workbook_that_would_be_too_long_is_refused(monkeypatch, rf):
    monkeypatch.setattr(sheets, "MOST_ROWS", 3)
    sheet = sheets.Sheet("long", ("n",), [(1,), (2,), (3,)])

    with pytest.raises(sheets.TooLong):
        sheets.served(rf.get("/"), sheet, "xlsx")

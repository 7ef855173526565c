"""Hours of GPUs that meters report: priced, paid for, invoiced and made again, to the last second."""

import asyncio
import csv
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from django.db import IntegrityError
from django.utils import timezone

from billing import documents, downloads, evidence, funds, periods
from billing.drafts import counted
from billing.free_credit import FreeCredit
from billing.models import InvoiceLine, PricedBucket, RatedUsage, SpendBucket
from billing.rating.conditions import Circumstances
from billing.rating.definition import parse_for
from billing.rating.tokens import rate, weigh
from billing.services import invoicing, sealing, verifying
from common.database import service
from common.ids import uuid7
from marketplace.models import Offer, Price, PriceBook, TokenClass, TokenWeight
from metering.models import UsageBucket, UsageDay, UsageEvent
from metering.services import ingestion
from tenants.models import Project
from tenants.scope import scope
from tests.billing.terms import profile
from tests.billing.test_evidence import download, recompute
from tests.billing.test_usage_events import faults, statuses
from tests.support import servers
from tests.support.meters import catalogue, event, meter_key, moment, operator_key, report
from tests.support.people import signed_in

__all__ = ["catalogue", "download", "meter_key", "operator_key", "profile", "recompute", "report"]
PART = "gpu_hours"
PER_HOUR = Decimal("2.5")
JANUARY, FEBRUARY = (periods.month(2026, number, "UTC") for number in (1, 2))
INSIDE = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)
#: What a second comes to, up at the twelfth decimal, and a third of an hour.
SECOND, THIRD = Decimal("0.000694444445"), Decimal("0.833333333334")


def held(seconds, event_id="", **facts):
    """Return an event of nothing but time on GPUs."""
    data = {"gpu_seconds": seconds, **facts.pop("data", {})}
    found = event(event_id, data=data, **facts)
    del found["data"]["tokens"]
    return found


def price(definition, part=PART, since=datetime(2025, 1, 1, tzinfo=UTC)):
    with service():
        return Price.objects.create(
            offer=Offer.objects.get(name="atlas-mini"),
            book=PriceBook.objects.get(code="standard"),
            token_part=part,
            definition=definition,
            effective_from=since,
        )


@pytest.fixture
def hourly(catalogue):
    """An hour of a GPU of atlas-mini costs something."""
    return price({"model": "per_unit", "unit_amount": str(PER_HOUR)})


@pytest.fixture
def month():
    """The month in which reported events occurred."""
    return periods.containing(datetime.now(UTC) - timedelta(minutes=1), "UTC")


async def record(batch, offers):
    role = servers.database(servers.SERVICE_ROLE).keywords()
    async with await psycopg.AsyncConnection.connect(**role, autocommit=True) as connection:
        await funds.record(connection, process_id="m", batch=batch, fund=FreeCredit(offers).pay)


@pytest.fixture
def clock(settled):
    """Record events of so many seconds in a month that has ended, as what meters report is."""

    def clock(*seconds, at=INSIDE, **facts):
        offer = Offer.objects.select_related("token_class").get(name="atlas-mini")
        held = Price.objects.get(token_part=PART)
        unit, definition = {PART: held.per_token}, {PART: parse_for(PART, held.definition)}
        batch = []
        for place, count in enumerate(seconds):
            amounts, counts = weigh(rate({PART: count}, unit), definition, Circumstances(at))
            named = {"parts": {}, "amounts": amounts, "multipliers": counts}
            named |= {"price_ids": {PART: held.pk}, "gpu_seconds": count, "offer_name": offer.name}
            when = at + timedelta(seconds=place)
            batch.append(settled(f"h-{uuid7()}", 0, **(named | {"occurred_at": when} | facts)))
        asyncio.run(record(batch, {offer.name: offer}))
        return [it.event_id for it in batch]

    return clock


def lines(acme, month):
    with scope(acme):
        return [it for it in invoicing.preview(acme, month).lines if it.part == PART]


def test_time_on_gpus_stands_with_its_worth_in_every_sum(acme, report, hourly, month):
    response = report(held(1200, "h1"), held(1, "h2"))

    assert (response.status_code, statuses(response)) == (200, ["accepted", "accepted"])
    with scope(acme):
        first = RatedUsage.objects.get(event_id="h1")
        events = UsageEvent.objects.order_by("event_id").values_list("gpu_seconds", flat=True)
        assert list(events) == [1200, 1]
        assert sum(UsageBucket.objects.values_list("gpu_seconds", flat=True)) == 1201
        counted = PricedBucket.objects.filter(token_part=PART, price_id=hourly.pk)
        assert sum(counted.values_list("tokens", flat=True)) == 1201
        assert sum(SpendBucket.objects.values_list("amount", flat=True)) == THIRD + SECOND
    with service():
        assert sum(UsageDay.objects.values_list("gpu_seconds", flat=True)) == 1201
    assert (first.amount, first.uncovered) == (THIRD, THIRD)
    assert first.amounts == {PART: str(THIRD)}
    [line] = lines(acme, month)
    assert line.description == "atlas-mini · gpu hours"
    assert (line.quantity, line.unit_amount) == (Decimal("0.333611111111"), PER_HOUR)
    # Rated at once: 1201 * 2.5 / 3600.
    assert (line.exact_amount, line.amount) == (Decimal("0.834027777778"), Decimal("0.83"))


def test_an_event_can_tell_of_tokens_and_of_time_on_gpus(acme, report, hourly):
    report(event("both", data={"gpu_seconds": 3600}))

    with scope(acme):
        rated = RatedUsage.objects.get()
    assert Decimal(rated.amounts[PART]) == PER_HOUR
    assert rated.amount == PER_HOUR + Decimal("0.00021")


def test_time_on_gpus_without_a_price_is_refused_and_nothing_of_it_recorded(acme, report):
    response = report(held(60, "unpriced"), event("priced"))

    assert (response.status_code, statuses(response)) == (207, ["invalid", "accepted"])
    assert faults(response) == {
        "data.gpu_seconds": {
            "field": "data.gpu_seconds",
            "found": "no price",
            "accepted": "a part priced then in EUR",
        }
    }
    with scope(acme):
        assert list(UsageEvent.objects.values_list("event_id", flat=True)) == ["priced"]
        assert RatedUsage.objects.count() == 1


def test_a_price_that_begins_later_prices_nothing_before(acme, report, catalogue):
    price({"model": "per_unit", "unit_amount": "1"}, since=datetime.now(UTC) - timedelta(minutes=5))

    response = report(held(60, time=moment(minutes=10)), held(60, time=moment(minutes=1)))

    assert statuses(response) == ["invalid", "accepted"]


@pytest.mark.parametrize("seconds", [-1, 10**8 + 1, 1.5, "60", True, [60], "\u0661\u0662"])
def test_what_is_no_number_of_seconds_is_refused_by_its_field(acme, report, hourly, seconds):
    response = report(held(seconds), held(60))

    assert statuses(response) == ["invalid", "accepted"]
    [fault] = faults(response).values()
    assert fault["field"] == "data.gpu_seconds"
    assert fault["accepted"] == "whole seconds of all GPUs together, 0 to 100000000"


@pytest.mark.parametrize("data", [{"gpu_seconds": 0}, {"gpu_seconds": None}])
def test_an_event_of_nothing_is_refused(report, hourly, data):
    nothing = event(data={**data, "tokens": {}})

    response = report(nothing)

    [fault] = faults(response).values()
    assert fault["accepted"] == "at least one token, or data.gpu_seconds"


def test_the_same_id_with_other_seconds_is_a_conflict(acme, report, hourly):
    one = held(60, "h1")
    report(one)

    response = report(one, held(61, "h1", time=one["time"]))

    assert statuses(response) == ["duplicate", "conflict"]
    with scope(acme):
        assert UsageEvent.objects.get().gpu_seconds == 60


def test_events_from_before_gpus_were_counted_keep_their_hash():
    facts = {
        "organization_id": uuid7(), "project_id": uuid7(), "api_key_id": None, "source": "own:m",
        "event_id": "e", "occurred_at": datetime(2026, 1, 1, tzinfo=UTC), "offer_id": uuid7(),
        "offer_name": "a", "region": "r", "parts": {"input": 1}, "price_ids": {}, "policy": {},
        "outcome": "completed", "streamed": False, "ttft_ms": None, "latency_ms": None,
    }  # fmt: skip

    written = json.loads(ingestion._canonical.encode(ingestion.Event(**facts)))

    assert written.keys() == facts.keys()
    assert (
        ingestion.Event(**facts).body_hash() != ingestion.Event(**facts, gpu_seconds=1).body_hash()
    )


def test_a_batch_without_time_on_gpus_sends_no_column_for_it():
    facts = dict.fromkeys(ingestion.Event.__struct_fields__) | {
        "organization_id": uuid7(), "project_id": uuid7(), "offer_id": uuid7(), "source": "m",
        "event_id": "e", "occurred_at": datetime(2026, 1, 1, tzinfo=UTC), "offer_name": "a",
        "region": "r", "parts": {}, "outcome": "completed", "gpu_seconds": 0,
    }  # fmt: skip
    quiet, timed = ingestion.Event(**facts), ingestion.Event(**facts | {"gpu_seconds": 5})

    assert "gpu_seconds" not in ingestion.columns([quiet, quiet], [uuid7(), uuid7()])
    assert "gpu_seconds" in ingestion.columns([quiet, timed], [uuid7(), uuid7()])
    assert "gpu_seconds" not in ingestion.INSERT_EVENTS


def test_credit_pays_and_what_the_month_comes_to_less_comes_back(
    acme, clock, give, left, books, hourly
):
    give("10")
    clock(*[1] * 7)
    assert left() == [(10 - 7 * SECOND, Decimal(0))]

    invoicing.finalize(acme, JANUARY)

    # Seven seconds at once are 0.004861111111, and were settled for four last digits more.
    at_once = Decimal("0.004861111111")
    assert sum(remaining for remaining, _leased in left()) == 10 - at_once
    assert books()["customer_prepaid"] == at_once - 10
    assert "receivable" not in books()


def test_tokens_never_pay_for_time_on_gpus(acme, report, give, left, hourly):
    small = Offer.objects.get(name="atlas-mini").token_class or TokenClass.objects.first()
    give("5000", token_class=small, cost="1")
    give("1")

    report(held(1200), event(data={"gpu_seconds": 1}))

    with_tokens = Decimal("0.00021") + SECOND
    assert left() == [(Decimal(5000), Decimal(0)), (1 - THIRD - with_tokens, Decimal(0))]


def test_tokens_pay_where_their_class_says_what_an_hour_counts(acme, report, give, left, hourly):
    small = Offer.objects.get(name="atlas-mini").token_class
    with service():
        TokenWeight.objects.create(token_class=small, token_part=PART, weight=Decimal(9000))
    give("5000", token_class=small, cost="1")
    give("1")

    report(held(1200), held(1))

    # A third of an hour counts 3000, and a second two and a half.
    assert left() == [(Decimal("1997.500000001000"), Decimal(0)), (Decimal(1), Decimal(0))]


def test_a_meter_cannot_take_time_back(acme, report, hourly):
    report(held(60))

    with service():
        found = UsageEvent.objects.get()
        found.pk, found._state.adding, found.gpu_seconds = uuid7(), True, -1
        with pytest.raises(IntegrityError, match="gpu_seconds_never_below_zero"):
            found.save(force_insert=True)


TIERS = [
    {"up_to": "1.5", "unit_amount": "3.333333333333", "flat_amount": "0.1"},
    {"up_to": None, "unit_amount": "1.1"},
]
VOLUME = [{"up_to": "10", "unit_amount": "3"}, {"up_to": None, "unit_amount": "1.7"}]
NIGHTS = {
    "time_zone": "UTC",
    "windows": [{"from": "12:00", "until": "14:00", "multiplier": "0.333333333333"}],
}
PLAIN = {"model": "per_unit", "unit_amount": "2.500000000001"}
DEFINITIONS = [
    PLAIN,
    PLAIN | {"time_of_day": NIGHTS},
    PLAIN | {"free_quantity": "0.3", "minimum_amount": "99"},
    {"model": "graduated", "tiers": TIERS},
    {"model": "volume", "tiers": VOLUME},
    {"model": "package", "package_size": "8", "package_amount": "16.04"},
]


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_an_invoice_and_its_correction_are_made_again(
    acme, clock, catalogue, give, recompute, definition
):
    price(definition)
    give("11.111111111111")
    clock(1, 1200, 3601, 77_777)
    first = invoicing.finalize(acme, JANUARY)
    clock(7, 3600, 1201, at=INSIDE + timedelta(hours=3))
    second = invoicing.finalize(acme, FEBRUARY)

    assert (recompute(first).stderr, recompute(second, first).stderr) == ("", "")
    with service():
        told = InvoiceLine.objects.filter(part=PART, kind="usage")
        assert {it.corrects is None for it in told} == {True, False}


def test_a_forged_second_is_found(acme, clock, hourly, recompute):
    clock(1200, 3601)
    first = invoicing.finalize(acme, JANUARY)

    done = recompute(first, forge=lambda text: text.replace(",3601,", ",3600,"))

    assert "DIFFERS" in done.stderr


def test_lines_keep_their_seconds_also_where_they_are_divided(acme, clock, hourly, profile):
    profile(split_by="project")
    with scope(acme):
        lab = Project.objects.create(organization=acme, name="Lab", slug="lab").pk
    clock(1000)
    clock(1, 7, project_id=lab)
    invoicing.finalize(acme, JANUARY)
    # Two hours together, and neither project used whole ones.
    clock(6200)
    clock(1000, project_id=lab)

    invoicing.finalize(acme, FEBRUARY)

    with service():
        found = list(
            InvoiceLine.objects.filter(part=PART).order_by("invoice__issued_at", "section")
        )
    told = [(it.section, counted(PART, it.quantity)) for it in found]
    assert told == [("Default", 1000), ("Lab", 8), ("Default", 6200), ("Lab", 1000)]
    assert sum(it.exact_amount for it in found) == Decimal("5.7")


def test_evidence_and_days_tell_the_seconds(acme, alice, clock, hourly, download):
    clock(1200, 1)
    invoice = invoicing.finalize(acme, JANUARY)

    rows = list(
        csv.DictReader(io.StringIO(download(invoice, "/events.csv", client=signed_in(alice))))
    )

    assert [(it["part"], it["tokens"], it["amount"]) for it in rows] == [
        (PART, "1200", str(THIRD)),
        (PART, "1", str(SECOND)),
    ]
    with scope(acme):
        line = invoice.lines.get(part=PART)
        [day] = evidence.days(acme, line)
    assert (day.tokens, day.amount.amount) == (1201, line.exact_amount)


def test_an_invoice_shows_hours_and_keeps_their_seconds(acme, alice, clock, hourly):
    clock(1200)
    invoice = invoicing.finalize(acme, JANUARY)
    client = signed_in(alice)

    told = client.get(f"/api/v1/organizations/acme/invoices/{invoice.number}").json()
    page = client.get(f"/o/acme/billing/invoices/{invoice.number}/").content.decode()
    [api_line] = [it for it in told["lines"] if it["part"] == PART]
    position = api_line["position"]
    days = client.get(f"/o/acme/billing/invoices/{invoice.number}/lines/{position}/")

    assert (api_line["quantity"], api_line["gpu_seconds"]) == ("0.333333333333", "1200")
    assert "0.333333333333 GPU-h" in page
    assert "1\u202f200 seconds" in page
    assert "per GPU-hour" in page
    assert "0.333 h" in days.content.decode()


def test_receipts_say_for_how_long_gpus_were_held_and_stay_as_they_were_sealed(
    acme, alice, clock, hourly
):
    with_gpus, without = (
        clock(1200)[0],
        clock(0, parts={"input": 1}, amounts={"input": Decimal(1)})[0],
    )
    sealing.seal_due(timezone.now() + timedelta(hours=2))

    client = signed_in(alice)
    texts = {
        name: json.loads(client.get(f"/o/acme/usage/{name}/proof.json").json()["proof"]["document"])
        for name in (with_gpus, without)
    }

    assert texts[with_gpus]["gpu_seconds"] == 1200
    assert texts[with_gpus]["tokens"] == {}
    assert "gpu_seconds" not in texts[without]
    assert (verifying.verify().receipts, verifying.verify().problems) == (2, [])


def test_files_tell_hours_and_seconds(acme, report, hourly, month):
    report(held(1200))
    with scope(acme):
        draft = documents.named(acme, month.label)

    text = downloads.file(draft, "csv").content.decode()
    rows = list(csv.DictReader(io.StringIO(text)))

    [row] = [it for it in rows if it["unit"] == "GPU-hour"]
    assert (row["quantity"], row["seconds"]) == ("0.333333333333", "1200")
    assert (row["unit_price"], row["exact_amount"], row["amount"]) == (
        "2.5",
        "0.833333333333",
        "0.83",
    )

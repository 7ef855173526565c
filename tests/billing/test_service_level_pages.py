"""What customers and staff see of service levels."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing import periods, service_board
from billing.services import invoicing
from common.database import service
from marketplace import demo
from marketplace.models import Measurement, ModelChange, Offer, ServiceLevel
from metering.services import standing
from tests.support.usage import used

__all__ = ["used"]
STREAM = {"streamed": True, "ttft_ms": 200, "latency_ms": 1200, "parts": {"output": 50}}
LEVEL = {
    "ttft_p95_ms": "100",
    "least_calls": "1",
    "credit": "10",
    "cap": "30",
}


@pytest.fixture
def offer(db):
    demo.seed()
    with service():
        return Offer.objects.select_related("model_version__model").order_by("name").first()


@pytest.fixture
def call(used, offer):
    """Make calls of the offer, by default now."""

    def call(at=None, **facts):
        facts = {"offer_name": offer.name, "region": offer.region_id, **STREAM, **facts}
        used(occurred_at=at or timezone.now(), **facts)

    return call


@pytest.fixture
def promised(offer, person):
    """A first token within 100 ms, long since."""
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    with service():
        return ServiceLevel.objects.create(
            offer=offer, number=1, ttft_p95_ms=100, least_calls=1, steps=[["0", "10"]],
            cap=Decimal(30), effective_from=long_ago, agreed_at=long_ago,
            proposed_by=person("ada@operator.example"), approved_by=person("ben@operator.example"),
        )  # fmt: skip


def test_a_customer_sees_what_was_promised_and_measured(alice_client, call, promised):
    call()

    page = alice_client.get("/o/acme/sla/").content.decode()

    assert "<bdi>Paris</bdi>" in page
    assert "eu-paris" not in page
    assert "Missed" in page
    assert "First token, 95 of 100 calls within (ms)</th>" in page
    answer = alice_client.get("/api/v1/organizations/acme/service-levels").json()
    [model] = answer["models"]
    assert (model["is_missed"], model["is_judged"], len(model["days"])) == (True, False, 1)
    assert model["targets"][0]["credit"] == "10"
    assert 195 <= model["measured"]["ttft_p95_ms"] <= 205


def test_a_judged_month_shows_its_credit(alice_client, acme, call, promised, price):
    paid = {"parts": {"input": 1}, "amounts": {"input": Decimal(10)}}
    paid["price_ids"] = {"input": price("10").pk}
    call(at=datetime(2026, 10, 9, tzinfo=UTC), worth="10", **paid)
    invoice = invoicing.finalize(acme, periods.month(2026, 10, "UTC"))

    assert invoice.net == 9
    page = alice_client.get("/o/acme/sla/?month=2026-10").content.decode()
    assert invoice.number in page
    document = alice_client.get(f"/o/acme/billing/invoices/{invoice.number}/").content.decode()
    assert "Service credit" in document


@pytest.mark.parametrize("month", ["nonsense", "2999-01", "2026-13"])
def test_a_month_that_is_none_does_not_exist(alice_client, acme, month):
    assert alice_client.get(f"/o/acme/sla/?month={month}").status_code == 404
    address = f"/api/v1/organizations/acme/service-levels?month={month}"
    assert alice_client.get(address).status_code == 404


def test_without_calls_there_is_an_empty_page(alice_client, acme, offer):
    assert "No calls in this month" in alice_client.get("/o/acme/sla/").content.decode()


def test_the_page_reads_sums_in_few_queries(alice_client, call, promised):
    for days in range(3):
        call(at=timezone.now() - timedelta(hours=days))
    alice_client.get("/o/acme/sla/")

    with CaptureQueriesContext(connections["default"]) as queries:
        alice_client.get("/o/acme/sla/")

    assert len(queries) <= 25
    assert not any("metering_usageevent" in it["sql"] for it in queries)


def test_staff_proposes_and_a_colleague_agrees(staff_client, colleague_client, offer):
    address = f"/staff/offers/{offer.pk}/level/"
    proposed = staff_client.post(address, LEVEL)
    assert proposed.status_code == 302
    with service():
        change = ModelChange.objects.get(kind="level")
    assert "100" in staff_client.get(f"/staff/changes/{change.pk}/").content.decode()

    assert staff_client.post(f"/staff/changes/{change.pk}/approve/").status_code == 403
    assert not levels()
    assert colleague_client.post(f"/staff/changes/{change.pk}/approve/").status_code == 302

    [level] = levels()
    assert (level.number, level.ttft_p95_ms, level.steps) == (1, 100, [["0", "10"]])
    again = staff_client.post(address, LEVEL)
    assert (again.status_code, len(levels())) == (422, 1)


def levels():
    with service():
        return list(ServiceLevel.objects.all())


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"ttft_p95_ms": "0"}, "ttft_p95_ms"),
        ({"availability": "101"}, "availability"),
        ({"least_calls": ""}, "least_calls"),
        ({"further_miss": "10"}, "further_credit"),
        ({"further_miss": "0", "further_credit": "20"}, "further_miss"),
        ({"further_miss": "10", "further_credit": "5"}, "further_credit"),
        ({"cap": "-1"}, "cap"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(staff_client, offer, said, field):
    answer = staff_client.post(f"/staff/offers/{offer.pk}/level/", LEVEL | said)

    assert answer.status_code == 422
    assert field in answer.context["form"].errors


def test_the_board_says_what_is_missed_and_for_whom(staff_client, call, promised, acme):
    call()
    standing.sweep()
    cache.delete(service_board.AT_RISK)
    assert "nobody has looked yet" in staff_client.get("/staff/service-levels/").content.decode()
    assert service_board.look_for_risks() == 1

    page = staff_client.get("/staff/service-levels/").content.decode()

    assert "Missed" in page
    assert "Acme" in page


def test_the_board_needs_the_desk(alice_client, acme):
    assert alice_client.get("/staff/service-levels/").status_code == 404


def measurement():
    with service():
        return Measurement.objects.select_related("offer__model_version__model").get()


def test_what_few_customers_made_is_not_shown(client, call, offer):
    call(times=120)
    standing.sweep()
    address = f"/models/{offer.model_version.model.slug}/"

    assert (measurement().calls, measurement().is_enough) == (120, False)
    assert "Not enough calls yet" in client.get(address).content.decode()
    with service():
        Measurement.objects.update(customers=3)
    page = client.get(address).content.decode()
    assert "Not enough calls yet" not in page
    assert "100 %" in page.replace("\u00a0", " ").replace("\u202f", " ")
    assert client.get("/models/?sort=latency").context["offers"][0].offer == offer


def test_a_second_sweep_tells_the_same(call, offer):
    call(times=2)
    standing.sweep()
    first = measurement()
    standing.sweep()

    assert (measurement().calls, measurement().ttft_p95_ms) == (2, first.ttft_p95_ms)

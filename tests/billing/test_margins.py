"""Margins: what models brought as measured, what they cost as stated, and neither ever overlapping."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError

from billing import margins
from billing.errors import GpuCostStated
from billing.models import GpuCost, SpendDay
from billing.services import gpu_costs
from common.database import service
from common.errors import DomainError, NotFound
from marketplace import demo
from marketplace.models import Offer
from metering.models import UsageDay
from tenants.models import AuditEntry
from tests.support.people import at_the_desk

PAGE, COSTS = "/staff/margins/", "/staff/margins/costs/"
API = "/api/v1/staff/"


@pytest.fixture
def sam(person):
    """One of the staff."""
    return person("sam-of-margins@operator.example", is_staff=True)


@pytest.fixture
def desk(sam):
    return at_the_desk(sam)


@pytest.fixture
def mini(db):
    demo.seed()
    return Offer.objects.get(name="atlas-mini")


@pytest.fixture(autouse=True)
def may(time_machine):
    """It is the middle of May."""
    time_machine.move_to(datetime(2027, 5, 15, 12, tzinfo=UTC), tick=False)


@pytest.fixture
def state(mini, sam):
    """State what the small model costs."""

    def state(day, gpus, per_hour, **facts):
        amounts = {"gpus": Decimal(gpus), "per_hour": Decimal(per_hour), "currency": "EUR"}
        with service():
            return gpu_costs.state(mini, starts_on=day, by=sam, **amounts | facts)

    return state


@pytest.fixture
def used(acme):
    """Let the small model have been used on a day."""

    def used(day, amount, tokens, name="atlas-mini"):
        own = {"organization": acme, "offer_name": name, "day": day}
        with service():
            SpendDay.objects.create(currency="EUR", requests=1, amount=Decimal(amount), **own)
            UsageDay.objects.create(requests=1, input_tokens=tokens, **own)

    return used


def of(label):
    with service():
        return margins.month(label)


def test_a_margin_is_measured_revenue_less_stated_cost(state, used):
    state(date(2027, 4, 1), "2", "1.25")
    used(date(2027, 4, 1), "1000", 3_000_000)
    used(date(2027, 4, 30), "2600.000000000001", 6_000_000)
    used(date(2027, 5, 1), "9", 10)

    (it,) = of("2027-04").models

    assert (it.tokens, it.requests, it.gpu_hours) == (9_000_000, 2, 1440)
    assert (it.revenue.amount, it.cost.amount) == (Decimal("3600.000000000001"), 1800)
    assert it.margin.amount == Decimal("1800.000000000001")
    assert it.cost_per_million.amount == 200
    assert it.break_even_tokens == 4_500_000


def test_each_cost_holds_until_the_next_one_begins(state):
    state(date(2027, 3, 20), "1", "1")
    state(date(2027, 4, 11), "4", "2")
    state(date(2027, 4, 21), "0", "0")

    (it,) = of("2027-04").models

    assert it.gpu_hours == 10 * 24 + 10 * 24 * 4
    assert it.cost.amount == 10 * 24 + 10 * 24 * 8
    assert of("2027-03").models[0].cost.amount == 12 * 24
    assert of("2027-05").models[0].cost.amount == 0


def test_the_running_month_costs_until_now(state):
    state(date(2027, 1, 1), "1", "1")

    (it,) = of("2027-05").models

    assert (it.gpu_hours, it.cost.amount) == (14 * 24 + 12, 14 * 24 + 12)
    assert not of("2027-05").is_over


def test_what_nobody_stated_has_no_margin_rather_than_a_fine_one(used):
    used(date(2027, 4, 2), "10", 100)

    month = of("2027-04")

    assert (month.models[0].cost, month.models[0].margin) == (None, None)
    assert month.unstated == ["atlas-mini"]
    assert [total.margin for total in month.totals] == [None]


def test_the_margin_of_all_leaves_out_what_nobody_stated_the_cost_of(state, used):
    state(date(2027, 4, 1), "1", "1")
    used(date(2027, 4, 2), "1000", 100)
    used(date(2027, 4, 2), "10", 100, name="atlas-large")

    (total,) = of("2027-04").totals

    assert (total.revenue.amount, total.cost.amount) == (1010, 720)
    assert total.margin.amount == 280


def test_another_currency_is_never_subtracted(state, used):
    state(date(2027, 4, 1), "1", "1", currency="USD")
    used(date(2027, 4, 2), "10", 100)

    found = {it.revenue.currency: it for it in of("2027-04").models}

    assert found["EUR"].cost is None
    assert (found["USD"].revenue.amount, found["USD"].cost.amount) == (0, 720)


def test_what_the_ledger_earned_beyond_usage_is_of_no_one_model(state, used, acme, give):
    used(date(2027, 5, 2), "10", 100)

    (total,) = of("2027-05").totals

    assert (total.revenue.amount, total.recognized.amount) == (10, 0)
    assert total.of_no_model.amount == -10


def test_withdrawing_keeps_the_row_and_lets_the_one_before_hold(state, sam):
    state(date(2027, 4, 1), "1", "1")
    wrong = state(date(2027, 4, 2), "100", "1")
    with pytest.raises(GpuCostStated):
        state(date(2027, 4, 2), "10", "1")

    with service():
        gpu_costs.withdraw(wrong, by=sam)
        gpu_costs.withdraw(wrong, by=sam)

    assert of("2027-04").models[0].cost.amount == 720
    state(date(2027, 4, 2), "2", "1")
    with service():
        assert GpuCost.objects.count() == 3
        assert AuditEntry.objects.filter(action="gpu_cost.withdrawn").count() == 1


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"gpus": "-1"}, "gpus"),
        ({"gpus": "NaN"}, "gpus"),
        ({"per_hour": "1000000"}, "per_hour"),
        ({"day": date(1999, 1, 1)}, "starts_on"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_field(state, facts, field):
    given = {"day": date(2027, 4, 1), "gpus": "1", "per_hour": "1"} | facts

    with pytest.raises(DomainError) as refusal:
        state(**given)

    assert list(refusal.value.field_errors) == [field]


def test_history_is_not_changed_whoever_writes(state):
    state(date(2027, 4, 1), "1", "1")

    with pytest.raises(IntegrityError), service():
        GpuCost.objects.update(gpus=2)
    with pytest.raises(DatabaseError), service():
        GpuCost.objects.all().delete()


def test_the_app_role_sees_no_costs(state):
    state(date(2027, 4, 1), "1", "1")

    with pytest.raises(DatabaseError):
        GpuCost.objects.count()


@pytest.mark.parametrize("label", ["2099-01", "may", ""])
def test_there_is_no_month_to_come(label, db):
    with pytest.raises(NotFound):
        of(label)


def test_staff_state_costs_and_read_margins_as_page_file_and_json(desk, mini, used):
    used(date(2027, 4, 2), "1000.5", 2_000_000)
    form = {
        "offer": str(mini.pk), "starts_on": "2027-04-01", "gpus": "0.5", "per_hour": "2",
        "currency": "EUR", "note": "rack 4",
    }  # fmt: skip
    assert desk.get(COSTS).status_code == 200
    assert desk.post(COSTS, form).status_code == 302
    assert desk.post(COSTS, form).status_code == 422

    page = desk.get(f"{PAGE}?month=2027-04").content.decode()
    file = desk.get("/staff/margins.csv?month=2027-04").content.decode()
    told = desk.get(f"{API}margins?month=2027-04").json()

    assert "280.50" in page
    (row,) = csv.DictReader(io.StringIO(file))
    assert (row["revenue"], row["cost"], row["margin"]) == ("1000.5", "720", "280.5")
    (model,) = told["models"]
    assert (model["margin"], model["gpu_hours"], model["tokens"]) == ("280.5", "360", 2_000_000)
    assert desk.get(f"{PAGE}?month=2099-01").status_code == 404


def test_costs_are_stated_and_withdrawn_over_the_api(desk, mini, alice_client):
    body = {"model": "atlas-mini", "starts_on": "2027-04-01", "gpus": "2", "per_hour": "1.5"}
    send = {"content_type": "application/json"}

    made = desk.post(f"{API}gpu-costs", body | {"currency": "EUR"}, **send)
    again = desk.post(f"{API}gpu-costs", body | {"currency": "EUR"}, **send)
    unknown = desk.post(f"{API}gpu-costs", body | {"model": "x", "currency": "EUR"}, **send)
    other = desk.post(f"{API}gpu-costs", body | {"currency": "XXX"}, **send)

    assert (made.status_code, again.status_code) == (201, 409)
    assert list(unknown.json()["field_errors"]) == ["model"]
    assert list(other.json()["field_errors"]) == ["currency"]
    one = f"{API}gpu-costs/{made.json()['id']}/withdraw"
    assert desk.post(one).json()["withdrawn_at"] == desk.post(one).json()["withdrawn_at"]
    assert alice_client.get(f"{API}gpu-costs").status_code == 404
    assert alice_client.get(f"{API}margins").status_code == 404

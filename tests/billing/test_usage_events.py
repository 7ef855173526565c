"""Usage that other meters report: each event once, priced, paid for, and judged alone."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing import periods
from billing.models import PricedBucket, RatedUsage, SpendBucket
from billing.services import invoicing
from common.database import service
from marketplace.models import AIModel, Offer, Price, PriceBook, TokenClass
from marketplace.services import viewers
from marketplace.viewers import Audience
from metering.models import UsageBucket, UsageConflict, UsageEvent, UsageEventKey
from tenants.models import ApiKey, Membership, Project
from tenants.scope import scope
from tenants.services import api_keys, organizations
from tests.support.meters import (
    EVENTS,
    STRUCTURED,
    catalogue,
    event,
    meter_key,
    moment,
    operator_key,
    report,
)

__all__ = ["catalogue", "meter_key", "operator_key", "report"]
#: A thousand tokens in and a hundred out of atlas-mini.
WORTH = Decimal("0.00021")
FULL = {
    "region": "paris",
    "streamed": True,
    "ttft_ms": 40,
    "latency_ms": 900,
    "outcome": "client_gone",
}


def statuses(response):
    return [each["status"] for each in response.json()["events"]]


def faults(response, index=0):
    return {each["field"]: each for each in response.json()["events"][index]["errors"]}


def test_a_reported_request_stands_with_its_worth(acme, report):
    response = report(event("r1", data=FULL | {"region": Offer.objects.first().region.code}))

    assert (response.status_code, statuses(response)) == (200, ["accepted"])
    with scope(acme):
        found, rated = UsageEvent.objects.get(), RatedUsage.objects.get()
        bucket, spend = UsageBucket.objects.get(), SpendBucket.objects.get()
    assert (found.source, found.event_id, found.offer_name) == (
        "own:/litellm/one",
        "r1",
        "atlas-mini",
    )
    assert (found.input_tokens, found.output_tokens, found.ttft_ms) == (1000, 100, 40)
    assert (found.streamed, found.outcome) == (True, "client_gone")
    assert (rated.amount, rated.uncovered, spend.amount) == (WORTH, WORTH, WORTH)
    assert (bucket.requests, bucket.output_tokens) == (1, 100)


def test_a_request_that_has_a_price_of_its_own_is_charged_it_once(acme, report, give, left):
    fee = Decimal("0.013")
    with service():
        offer, book = Offer.objects.get(name="atlas-mini"), PriceBook.objects.get(code="standard")
        price = Price.objects.create(
            offer=offer,
            book=book,
            token_part="requests",
            definition={"model": "per_unit", "unit_amount": str(fee)},
            effective_from=datetime(2025, 1, 1, tzinfo=UTC),
        )
    give("1")

    report(event("r1"), event("r2"), event("r2"))

    with scope(acme):
        first = RatedUsage.objects.get(event_id="r1")
        counted = PricedBucket.objects.filter(token_part="requests", price_id=price.pk)
        assert sum(counted.values_list("tokens", flat=True)) == 2
        month = periods.containing(first.occurred_at, "UTC")
        [line] = [it for it in invoicing.preview(acme, month).lines if it.part == "requests"]
    assert (first.amount, Decimal(first.amounts["requests"])) == (WORTH + fee, fee)
    assert (line.quantity, line.exact_amount, line.amount) == (2, 2 * fee, Decimal("0.03"))
    assert left() == [(1 - 2 * (WORTH + fee), Decimal(0))]


def test_an_event_sent_again_counts_once(acme, report):
    one = event("r1")
    report(one)

    response = report(one, one, event("r2"))

    assert (response.status_code, statuses(response)) == (
        200,
        ["duplicate", "duplicate", "accepted"],
    )
    with scope(acme):
        assert UsageEvent.objects.count() == RatedUsage.objects.count() == 2
        assert sum(PricedBucket.objects.values_list("tokens", flat=True)) == 2200


def test_credit_that_is_free_pays_and_the_rest_is_owed(acme, report, give, left, books):
    give("0.0003")

    report(event(), event())

    assert left() == [(Decimal(0), Decimal(0))]
    assert books()["receivable"] == 2 * WORTH - Decimal("0.0003")


def test_a_second_grant_pays_where_the_first_ends(acme, report, give, left, books):
    give("0.0003")
    give("1")

    report(event(), event())

    assert left() == [(Decimal(0), Decimal(0)), (Decimal("1.0003") - 2 * WORTH, Decimal(0))]
    assert "receivable" not in books()


def test_tokens_of_the_models_class_pay_first(acme, report, give, left):
    small = Offer.objects.get(name="atlas-mini").token_class or TokenClass.objects.first()
    give("5000", token_class=small, cost="1")
    give("1")

    report(event())

    # A token out weighs three.
    assert left() == [(Decimal(5000 - 1300), Decimal(0)), (Decimal(1), Decimal(0))]


def test_what_a_batch_used_has_the_prices_of_batches(acme, report):
    report(event("now"), event("later", data={"service_tier": "batch"}))

    with scope(acme):
        worth = dict(RatedUsage.objects.values_list("event_id", "amount"))
        found = UsageEvent.objects.get(event_id="later")
    assert worth == {"now": WORTH, "later": WORTH / 2}
    assert found.policy["service_tier"] == "batch"


def test_a_batch_takes_half_as_many_tokens_of_a_bundle(acme, report, give, left):
    give("5000", token_class=TokenClass.objects.first(), cost="1")

    report(event(data={"service_tier": "batch"}))

    assert left() == [(Decimal(5000 - 650), Decimal(0))]


def test_what_the_gateway_holds_is_left_to_it(acme, report, give, left, books):
    grant = give("1")
    with service():
        type(grant).objects.update(leased=Decimal(1))

    report(event())

    assert left() == [(Decimal(1), Decimal(1))]
    assert books()["receivable"] == WORTH


def test_a_known_id_with_another_body_is_refused_and_kept(acme, report):
    report(event("r1"))

    response = report(event("r1", data={"tokens": {"input": 7}}), event("r2"))

    assert (response.status_code, statuses(response)) == (207, ["conflict", "accepted"])
    with scope(acme):
        assert UsageConflict.objects.get().body["parts"]["input"] == 7
        assert UsageEvent.objects.get(event_id="r1").input_tokens == 1000


def test_two_sources_may_use_one_id(acme, report):
    response = report(event("r1"), event("r1", source="/envoy"))

    assert statuses(response) == ["accepted", "accepted"]


def test_a_customers_meter_cannot_take_an_id_of_the_operators(acme, report, operator_key):
    taken = event("r1", subject="acme", data={"tokens": {"input": 1}})

    first = report(taken)
    second = report(event("r1", subject="acme"), key=operator_key)

    assert statuses(first) == statuses(second) == ["accepted"]
    with scope(acme):
        found = dict(RatedUsage.objects.values_list("source", "amount"))
        assert not UsageConflict.objects.exists()
    assert found["meter:/litellm/one"] == WORTH


@pytest.mark.parametrize("name", ["meter:/litellm/one", "own:x"])
def test_whatever_a_meter_calls_itself_it_is_known_as_the_customers(acme, report, name):
    response = report(event("r1", source=name))

    with scope(acme):
        assert UsageEventKey.objects.get().source == f"own:{name}"
    assert response.json()["events"][0]["source"] == name


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"type": "com.example.other"}, "type"),
        ({"id": None}, "id"),
        ({"id": "x" * 101}, "id"),
        ({"id": "nul\0"}, "id"),
        ({"id": "\ud800"}, "id"),
        ({"source": "gateway"}, "source"),
        ({"time": "yesterday"}, "time"),
        ({"time": "2026-11-20T12:00:00"}, "time"),
        ({"time": "0001-01-01T00:00:00+23:59"}, "time"),
        ({"time": 1763640000}, "time"),
        ({"subject": "globex"}, "subject"),
        ({"subject": 7}, "subject"),
        ({"data": []}, "data"),
        ({"data": {"model": "gpt-unknown"}}, "data.model"),
        ({"data": {"model": 7}}, "data.model"),
        ({"data": {"region": "moon"}}, "data.region"),
        ({"data": {"service_tier": "flex"}}, "data.service_tier"),
        ({"data": {"project": "moon"}}, "data.project"),
        ({"data": {"streamed": "yes"}}, "data.streamed"),
        ({"data": {"ttft_ms": -1}}, "data.ttft_ms"),
        ({"data": {"latency_ms": 1.5}}, "data.latency_ms"),
        ({"data": {"outcome": "lost"}}, "data.outcome"),
        ({"data": {"colour": "red"}}, "data.colour"),
        ({"data": {"tokens": {}}}, "data.tokens"),
        ({"data": {"tokens": {"input": 0}}}, "data.tokens"),
        ({"data": {"tokens": [1]}}, "data.tokens"),
        ({"data": {"tokens": {"input": -1}}}, "data.tokens.input"),
        ({"data": {"tokens": {"input": 10**9 + 1}}}, "data.tokens.input"),
        ({"data": {"tokens": {"input": 1.5}}}, "data.tokens.input"),
        ({"data": {"tokens": {"input": "7"}}}, "data.tokens.input"),
        ({"data": {"tokens": {"input": True}}}, "data.tokens.input"),
        ({"data": {"tokens": {"input": 1, "smell": 1}}}, "data.tokens.smell"),
        ({"data": {"tokens": {"\ud800": 1}}}, "data.tokens.\\ud800"),
    ],
)
def test_what_is_wrong_is_told_and_the_rest_is_taken(acme, report, facts, field):
    wrong = event("wrong") | facts
    if isinstance(facts.get("data"), dict):
        wrong = event("wrong", data=facts["data"])

    response = report(wrong, event("right"))

    assert (response.status_code, statuses(response)) == (207, ["invalid", "accepted"])
    assert field in faults(response)
    assert all(each["found"] and each["accepted"] for each in faults(response).values())
    with scope(acme):
        assert UsageEvent.objects.get().event_id == "right"


def test_a_model_that_is_hidden_from_a_customer_is_unknown_to_its_meter(
    acme, charlie, report, operator_key
):
    other = organizations.found(name="Elsewhere", owner=charlie, country="FR")
    used = report(event("before"))
    with service():
        model = AIModel.objects.get(slug="atlas-mini")
        viewers.show_to(model, Audience(frozenset(), frozenset({other.pk})), by=None)
        stranger = api_keys.create(other, name="meter", by=charlie, scopes=["metering"])
        large = AIModel.objects.get(slug="atlas-large")
        viewers.show_to(large, Audience(frozenset(), frozenset({other.pk})), by=None)

    hidden = report(event("hidden", data={"model": "atlas-large"}))
    unknown = report(event("hidden", data={"model": "atlas-huge"}))

    assert statuses(used) == ["accepted"]
    assert statuses(hidden) == ["invalid"]
    (fault,), (other_fault,) = (it.json()["events"][0]["errors"] for it in (hidden, unknown))
    assert {**fault, "found": ""} == {**other_fault, "found": ""}
    # What it used while it saw the model may still come; who sees it, and the operator, go on.
    assert statuses(report(event("late"))) == ["accepted"]
    assert statuses(report(event("theirs", data={"model": "atlas-large"}), key=stranger)) == [
        "accepted"
    ]
    named = event("named", subject="acme", data={"model": "atlas-large"})
    assert statuses(report(named, key=operator_key)) == ["accepted"]


@pytest.mark.parametrize(
    ("ago", "status"),
    [
        ({"minutes": -4}, "accepted"),
        ({"minutes": -6}, "invalid"),
        ({"days": 34}, "accepted"),
        ({"days": 36}, "invalid"),
    ],
)
def test_neither_the_future_nor_the_distant_past_is_taken(acme, report, ago, status):
    assert statuses(report(event(time=moment(**ago)))) == [status]


def test_usage_without_a_price_is_refused_and_never_free(acme, report, caplog):
    response = report(event(data={"model": "atlas-embed", "tokens": {"output": 5}}))

    assert statuses(response) == ["invalid"]
    assert faults(response)["data.tokens.output"]["found"] == "no price"
    with scope(acme):
        assert not UsageEvent.objects.exists()


def test_a_key_without_the_scope_reports_nothing(acme, report, meter_key):
    with scope(acme):
        ApiKey.objects.update(scopes=["inference", "management"])

    response = report(event())

    assert response.status_code == 403
    assert "metering" in response.json()["detail"]


def test_without_a_key_nothing_is_reported(acme, report, alice_client):
    assert report(event(), HTTP_AUTHORIZATION="").status_code == 401
    assert alice_client.post(EVENTS, "[]", content_type=STRUCTURED).status_code == 401


def test_a_customers_key_reports_for_its_organization_alone(acme, charlie, report, meter_key):
    globex = organizations.found(name="Globex", owner=charlie, country="FR")

    response = report(
        event(subject="acme"),
        event(subject=str(meter_key.api_key.pk)),
        event(subject=globex.slug),
        event(subject="nobody"),
    )

    assert statuses(response) == ["accepted", "accepted", "invalid", "invalid"]
    # Nobody learns from the answer which organizations there are.
    known, unknown = faults(response, 2)["subject"], faults(response, 3)["subject"]
    assert known["accepted"] == unknown["accepted"]
    with scope(acme):
        keys = set(UsageEvent.objects.values_list("api_key_id", flat=True))
    assert keys == {None, meter_key.api_key.pk}


def test_the_operators_meter_names_whose_usage_it_is(acme, charlie, report, operator_key):
    globex = organizations.found(name="Globex", owner=charlie, country="FR")

    response = report(event(subject=globex.slug), event(), key=operator_key)

    assert statuses(response) == ["accepted", "invalid"]
    with scope(globex):
        assert UsageEvent.objects.count() == 1
    with scope(acme):
        assert UsageEvent.objects.count() == 0


def test_the_operators_meter_falls_silent_when_its_maker_leaves(acme, report, operator_key):
    operator_key.api_key.created_by.is_staff = False
    operator_key.api_key.created_by.save()

    response = report(event(subject="acme"), event(subject="globex"), key=operator_key)

    assert response.status_code == 403


def test_a_meter_falls_silent_when_its_maker_leaves(acme, report, meter_key):
    with service():
        Membership.objects.filter(user=meter_key.api_key.created_by).delete()

    response = report(event())

    assert response.status_code == 403
    with scope(acme):
        assert not UsageEvent.objects.exists()


def test_usage_is_filed_under_the_keys_project_or_the_one_named(acme, report, meter_key):
    with scope(acme):
        lab = Project.objects.create(organization=acme, name="Lab", slug="lab")
        ApiKey.objects.filter(pk=meter_key.api_key.pk).update(project=lab)

    report(event("named", data={"project": "lab"}), event("plain"))
    report(event("by-key", subject=str(meter_key.api_key.pk)))

    with scope(acme):
        found = dict(UsageEvent.objects.values_list("event_id", "project__slug"))
    assert found == {"named": "lab", "plain": "default", "by-key": "lab"}


def test_a_single_event_is_answered_by_its_own_status(client, meter_key):
    def send(body):
        return client.post(
            EVENTS,
            json.dumps(body),
            content_type=STRUCTURED,
            HTTP_AUTHORIZATION=f"Bearer {meter_key.text}",
        )

    taken = send(event("r1"))
    conflict = send(event("r1", data={"tokens": {"input": 7}}))
    invalid = send(event(data={"tokens": {"input": -7}}))

    assert (taken.status_code, conflict.status_code, invalid.status_code) == (200, 409, 400)
    assert conflict.json()["code"] == "usage_event_conflict"
    assert list(invalid.json()["field_errors"]) == ["data.tokens.input"]
    assert "-7" in invalid.json()["field_errors"]["data.tokens.input"][0]


def test_attributes_may_come_as_headers(acme, client, meter_key):
    one = event("r1")

    response = client.post(
        EVENTS,
        json.dumps(one.pop("data")),
        content_type="application/json",
        HTTP_AUTHORIZATION=f"Bearer {meter_key.text}",
        **{f"HTTP_CE_{name.upper()}": value for name, value in one.items()},
    )

    assert response.status_code == 200
    with scope(acme):
        assert UsageEvent.objects.get().event_id == "r1"


def test_a_batch_is_bounded(acme, report):
    many = report(*[{}] * 1001)
    large = report(event(data={"model": "x" * 1_000_000}))
    none = report()

    assert [each.status_code for each in (many, large, none)] == [413, 413, 400]
    assert many.json()["code"] == large.json()["code"] == "batch_too_large"


def test_a_thousand_events_at_once_are_taken(acme, report):
    response = report(*[event() for _ in range(1000)])

    assert response.json()["accepted"] == 1000
    with scope(acme):
        assert sum(UsageBucket.objects.values_list("requests", flat=True)) == 1000


def test_a_price_change_does_not_touch_usage_before_it(acme, report):
    mini, now = Offer.objects.get(name="atlas-mini"), datetime.now(UTC)
    with service():
        old = mini.prices.standard().get(token_part="input")
        old.effective_until = now - timedelta(hours=1)
        old.save()
        facts = {"book": old.book, "offer": mini, "token_part": "input"}
        double = {"model": "per_unit", "unit_amount": "0.0000003"}
        new = type(old).objects.create(
            **facts, definition=double, effective_from=now - timedelta(hours=1)
        )

    report(event("before", time=moment(hours=2)), event("after", time=moment(minutes=2)))

    with scope(acme):
        prices = dict(RatedUsage.objects.values_list("event_id", "price_ids"))
    assert prices["before"]["input"] == str(old.pk)
    assert prices["after"]["input"] == str(new.pk)

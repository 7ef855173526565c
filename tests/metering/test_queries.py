"""Sums and lists of usage say exactly what was recorded."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from billing import queries as billing
from billing.models import RatedUsage
from metering import queries
from metering.queries import Cut, Usage
from tenants.scope import scope
from tenants.services import api_keys, projects
from tests.support.usage import NOON

MARCH = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def march(acme):
    """Acme's March, in days of UTC."""
    return Cut(acme, *MARCH)


@pytest.fixture
def key(acme, alice):
    """A key of Acme."""
    with scope(acme):
        return api_keys.create(acme, name="ci", by=alice).api_key


def test_sums_are_what_was_recorded(acme, used, march):
    read = {"input": 7, "cached_input": 5, "cache_write": 6, "image_input": 4, "audio_input": 8}
    made = {"output": 3, "reasoning": 2, "audio_output": 9}
    used(times=2, parts=read | made, ttft_ms=40)
    used(parts={"output": 1}, ttft_ms=None, outcome="upstream_failed")

    with scope(acme):
        total = queries.total(march)

    counts = (14, 10, 12, 8, 16, 7, 4, 18)
    assert total == Usage(3, 1, *counts, ttft_ms_sum=80, ttft_count=2)
    assert (total.total_tokens, total.mean_ttft_ms) == (sum(counts), 40)


@pytest.mark.parametrize(
    ("outcome", "failures"),
    [("completed", 0), ("client_gone", 0), ("interrupted", 1), ("upstream_failed", 1)],
)
def test_what_we_broke_off_is_a_failure(acme, used, march, outcome, failures):
    used(outcome=outcome)

    with scope(acme):
        assert queries.total(march).failures == failures


@pytest.mark.parametrize("heading", ["day", "model", "key", "member"])
def test_every_grouping_sums_up_to_the_total(acme, used, march, key, heading):
    used("0.1")
    used("0.02", offer_name="atlas-large", occurred_at=NOON + timedelta(days=1))
    used("0.003", api_key_id=key.pk)

    with scope(acme):
        groups = queries.usage(march, heading)
        worth = billing.spend(march, heading)
        rated = sum(row.amount for row in RatedUsage.objects.all())
        total = queries.total(march)

    assert len(groups) == len(worth) == 2
    assert sum(groups.values(), Usage()) == total
    assert sum(money.amount for money in worth.values()) == rated == Decimal("0.123")


def test_days_are_cut_in_the_time_zone_asked_for(acme, used):
    used(occurred_at=datetime(2026, 3, 14, 18, 59, tzinfo=UTC))
    used(occurred_at=datetime(2026, 3, 14, 19, 0, tzinfo=UTC))

    with scope(acme):
        utc = queries.usage(Cut(acme, *MARCH), "day")
        almaty = queries.usage(Cut(acme, *MARCH, "Asia/Almaty"), "day")

    assert list(utc) == [(date(2026, 3, 14),)]
    assert list(almaty) == [(date(2026, 3, 14),), (date(2026, 3, 15),)]


def test_a_period_is_half_open(acme, used, march):
    used(occurred_at=MARCH[0])
    used(occurred_at=MARCH[1])

    with scope(acme):
        assert queries.total(march).requests == 1
        assert [event.occurred_at for event in queries.requests(march, limit=9)] == [MARCH[0]]


def test_a_cut_by_model_and_key_leaves_the_rest_out(acme, used, key):
    used("0.5", offer_name="atlas-large", api_key_id=key.pk)
    used(offer_name="atlas-large")
    used(api_key_id=key.pk)
    cut = Cut(acme, *MARCH, offer_name="atlas-large", api_key_id=key.pk)

    with scope(acme):
        assert queries.total(cut).requests == 1
        assert len(queries.requests(cut, limit=9)) == 1
        assert [money.amount for money in billing.spend(cut, "day").values()] == [Decimal("0.5")]


def test_a_cut_by_project_or_member_leaves_the_rest_out(acme, alice, used, key):
    with scope(acme):
        other = projects.create(acme, name="Other", by=alice)
    used("0.5", api_key_id=key.pk)
    used("0.2", project_id=other.pk)
    cuts = {
        Decimal("0.5"): Cut(acme, *MARCH, member_id=alice.pk),
        Decimal("0.2"): Cut(acme, *MARCH, project_id=other.pk),
        Decimal(0): Cut(acme, *MARCH, project_id=other.pk, member_id=alice.pk),
    }

    for worth, cut in cuts.items():
        with scope(acme):
            spent = sum(money.amount for money in billing.spend(cut, "model").values())
            counted = queries.total(cut).requests, len(queries.requests(cut, limit=9))
        assert (spent, counted) == (worth, (int(worth > 0),) * 2)


def test_requests_come_newest_first_and_go_on_where_they_stopped(acme, used, march):
    same = [used() for _ in range(3)]
    oldest = used(occurred_at=NOON - timedelta(hours=1))

    with scope(acme):
        first = queries.requests(march, limit=2)
        rest = queries.requests(march, limit=9, before=first[-1])

    assert [it.event_id for it in first + rest] == [*same[::-1], oldest]


def test_two_sources_may_use_the_same_id(acme, used, march):
    used("0.1", event_id="r1")
    used("0.2", event_id="r1", source="envoy")

    with scope(acme):
        events = queries.requests(march, limit=9)
        worth = billing.worth(events)

    assert [(it.source, str(worth[it.pk].amount.normalize())) for it in events] == [
        ("envoy", "0.2"),
        ("gateway", "0.1"),
    ]


@pytest.mark.parametrize("event_id", ["r2", "", "nul\0", "x" * 500])
def test_an_id_that_nobody_used_names_nothing(acme, used, event_id):
    used(event_id="r1")

    with scope(acme):
        assert queries.request_named(acme, event_id) is None


def test_the_newest_is_what_was_learnt_of_last(acme, used):
    with scope(acme):
        assert queries.newest(acme) == ""
    used(event_id="r1")
    used(event_id="late", occurred_at=NOON - timedelta(days=9))

    with scope(acme):
        assert queries.newest(acme) == "late"

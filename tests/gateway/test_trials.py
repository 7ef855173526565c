"""Canaries answer a share first, shadows get copies and harm nobody; seen through a real gateway."""

import time

import pytest
from django.utils import timezone

from common.database import service
from marketplace import queries, trials
from marketplace.models import AIModel, Offer, Route, TrialTally, Upstream
from tests.gateway.conftest import events, hello, recorded, wait_for
from tests.gateway.engine import ScriptedEngine
from tests.support import processes
from tests.support.ways import let_answer


@pytest.fixture
def second_engine():
    """An engine beside the usual one."""
    engine = ScriptedEngine()
    yield engine
    engine.stop()


@pytest.fixture
def tried(model):
    """Let another server be tried out on the offer's requests."""

    def tried(base_url, role, share=100, **facts):
        with service():
            offer = Offer.objects.get(name=model)
            server = Upstream.objects.create(
                name="New", slug=f"{model}-new", base_url=base_url, region=offer.region, **facts
            )
            return let_answer(offer, upstream=server, upstream_model="new", role=role, share=share)

    return tried


def shown(route):
    """Return what the way on trial has shown, and the others."""
    with service():
        (found,) = trials.comparisons([Route.objects.get(pk=route.pk)])
    return found


def ask(client, model, **facts):
    return client.chat.completions.create(model=model, max_tokens=5, **hello(**facts))


def test_a_canary_answers_its_share_first(client, model, engine, second_engine, tried):
    route = tried(second_engine.base_url, "canary")

    answer = ask(client, model)

    assert answer.model == model
    assert (len(second_engine.requests), engine.requests) == (1, [])
    wait_for(lambda: shown(route).new.good == 1)
    assert shown(route).usual.asked == 0
    assert [event.outcome for event in recorded()] == ["completed"]


def test_what_is_not_drawn_is_counted_beside_it(client, model, engine, second_engine, tried):
    route = tried(second_engine.base_url, "canary", share=1)
    for _time in range(4):
        ask(client, model)

    wait_for(lambda: shown(route).usual.good + shown(route).new.good == 4)

    found = shown(route)
    assert (found.usual.good, found.new.good) == (len(engine.requests), len(second_engine.requests))
    assert found.usual.median is not None


@pytest.mark.parametrize("stream", [False, True])
def test_when_a_canary_fails_another_way_answers(
    client, model, engine, second_engine, tried, stream
):
    second_engine.status = 500
    route = tried(second_engine.base_url, "canary")

    answer = ask(client, model, stream=stream)

    assert not stream or len([chunk for chunk in answer if chunk.choices]) == 7
    wait_for(lambda: shown(route).new.failed == 1)
    assert (len(second_engine.requests), len(engine.requests)) == (1, 1)
    assert shown(route).new.errors_percent == 100
    wait_for(lambda: len(events()) == 1)


def test_a_canary_that_cannot_be_reached_costs_no_request(client, model, tried):
    route = tried(f"http://127.0.0.1:{processes.free_port()}/v1", "canary")

    for _time in range(7):
        ask(client, model)

    # From the sixth on its breaker is open: it is not even tried, and failed all the same.
    wait_for(lambda: shown(route).new.failed == 7)
    assert len(recorded(7)) == 7


def test_an_ill_canary_is_not_asked_and_not_blamed(client, model, engine, second_engine, tried):
    facts = {"is_well": False, "checked_at": timezone.now()}
    route = tried(second_engine.base_url, "canary", **facts)
    ask(client, model)
    with service():
        Upstream.objects.filter(pk=route.upstream_id).update(is_well=True)
    wait_for(lambda: ask(client, model) and second_engine.requests)

    # What is counted is written in turn: what was asked before would stand there by now.
    wait_for(lambda: shown(route).new.asked == len(second_engine.requests))
    assert engine.requests
    assert (shown(route).new.failed, shown(route).usual.asked) == (0, 0)


def test_a_canary_that_breaks_off_is_counted(client, model, second_engine, tried):
    second_engine.break_after = 2
    route = tried(second_engine.base_url, "canary")

    with pytest.raises(Exception, match="broke off"):
        list(ask(client, model, stream=True))

    wait_for(lambda: shown(route).new.broke == 1)
    assert shown(route).new.good == 1


def test_a_request_that_is_wrong_is_held_against_no_way(client, model, second_engine, tried):
    second_engine.status = 400
    route = tried(second_engine.base_url, "canary")

    with pytest.raises(Exception, match="engine says no"):
        ask(client, model)
    second_engine.status = 200
    ask(client, model)

    wait_for(lambda: shown(route).new.good == 1)
    assert shown(route).new.failed == 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_shadow_gets_a_whole_copy_and_nobody_pays(
    client, model, engine, second_engine, tried, stream
):
    route = tried(second_engine.base_url, "shadow")

    list(ask(client, model, stream=stream))

    wait_for(lambda: shown(route).new.good == 1)
    (copied,) = second_engine.requests
    assert "stream" not in copied
    assert copied["messages"] == hello()["messages"]
    assert (copied["model"], copied["max_tokens"]) == ("new", 5)
    assert len(engine.requests) == 1
    assert len(recorded()) == 1


def test_a_shadow_that_hangs_delays_nobody_and_is_bounded(client, model, second_engine, tried):
    second_engine.hangs = True
    route = tried(second_engine.base_url, "shadow", first_byte_seconds=3)
    began = time.monotonic()

    for _time in range(7):
        ask(client, model)

    assert time.monotonic() - began < 3
    wait_for(lambda: shown(route).new.dropped == 3)
    assert len(second_engine.requests) == 4
    wait_for(lambda: shown(route).new.failed == 4, seconds=15)
    assert len(recorded(7)) == 7


def test_a_shadow_that_fails_is_counted_and_harms_nobody(client, model, second_engine, tried):
    second_engine.status = 500
    route = tried(second_engine.base_url, "shadow")

    assert ask(client, model).choices[0].message.content == "word " * 5

    wait_for(lambda: shown(route).new.failed == 1)


def test_confidential_data_is_never_copied(client, model, second_engine, tried):
    route = tried(second_engine.base_url, "shadow")
    with service():
        AIModel.objects.filter(slug=model).update(clearance="restricted")

    ask(client, model, extra_headers={"x-tessera-classification": "confidential"})
    ask(client, model)

    wait_for(lambda: shown(route).new.good == 1)
    assert len(second_engine.requests) == 1


def test_a_refused_call_is_not_copied(client, model, engine, second_engine, tried):
    engine.status = 400
    route = tried(second_engine.base_url, "shadow")

    with pytest.raises(Exception, match="engine says no"):
        ask(client, model)
    engine.status = 200
    ask(client, model)

    wait_for(lambda: shown(route).new.good == 1)
    assert len(second_engine.requests) == 1


def test_a_stopped_trial_is_none(model, tried):
    tried("http://127.0.0.1:1/v1", "canary", share=0)

    with service():
        (offer,) = (it for it in queries.snapshot() if it.name == model)

    assert (offer.trial, len(offer.routes)) == (None, 1)


def test_numbers_of_a_way_that_was_removed_go_with_it(client, model, second_engine, tried):
    route = tried(second_engine.base_url, "canary")
    ask(client, model)
    wait_for(lambda: shown(route).new.good == 1)

    with service():
        route.delete()
        assert not TrialTally.objects.exists()


def test_a_server_that_takes_no_stream_options_is_not_sent_any(client, model, second_engine, tried):
    tried(second_engine.base_url, "canary", tells_usage=False)
    second_engine.usage = None
    wanted = {"stream_options": {"include_usage": True}}

    chunks = list(ask(client, model, stream=True, **wanted))

    assert chunks
    assert "stream_options" not in second_engine.requests[0]
    wait_for(lambda: len(recorded()) == 1)
    assert [event.policy["estimated"] for event in recorded()] == [True]

"""Engines that hang, end or are taken away while requests come, seen through a real gateway."""

import time

import openai
import pytest
from django.utils import timezone

from common.database import service
from marketplace.models import Offer, Upstream
from tests.gateway.conftest import events, hello, leased, recorded, remaining, wait_for
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
def beside(db):
    """Let a second server answer for an offer, after the first."""

    def beside(name, base_url, **facts):
        with service():
            offer = Offer.objects.get(name=name)
            server = Upstream.objects.create(
                name=f"{name} 2", slug=f"{name}-2", base_url=base_url, region=offer.region, **facts
            )
            let_answer(offer, upstream=server, upstream_model="m", priority=1)
        return server

    return beside


def set_server(name, **facts):
    """Change the offer's first server as staff does."""
    with service():
        Upstream.objects.filter(slug=name).update(updated_at=timezone.now(), **facts)


@pytest.mark.parametrize("stream", [False, True])
def test_an_engine_that_hangs_is_passed_over_for_another(
    client, model, engine, second_engine, beside, stream
):
    engine.hangs = True
    set_server(model, first_byte_seconds=1)
    beside(model, second_engine.base_url)

    answer = client.chat.completions.create(model=model, max_tokens=5, stream=stream, **hello())

    assert not stream or len([chunk for chunk in answer if chunk.choices]) == 7
    assert len(second_engine.requests) == 1
    (event,) = recorded()
    assert (event.outcome, event.output_tokens) == ("completed", 5)


def test_an_engine_that_falls_silent_in_a_stream_is_billed_for_what_came(client, model, engine):
    engine.words, engine.silent_after = 100, 3
    set_server(model, idle_seconds=1)

    with pytest.raises(openai.APIError, match="broke off; what was delivered is billed"):
        list(client.chat.completions.create(model=model, stream=True, **hello()))

    (event,) = recorded()
    assert (event.outcome, event.output_tokens) == ("upstream_failed", 3)


def test_when_all_engines_are_gone_the_caller_hears_at_once_when_to_come_back(client, make_offer):
    name = make_offer(base_url=f"http://127.0.0.1:{processes.free_port()}/v1").name
    for _time in range(5):
        with pytest.raises(openai.InternalServerError, match="can be reached"):
            client.chat.completions.create(model=name, **hello())

    with pytest.raises(openai.InternalServerError, match="No engine answers") as caught:
        client.chat.completions.create(model=name, **hello())

    assert caught.value.status_code == 503
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 5
    wait_for(lambda: leased() == 0)
    assert (events(), remaining()) == ([], 10)


def test_a_draining_server_gets_nothing_new_and_ends_what_it_began(
    client, model, engine, second_engine, beside
):
    beside(model, second_engine.base_url)
    engine.words, engine.pause = 60, 0.1
    stream = client.chat.completions.create(model=model, stream=True, **hello())
    next(stream)

    set_server(model, is_draining=True)
    time.sleep(5)
    client.chat.completions.create(model=model, **hello())

    assert sum(bool(chunk.choices and chunk.choices[0].delta.content) for chunk in stream) == 60
    assert (len(engine.requests), len(second_engine.requests)) == (1, 1)

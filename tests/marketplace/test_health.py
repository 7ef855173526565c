"""Servers are looked at every half minute: over real HTTP, also where they are hostile."""

import time
from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from common import http
from common.database import service
from marketplace import due, gauges, probe, queries
from marketplace.models import Reachability, ServerCheck, Upstream
from marketplace.services import upstreams
from tests.marketplace.hostile import (
    METRICS,
    HostileServer,
    drip,
    drip_chunk,
    drip_trailers,
    flood,
    hang,
    whole,
)

ELSEWHERE = "Location: http://127.0.0.1:1/\r\n"


@pytest.fixture
def hostile():
    server = HostileServer()
    yield server
    server.stop()


@pytest.fixture
def server(catalogue, hostile):
    """The demo's server, at the address of the hostile one; health and load as vLLM tells them."""
    with service():
        Upstream.objects.update(base_url=hostile.base_url, credential="sk-engine")
        return Upstream.objects.get()


def look(server):
    """Look once as the periodic task does, as if the last turn were long ago."""
    with service():
        Upstream.objects.update(asked_at=None)
    assert due.look_at_servers() == 1
    with service():
        server.refresh_from_db()
        return server.checks.first()


def passed_over():
    with service():
        return {it.is_passed_over for offer in queries.snapshot() for it in offer.routes}


def test_what_a_server_tells_of_itself_is_kept(server, hostile):
    check = look(server)

    assert (check.reachability, check.running, check.waiting) == (Reachability.ANSWERS, 5, 7)
    assert (check.kv_cache, check.gpu, check.latency_ms < 5_000) == (0.5, None, True)
    assert server.served_models == ["atlas-mini"]
    assert hostile.asked == [("/health", True), ("/v1/models", True), ("/metrics", True)]


def test_the_use_of_gpus_is_asked_of_their_exporter_without_the_credential(server, hostile):
    hostile.answers["/gpus"] = whole(b'DCGM_FI_DEV_GPU_UTIL{gpu="0"} 80\nDCGM_FI_DEV_GPU_UTIL 40\n')
    with service():
        Upstream.objects.update(gpu_metrics_url=f"{hostile.origin}/gpus")

    assert look(server).gpu == 0.6
    assert hostile.asked[-1] == ("/gpus", False)


@pytest.mark.parametrize(
    ("path", "answer", "found"),
    [
        ("/health", whole(b"", 503), Reachability.UNREADY),
        ("/health", whole(b"", 401), Reachability.CREDENTIAL),
        ("/health", whole(b"", 302, ELSEWHERE), Reachability.UNREADY),
        ("/health", b"garbage\r\n\r\n", Reachability.BROKEN),
        ("/v1/models", whole(b"", 401), Reachability.CREDENTIAL),
        ("/v1/models", whole(b"<html>"), Reachability.BROKEN),
        ("/v1/models", flood, Reachability.BROKEN),
        ("/v1/models", whole(rb'{"data":[{"id":"a\u0000"}]}'), Reachability.BROKEN),
        ("/v1/models", whole(rb'{"data":[{"id":"\ud800"}]}'), Reachability.BROKEN),
        (
            "/v1/models",
            whole(b'{"data":[%s{"id":"a"}]}' % (b'{"id":"a"},' * 2000)),
            Reachability.BROKEN,
        ),
        ("/v1/models", whole(b"", 302, ELSEWHERE), Reachability.BROKEN),
    ],
)
def test_a_server_in_trouble_is_known_by_its_trouble(server, hostile, path, answer, found):
    hostile.answers[path] = answer

    assert look(server).reachability == found


@pytest.mark.parametrize("badly", [hang, drip, drip_chunk, drip_trailers])
def test_a_server_that_hangs_or_drips_is_left_soon(server, hostile, badly, monkeypatch):
    monkeypatch.setattr(probe, "BOUNDS", http.Bounds(patience=0.5))
    hostile.answers["/health"] = badly
    began = time.monotonic()

    check = look(server)

    assert (check.reachability, check.latency_ms) == (Reachability.SILENT, None)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("badly", [hang, drip, drip_chunk])
def test_who_hangs_up_does_not_wait_for_who_drips(hostile, badly):
    hostile.answers["/v1/chat/completions"] = badly
    address = f"{hostile.base_url}/chat/completions"
    began = time.monotonic()

    with pytest.raises(http.Unreachable, match="silent"):
        http.hang_up_on("POST", address, {}, b"{}", bounds=http.Bounds(patience=0.5))

    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "answer",
    [
        whole(b"", 404),
        whole(b"", 401),
        whole(METRICS, 302, ELSEWHERE),
        whole(b"\xff\xfe\x00 nonsense {{{{ 1\n"),
        whole(b"vllm:num_requests_running NaN\nvllm:kv_cache_usage_perc 7\n"),
        whole(b"vllm:num_requests_running -1\nvllm:num_requests_waiting 1e300\n"),
        whole(b'vllm:num_requests_running{engine="0" 3\nvllm:num_requests_waiting\n'),
        flood,
        b"garbage\r\n\r\n",
    ],
)
def test_metrics_that_make_no_sense_are_not_told_and_hold_nothing_up(server, hostile, answer):
    hostile.answers["/metrics"] = answer

    check = look(server)

    assert (check.reachability, server.is_well) == (Reachability.ANSWERS, True)
    assert (check.running, check.waiting, check.kv_cache, check.gpu) == (None,) * 4


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            b"sglang:num_running_reqs 4\nsglang:num_queue_reqs 1\nsglang:token_usage 0.5",
            (4, 1, 0.5),
        ),
        (b"num_requests_running 4\nnum_requests_waiting 0\ngpu_cache_usage_perc 0.1", (4, 0, 0.1)),
        (b"vllm:num_requests_running 2\nvllm:gpu_cache_usage_perc 0.3", (2, None, 0.3)),
        (b"vllm:num_requests_running_total 9\nmy_num_requests_running 9", (None, None, None)),
    ],
)
def test_each_kind_of_server_is_read_by_its_own_names(text, told):
    load = gauges.read(text)

    assert (load.running, load.waiting, load.kv_cache) == told


def test_two_looks_in_a_row_turn_the_verdict_and_two_turn_it_back(server, hostile):
    hostile.answers["/health"] = whole(b"", 503)

    look(server)
    assert (server.is_well, passed_over()) == (True, {False})
    look(server)
    assert (server.is_well, passed_over()) == (False, {True})
    hostile.answers["/health"] = whole(b"{}")
    look(server)
    assert server.is_well is False
    look(server)

    assert (server.is_well, passed_over()) == (True, {False})


def test_a_server_that_comes_and_goes_is_left_as_it_was(server, hostile):
    verdicts = []

    for status in (503, 200) * 3:
        hostile.answers["/health"] = whole(b"{}", status)
        look(server)
        verdicts.append(server.is_well)

    assert verdicts == [True] * 6


def test_a_list_that_cannot_be_read_keeps_no_request_away(server, hostile):
    hostile.answers["/v1/models"] = whole(b"[]")

    look(server)
    look(server)

    assert (server.reachability, server.is_well) == (Reachability.BROKEN, True)


def test_a_verdict_that_nobody_renews_is_none(server):
    with service():
        old = timezone.now() - timedelta(minutes=6)
        Upstream.objects.update(is_well=False, checked_at=old)

    assert passed_over() == {False}


def test_a_new_way_begins_without_a_verdict(server, hostile):
    with service():
        Upstream.objects.update(is_well=False, checked_at=timezone.now())
        facts = {name: getattr(server, name) for name in upstreams.CHANGEABLE}
        facts |= {"health_path": "/other", "credential": ""}
        upstreams.change(server, facts, by=None)
        server.refresh_from_db()

    assert (server.is_well, server.doubts, server.asked_at) == (True, 0, None)


def test_no_server_is_asked_twice_in_a_turn_nor_when_it_is_off(server, hostile):
    assert (due.look_at_servers(), due.look_at_servers()) == (1, 0)

    with service():
        Upstream.objects.update(asked_at=None, is_enabled=False)
    assert due.look_at_servers() == 0


def test_a_slow_server_holds_nobody_elses_look_up(server, hostile, monkeypatch):
    monkeypatch.setattr(probe, "BOUNDS", http.Bounds(patience=1.0))
    hostile.answers["/slow"] = hang
    facts = {"region": server.region, "base_url": hostile.base_url, "preset": "vllm"}
    with service():
        for number in range(8):
            Upstream.objects.create(
                name=f"s{number}", slug=f"s{number}", health_path="/slow", **facts
            )
    began = time.monotonic()

    assert due.look_at_servers() == 9

    assert time.monotonic() - began < 5
    with service():
        assert ServerCheck.objects.filter(reachability=Reachability.SILENT).count() == 8


def test_a_whole_look_ends_however_slow_its_answers_are(server, hostile, monkeypatch):
    monkeypatch.setattr(probe, "LONGEST", 1.0)
    hostile.answers["/metrics"] = hang
    began = time.monotonic()

    assert look(server).reachability == Reachability.ANSWERS

    assert time.monotonic() - began < 4


def test_who_waits_longest_is_looked_at_first_and_no_more_than_there_is_room_for(server):
    facts = {"region": server.region, "base_url": "http://elsewhere/v1"}
    long_ago = timezone.now() - timedelta(hours=1)
    with service():
        Upstream.objects.create(name="a", slug="a", asked_at=long_ago, **facts)
        Upstream.objects.create(name="b", slug="b", **facts)
        claims = [upstreams.claim_due(2), upstreams.claim_due(2)]

    assert [{it.name for it in claim} for claim in claims] == [{server.name, "b"}, {"a"}]


def test_a_look_that_another_has_overtaken_is_dropped(server, hostile):
    with service():
        (mine,) = upstreams.claim_due(1)
    finding = probe.look(mine)
    with service():
        later = Upstream.objects.get()
        upstreams.begin_looks([later])
        upstreams.note(mine, finding)
        assert server.checks.count() == 0

        upstreams.note(later, finding)
        assert server.checks.count() == 1


def test_looks_are_forgotten_after_a_day(server):
    with service():
        ServerCheck.objects.create(
            upstream=server, reachability="answers", checked_at=timezone.now() - timedelta(hours=25)
        )

    look(server)

    with service():
        assert server.checks.count() == 1


def test_a_share_is_a_share_to_the_database(server):
    with pytest.raises(IntegrityError, match="check_kv_cache"), service():
        ServerCheck.objects.create(upstream=server, reachability="answers", kv_cache=2)


def test_what_is_found_of_an_address_that_was_changed_meanwhile_is_dropped(server, hostile):
    finding = probe.look(server)
    with service():
        Upstream.objects.update(base_url="http://elsewhere/v1")
        upstreams.note(server, finding)

        assert server.checks.count() == 0

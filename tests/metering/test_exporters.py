"""The meters in docs/meters, run as operators run them: over a recorded sample, to a real portal."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from metering.models import UsageEvent
from portal.environment import ROOT
from tenants.scope import scope
from tests.support.meters import catalogue, meter_key
from tests.support.portal_server import portal, shared_portal

__all__ = ["catalogue", "meter_key", "portal", "shared_portal"]
METERS = ROOT / "docs" / "meters"
SAMPLES = METERS / "samples"


@pytest.fixture
def run(portal, meter_key):
    """Run a meter to its end."""

    def run(name, *arguments, **variables):
        variables |= {"TESSERA_URL": portal.url, "TESSERA_KEY": meter_key.text}
        return subprocess.run(
            [sys.executable, METERS / name, *map(str, arguments)],
            env=os.environ | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )

    return run


def tokens(acme):
    """Return what was recorded, in the order it happened."""
    with scope(acme):
        rows = UsageEvent.objects.order_by("occurred_at", "event_id")
        return list(
            rows.values_list(
                "offer_name", "input_tokens", "cached_input_tokens", "output_tokens",
                "reasoning_tokens",
            )
        )  # fmt: skip


@pytest.fixture
def spool(tmp_path):
    """What LiteLLM's callback has noted, as if it were a minute ago."""
    path = tmp_path / "spool.jsonl"
    shift = str(int(time.time()) - 60)[:-1]
    path.write_text((SAMPLES / "litellm.jsonl").read_text().replace("176364000", shift))
    return path


def test_litellm_is_reported_with_disjoint_parts(acme, run, spool):
    sent = spool.read_text()
    run("litellm_callback.py", spool)
    assert not spool.exists()
    spool.write_text(sent)

    again = run("litellm_callback.py", spool)

    assert tokens(acme) == [
        ("atlas-mini", 176, 1024, 90, 0),
        ("atlas-reason", 300, 0, 50, 350),
    ]
    assert "skipped" in again.stderr
    with scope(acme):
        first = UsageEvent.objects.get(offer_name="atlas-mini")
    assert (first.streamed, first.ttft_ms, first.latency_ms) == (True, 180, 1500)


def test_what_could_not_be_sent_is_sent_before_anything_else(acme, run, spool):
    spool.rename(spool.with_suffix(".sending"))
    spool.write_text("")

    run("litellm_callback.py", spool)

    assert len(tokens(acme)) == 2


def test_the_callback_notes_a_line_for_each_request(monkeypatch, tmp_path):
    code = (
        "import asyncio, litellm_callback as it\n"
        "for name in 'ab':\n"
        "    asyncio.run(it.proxy.async_log_success_event("
        "{'standard_logging_object': {'id': name}}, None, None, None))\n"
    )
    spool = tmp_path / "spool"
    variables = {"TESSERA_SPOOL": str(spool), "PYTHONPATH": str(METERS)}

    subprocess.run([sys.executable, "-c", code], env=os.environ | variables, check=True)

    assert [json.loads(line)["id"] for line in spool.read_text().splitlines()] == ["a", "b"]


def test_envoys_log_is_reported_once_however_often_it_is_read(acme, run, tmp_path):
    log = tmp_path / "access.log"
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M")
    log.write_text((SAMPLES / "envoy.jsonl").read_text().replace("2026-11-20T12:00", now))

    run("envoy_access_log.py", log)
    run("envoy_access_log.py", log)

    assert tokens(acme) == [("atlas-mini", 850, 0, 64, 0), ("atlas-embed", 96, 0, 0, 0)]


@pytest.fixture
def engine():
    """A vLLM server that tells its counters; ``more`` adds to them."""

    class Metrics(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.server.text.encode())

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Metrics)
    server.text = (SAMPLES / "vllm.txt").read_text()
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_vllm_reports_what_was_added_since_the_last_look(acme, run, engine, tmp_path):
    address = f"http://127.0.0.1:{engine.server_port}/metrics"
    state = tmp_path / "state.json"

    def look():
        run("vllm_metrics.py", address, state)

    look()
    assert tokens(acme) == []
    engine.text = engine.text.replace("4096.0", "5096.0").replace("700.0", "800.0")
    look()
    look()
    assert tokens(acme) == [("atlas-mini", 1000, 0, 100, 0)]
    # The server began anew: it counts from zero.
    engine.text = engine.text.replace("1.76363e+09", "1.76364e+09").replace(" 512.0", " 12.0")
    look()

    assert tokens(acme)[1:] == [("atlas-mini", 6084, 12, 850, 0)]


def test_vllm_sends_what_a_crash_left_behind_once(acme, run, engine, tmp_path):
    address = f"http://127.0.0.1:{engine.server_port}/metrics"
    state = tmp_path / "state.json"
    run("vllm_metrics.py", address, state)
    engine.text = engine.text.replace("4096.0", "4100.0")
    run("vllm_metrics.py", address, state)
    with scope(acme):
        known = UsageEvent.objects.get()
    left = json.loads(state.read_text())
    body = {"model": "atlas-mini", "tokens": {"input": 4, "cached_input": 0, "output": 0}}
    pending = {
        "specversion": "1.0",
        "type": "tessera.usage.v1",
        "source": known.source.removeprefix("own:"),
        "id": known.event_id,
        "time": known.occurred_at.isoformat(),
        "data": body,
    }
    state.write_text(json.dumps(left | {"pending": [pending]}))

    again = run("vllm_metrics.py", address, state)

    assert again.stderr == ""
    assert tokens(acme) == [("atlas-mini", 4, 0, 0, 0)]
    assert json.loads(state.read_text())["pending"] == []

"""The meters in docs/meters, run as operators run them: over a recorded sample, to a real portal."""

import json
import os
import subprocess
import sys
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

    def run(name, *arguments, check=True, **variables):
        variables = {"TESSERA_URL": portal.url, "TESSERA_KEY": meter_key.text} | variables
        return subprocess.run(
            [sys.executable, METERS / name, *map(str, arguments)],
            env=os.environ | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=check,
        )

    return run


def sample(name):
    """Return a sample as if it had just happened."""
    command = [sys.executable, SAMPLES / "now.py", name]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


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
    path.write_text(sample("litellm.jsonl"))
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


def test_what_is_refused_is_kept_with_its_reasons_until_it_is_taken(acme, run, spool):
    right = spool.read_text()
    spool.write_text(right.replace("atlas-mini", "atlas-unknown"))
    kept = spool.with_suffix(".refused")

    refused = run("litellm_callback.py", spool, check=False)
    again = run("tessera_usage.py", kept, check=False)
    lines = [json.loads(line) for line in kept.read_text().splitlines()]
    kept.write_text(kept.read_text().replace("atlas-unknown", "atlas-mini"))
    run("tessera_usage.py", kept)

    assert (refused.returncode, again.returncode) == (1, 1)
    assert f"1 events were refused; they and the reasons stand in {kept}" in refused.stderr
    assert [line["outcome"]["status"] for line in lines] == ["invalid"]
    assert "atlas-unknown" in str(lines[0]["outcome"]["errors"])
    assert not kept.exists()
    assert [row[0] for row in tokens(acme)] == ["atlas-mini", "atlas-reason"]


def test_envoys_refused_lines_are_kept_beside_its_log(run, tmp_path):
    log = tmp_path / "access.log"
    log.write_text(sample("envoy.jsonl").replace("atlas-mini", "atlas-unknown"))

    done = run("envoy_access_log.py", log, check=False)

    assert done.returncode == 1
    assert "atlas-unknown" in log.with_suffix(".refused").read_text()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("litellm_callback.py", []), ("vllm_metrics.py", ["http://x"]), ("tessera_usage.py", [])],
)
def test_a_meter_called_without_its_arguments_says_how_it_is_run(run, name, arguments):
    done = run(name, *arguments, check=False)

    assert done.returncode == 1
    assert f"python {name}" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_without_its_scheme_is_refused_in_one_sentence(run, spool):
    done = run("litellm_callback.py", spool, check=False, TESSERA_URL="localhost:9100")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "TESSERA_URL is 'localhost:9100'; it must be the portal's address with http:// or https://"
    )
    assert spool.with_suffix(".sending").exists()


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
    log.write_text(sample("envoy.jsonl"))

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

"""The benchmarks run; how fast is not for a test to say."""

import json
import subprocess
import sys

import pytest

from portal.environment import ROOT
from tests.support import servers

COMPARISONS = (
    "moderate", "moderate_streamed", "full", "full_streamed", "long", "short", "chunks", "committed",
)  # fmt: skip


@pytest.fixture
def measured(tmp_path):
    """Return the JSON that a benchmark prints; it begins with the migrated database that is kept."""
    state = tmp_path / "state"
    servers.lend(state)

    def run(module, *arguments):
        command = [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            module,
            "--json",
            "-",
            "--state",
            str(state),
        ]
        ran = subprocess.run(
            [*command, *arguments], cwd=ROOT, capture_output=True, timeout=280, check=False
        )
        assert ran.returncode == 0, ran.stderr.decode()
        return json.loads(ran.stdout)

    return run


@pytest.mark.timeout(300)
def test_the_gateway_is_measured_and_its_books_agree(measured):
    small = ("--seconds", "0.3", "--rounds", "1", "--rate", "20", "--callers", "2")
    few = ("--customers", "2", "--streams", "3", "--endurance", "20")
    report = measured("benchmarks.gateway", *small, *few)

    assert report["books"]["problems"] == []
    assert report["books"]["good_calls"] == report["books"]["facts"]["events"] > 0
    for name in COMPARISONS:
        (direct,), (through,) = report[name]["direct"], report[name]["through"]
        assert direct["good"] == direct["calls"] > 0
        assert through["good"] == through["calls"] > 0
        assert 0 < through["first_ms"]["p50"] <= through["latency_ms"]["p50"]
    assert report["memory"]["idle_mib"] > 0


@pytest.mark.timeout(300)
def test_usage_is_written_in_every_way_and_each_event_once(measured):
    small = ("--organizations", "2", "--events", "200", "--batches", "100", "--rounds", "1")
    report = measured("benchmarks.ingest", *small)

    assert report["problems"] == []
    (round_,) = report["runs"][0]["rounds"]
    assert list(round_) == ["bare", "deduplicated", "summed", "booked", "repeated"]
    assert all(way["seconds"] > 0 for way in round_.values())


@pytest.mark.timeout(300)
def test_the_pages_are_walked_through_a_history(measured):
    small = ("--organizations", "3", "--events", "1000", "--sums", "9000", "--visits", "2")
    walked = measured("benchmarks.pages", *small, "--models", "20")["walked"]

    assert walked["rows"]["events"] == 1000
    assert walked["rows"]["models"] == 20
    assert walked["rows"]["requests"] >= 10_000
    assert walked["rows"]["organizations"] == 3
    for page in walked["pages"].values():
        assert page["status"] == 200
        assert page["queries"] > 0
        assert page["milliseconds"]["p50"] > 0


@pytest.mark.timeout(300)
def test_billing_is_measured_from_the_same_requests(measured):
    small = ("--organizations", "8", "--events", "600", "--few", "300", "--more-events", "600")
    each = ("--alone", "2", "--queued", "2", "--documents", "1", "--visits", "1")
    report = measured("benchmarks.billing", *small, *each, "--settled", "250")

    charged = report["charged"]
    assert (charged["counts"], report["queued"]["invoices"]) == ([2, 2, 2], 2)
    assert charged["sizes"]["metering_usageevent"][0] == 600
    timings = [it for turn in charged["rating"]["rounds"] for it in turn.values()]
    timings += [charged[name] for name in ("alone", "finalized", "beside", "drawn")]
    timings += [read["timed"] for name in ("few", "many") for read in charged[name].values()]
    timings += [report["queued"], report["settlement"]]
    assert all(it["seconds"] > 0 for it in timings)

"""A server is asked as customers ask, over real HTTP."""

import subprocess
import sys

import pytest

from common import http
from common.database import service
from marketplace import conformance, readiness
from marketplace.conformance import Way
from marketplace.models import Route, Upstream
from portal.embedded import launch
from portal.environment import ROOT
from tests.support import processes


@pytest.fixture(scope="session")
def demo_engine():
    """The address of a demo engine in a process of its own."""
    port = processes.free_port()
    command = [sys.executable, "-m", "gateway.upstreams.demo", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT)
    address = f"http://127.0.0.1:{port}/v1"
    assert launch.wait_until(lambda: _answers(address), seconds=60)
    yield address
    process.terminate()
    process.wait(10)


def _answers(address):
    try:
        return http.get(f"{address}/models").status == 200
    except http.Unreachable:
        return False


@pytest.mark.parametrize("model", ["atlas-mini", "atlas-reason"])
def test_an_engine_that_speaks_properly_passes(demo_engine, model):
    found = conformance.probe(Way(demo_engine, "", model))

    assert found == dict.fromkeys(("models", "plain", "stream", "usage", "cancel"), "passed")


def test_a_server_that_does_not_tell_usage_in_streams_is_believed_without(demo_engine):
    way = Way(demo_engine, "", "atlas-mini", tells_usage=False, stops_on_hang_up=False)

    found = conformance.probe(way)

    assert found["usage"] == found["stream"] == "passed"
    assert found["cancel"] == "unknown"


def test_embeddings_are_probed_as_embeddings(demo_engine):
    found = conformance.probe(Way(demo_engine, "", "atlas-embed", "embedding"))

    assert found == {"models": "passed", "embedding": "passed"}


def test_a_server_that_only_lists_models_fails_in_the_rest(engine):
    found = conformance.probe(Way(engine.base_url, "", "nova-instruct"))

    assert found["models"] == "passed"
    assert {found[it] for it in ("plain", "stream", "usage")} == {"failed"}


def test_what_was_found_stands_on_the_server_and_the_checklist(
    staff_client, catalogue, mini, demo_engine, settings
):
    settings.CONFORMANCE_NEEDED = True
    with service():
        Upstream.objects.update(base_url=demo_engine)
        missing = readiness.missing_for(mini.model_version.model)
        server = Upstream.objects.get()

    staff_client.post(f"/staff/servers/{server.pk}/check/")

    page = staff_client.get(f"/staff/servers/{server.pk}/").content.decode()
    assert "has not passed the probe" in " ".join(missing)
    assert "Counts tokens honestly" in page
    with service():
        assert Route.objects.get(offer=mini).conforms
        assert readiness.missing_for(mini.model_version.model) == []

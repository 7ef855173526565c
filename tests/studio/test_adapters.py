"""Adapters in a server of their base: loaded, loaded again, forgotten; the server stays."""

import pytest
from django.core.management import CommandError, call_command

from common.database import service
from compute.models import Service
from marketplace.models import Route, Upstream
from studio import engines
from studio.engines import Vllm
from studio.services import serving
from tests.studio.test_publication import done, paper, sold, tuned  # noqa: F401 - fixtures
from tests.support.vllm import FakeVllm


@pytest.fixture
def vllm():
    """A vLLM that is allowed to change its adapters."""
    server = FakeVllm()
    yield server
    server.stop()


@pytest.fixture
def server(vllm, offer, paris, person):
    """The same as staff has added it for the base model, and said what it can."""
    person("sam@operator.example", is_staff=True)
    with service():
        upstream = Upstream.objects.create(
            name="GPU", slug="gpu", base_url=vllm.base_url, region=paris
        )
        Route.objects.create(offer=offer, upstream=upstream, upstream_model="base")
    call_command("adapters", "gpu", "--by", "sam@operator.example")
    return upstream


@pytest.fixture
def taught(server, sold, done):  # noqa: F811
    """A model that was taught, and its name."""
    return done().fine_tuned_model


def route():
    """Return where calls of the private model go."""
    with service():
        return list(
            Route.objects.filter(offer=tuned().offer).values_list(
                "upstream__slug", "upstream_model"
            )
        )


def test_an_adapter_is_loaded_where_its_base_runs(taught, vllm):
    assert list(vllm.adapters) == [taught]
    assert vllm.adapters[taught].endswith("-a1/adapter")
    assert (tuned().standing, route()) == ("ready", [("gpu", taught)])
    with service():
        assert not Service.objects.exists()


def test_what_a_restart_has_forgotten_is_loaded_again_and_nothing_twice(taught, vllm):
    serving.follow_all()
    vllm.restart()

    serving.follow_all()

    assert list(vllm.adapters) == [taught]
    assert vllm.asked == [("/v1/load_lora_adapter", taught)] * 2


def test_a_stopped_one_is_forgotten_and_the_server_stays(taught, vllm, alice):
    serving.undeploy(tuned(), by=alice)

    assert (vllm.adapters, route(), tuned().standing) == ({}, [], "stopped")
    with service():
        assert Upstream.objects.get().is_enabled
    serving.deploy(tuned(), by=alice)
    assert (list(vllm.adapters), tuned().standing) == ([taught], "ready")


def test_one_that_was_retired_while_the_server_was_away_is_forgotten_later(
    taught, vllm, alice, monkeypatch
):
    def away(engine):
        raise engines.EngineRefused("away")

    with monkeypatch.context() as patch:
        patch.setattr(Vllm, "names", away)
        serving.retire(tuned(), by=alice)
    assert list(vllm.adapters) == [taught]

    serving.follow_all()

    assert vllm.adapters == {}
    assert serving.follow_all() == 0


def test_one_that_the_server_refuses_is_not_called_and_says_so(vllm, server, sold, done, client):  # noqa: F811
    vllm.is_full = True

    job = done()

    assert (tuned().standing, route()) == ("starting", [])
    told = client.fine_tuning.jobs.retrieve(job.id).tessera["deployment"]
    assert told == {"state": "starting", "trouble": "The server refuses the adapter (404)."}


def test_what_vllm_has_already_done_is_done(vllm, tmp_path):
    (tmp_path / "adapter_model.safetensors").touch()
    engine = Vllm(vllm.base_url, "")

    for _ in range(2):
        engine.load("ft:one", str(tmp_path))
    assert engine.names() == {"base", "ft:one"}
    for _ in range(2):
        engine.unload("ft:one")
    assert engine.names() == {"base"}
    with pytest.raises(engines.EngineRefused):
        engine.load("ft:one", str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    "arguments", [("none", "sam@operator.example"), ("gpu", "bob@acme.example")]
)
def test_only_staff_says_what_a_server_can(server, arguments):
    name, by = arguments
    with pytest.raises(CommandError):
        call_command("adapters", name, "--off", "--by", by)

    call_command("adapters", "gpu", "--off", "--by", "sam@operator.example")
    with service():
        assert not Upstream.objects.get().loads_adapters

"""A real engine, built and started once per run, behind the gateway of tests.gateway."""

import pytest

from marketplace.models import AIModel
from tests.gateway.conftest import (  # noqa: F401 - fixtures
    gateway,
    gateway_process,
    key,
    make_key,
    make_offer,
    pay,
)
from tests.support import engine_server
from tests.support.engine_server import MODEL, Counter, EngineServer


@pytest.fixture(scope="session")
def engine_home(tmp_path_factory):
    """The folder with the model."""
    home = tmp_path_factory.mktemp("engine")
    engine_server.build(home)
    return home


@pytest.fixture(scope="session")
def engine(engine_home):
    """The engine that all tests leave alive."""
    server = EngineServer(engine_home)
    server.wait_until_ready()
    yield server
    server.kill()


@pytest.fixture
def second_engine(engine_home):
    """An engine that the test may kill."""
    server = EngineServer(engine_home)
    server.wait_until_ready()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def count(engine_home):
    """The engine's own tokenizer."""
    counter = Counter(engine_home)
    yield counter
    counter.stop()


@pytest.fixture
def offered(make_offer):  # noqa: F811
    """Publish the engine's model."""

    def offered(**facts):
        facts = {"context_window": 16_384, "max_output": 4_000, **facts}
        # As an operator's model has it, who has set nothing.
        base = AIModel._meta.get_field("template_tokens_base").default
        return make_offer(upstream_model=MODEL, template_tokens_base=base, **facts).name

    return offered


@pytest.fixture
def model(offered):
    """The name under which the engine's model is sold."""
    return offered()


@pytest.fixture
def client(gateway, key, pay):  # noqa: F811
    """OpenAI's own client with a key of Acme, which has 10 €."""
    pay("10")
    return gateway.client(key)

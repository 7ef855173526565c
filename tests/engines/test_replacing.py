"""`make run` with ENGINE_URL: the demo sells what a real engine serves."""

import pytest

from tests.support import servers
from tests.support.engine_server import MODEL
from tests.support.instance import Instance


@pytest.mark.timeout(240)
def test_the_demo_sells_what_the_engine_serves(engine, tmp_path):
    servers.lend(tmp_path / "state")
    instance = Instance(tmp_path / "state", ENGINE_URL=engine.base_url)
    try:
        instance.wait_until_ready()

        assert instance.child("gateway.upstreams.demo") is None
        assert instance.call(MODEL) == 20
        assert instance.get("/models/tessera-tiny/") == 200
        assert instance.get("/models/atlas-mini/") == 404
    finally:
        instance.end()

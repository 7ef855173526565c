"""What `PORT` serves, in a thread of the test's own process: same settings, same database."""

import threading
import time

import httpx2 as httpx
import openai
import pytest
import uvicorn

from common.database import service
from portal.asgi import application
from tenants.services import api_keys
from tests.support import processes


class PortalServer:
    """Pages and `/v1` on a port."""

    def __init__(self):
        self.port = processes.free_port()
        config = uvicorn.Config(application, port=self.port, log_level="error", lifespan="off")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)

    @property
    def url(self):
        """Return where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, key):
        """Return OpenAI's own client for it."""
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0)

    def request(self, method, path, key="", headers=(), **facts):
        """Send a request as it is."""
        headers = {**dict(headers), **({"authorization": f"Bearer {key}"} if key else {})}
        return httpx.request(method, self.url + path, headers=headers, timeout=20, **facts)

    def stop(self):
        """End the thread."""
        self.server.should_exit = True
        self.thread.join(timeout=5)


@pytest.fixture(scope="session")
def shared_portal():
    """One server for all tests of the process."""
    server = PortalServer()
    yield server
    server.stop()


@pytest.fixture
def portal(shared_portal, db):
    """The portal over HTTP."""
    return shared_portal


@pytest.fixture
def key_of():
    """Make a key of the organization for this person."""

    def make(organization, person, **facts):
        with service():
            minted = api_keys.create(organization, name="test", by=person)
            for name, value in facts.items():
                setattr(minted.api_key, name, value)
            minted.api_key.save()
        return minted.text

    return make

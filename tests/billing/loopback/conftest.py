"""One server per run, emptied before each test, and a shop that listens to it."""

import pytest

from tests.billing.loopback.driver import Loopback, Shop, wait_until


@pytest.fixture(scope="session")
def shop_server():
    shop = Shop()
    yield shop
    shop.close()


@pytest.fixture(scope="session")
def loopback_server(tmp_path_factory, shop_server):
    server = Loopback(tmp_path_factory.mktemp("stripe"), shop_server.url).start()
    yield server
    server.stop()


@pytest.fixture
def loopback(loopback_server, shop_server):
    """The loopback Stripe, empty, with nothing of the test before on its way to the shop."""
    empty(loopback_server, shop_server)
    # Events are sent one after the other: what was under way has arrived once this one has.
    last = loopback_server.client.v1.customers.create({})
    wait_until(lambda: last.id in shop_server.subjects())
    empty(loopback_server, shop_server)
    return loopback_server


def empty(server, shop):
    """Forget everything on both sides."""
    server.control("reset")
    shop.forget()


@pytest.fixture
def shop(loopback, shop_server):
    """The merchant's webhook address."""
    return shop_server


@pytest.fixture
def stripe(loopback):
    """The official client's ``v1``."""
    return loopback.client.v1

"""One server per run, emptied before each test, and a shop that listens to it."""

import pytest

from tests.billing.loopback.driver import Loopback, Shop


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
    """The loopback Stripe, empty."""
    loopback_server.control("reset")
    shop_server.forget()
    return loopback_server


@pytest.fixture
def shop(loopback, shop_server):
    """The merchant's webhook address."""
    return shop_server


@pytest.fixture
def stripe(loopback):
    """The official client's ``v1``."""
    return loopback.client.v1

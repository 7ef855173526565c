"""A gateway in a process of its own, an engine that answers as scripted, an offer, a key, money."""

import os
import signal
import subprocess
import sys
import time
from decimal import Decimal

import httpx2 as httpx
import openai
import pytest
from django.conf import settings
from psycopg_pool import AsyncConnectionPool

from billing.models import CreditGrant, Lease
from billing.services import credits
from common.database import service
from common.ids import uuid7
from marketplace.models import (
    AIModel,
    Kind,
    ModelVersion,
    Offer,
    Price,
    PriceBook,
    Publisher,
    Route,
    Status,
    Upstream,
)
from metering.models import UsageEvent
from portal.environment import ROOT
from tenants.models import Region
from tenants.services import api_keys
from tests.gateway.door import Door
from tests.gateway.engine import ScriptedEngine
from tests.support import processes, servers

PRICES = {"input": "0.000001", "cached_input": "0.0000005", "output": "0.00001"}


class GatewayProcess:
    """One `manage.py gateway`."""

    def __init__(self, port=None, *, path="/readyz", grace=5, notice=0, **variables):
        self.port = port or processes.free_port()
        options = ["--port", str(self.port), "--grace", str(grace), "--notice", str(notice)]
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "gateway", *options],
            cwd=ROOT,
            env=os.environ | variables,
        )
        wait_for(lambda: self.status(path) == 200, seconds=30)

    @property
    def url(self):
        """Return where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def status(self, path):
        """Return the status of a GET, 0 while nobody answers."""
        try:
            return httpx.get(self.url + path, timeout=5).status_code
        except httpx.TransportError:
            return 0

    def end(self, number=signal.SIGTERM):
        """Send the signal and wait."""
        self.process.send_signal(number)
        return self.process.wait(timeout=20)

    def client(self, key, **facts):
        """Return OpenAI's own client for it."""
        return openai.OpenAI(
            base_url=self.url + "/v1", api_key=key, max_retries=facts.pop("max_retries", 0), **facts
        )


def wait_for(condition, seconds=5.0):
    """Wait until the condition holds and return its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return value


@pytest.fixture(scope="session")
def shared_engine():
    """One scripted engine for all tests."""
    engine = ScriptedEngine()
    yield engine
    engine.stop()


@pytest.fixture
def engine(shared_engine):
    """The scripted engine, as it is before any script."""
    shared_engine.reset()
    return shared_engine


@pytest.fixture(scope="session")
def gateway_process():
    """One gateway for all tests that leave it alive."""
    process = GatewayProcess()
    yield process
    process.end()


@pytest.fixture
def gateway(gateway_process, db):
    """The shared gateway."""
    return gateway_process


@pytest.fixture
def start_gateway(db):
    """Start further gateways that end with the test."""
    started = []

    def start(port=None, **variables):
        started.append(GatewayProcess(port, **variables))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.end(signal.SIGKILL)


@pytest.fixture
def door(db):
    """A door before PostgreSQL that can be shut."""
    door = Door()
    yield door
    door.shut()
    door.folder.rmdir()


@pytest.fixture
def make_offer(db, engine):
    """Publish an offer that the scripted engine answers."""

    def make(name="", kind=Kind.CHAT, base_url="", jurisdiction="EU", prices=PRICES, **facts):
        name = name or f"model-{uuid7().hex[-12:]}"
        limits = {key: facts.pop(key) for key in list(facts) if key.startswith("default_")}
        token_class = facts.pop("token_class", None)
        upstream_model = facts.pop("upstream_model", "engine-model")
        model_facts = {"context_window": 8192, "max_output": 1000, "licence": "MIT", **facts}
        # The scripted engine has no template, and the tests count on small sums.
        model_facts.setdefault("template_tokens_base", 16)
        with service():
            region, _ = Region.objects.get_or_create(
                code=f"region-{jurisdiction.lower()}",
                defaults={"name": jurisdiction, "jurisdiction": jurisdiction, "country": "FR"},
            )
            publisher, _ = Publisher.objects.get_or_create(slug="lab", defaults={"name": "Lab"})
            model = AIModel.objects.create(
                slug=name,
                name=name,
                publisher=publisher,
                kind=kind,
                status=Status.PUBLISHED,
                **model_facts,
            )
            version = ModelVersion.objects.create(model=model, label="1")
            offer = Offer.objects.create(
                model_version=version,
                region=region,
                name=name,
                status=Status.PUBLISHED,
                token_class=token_class,
                **limits,
            )
            upstream = Upstream.objects.create(
                name=name,
                slug=name,
                base_url=base_url or engine.base_url,
                credential="engine-secret",
                region=region,
            )
            Route.objects.create(offer=offer, upstream=upstream, upstream_model=upstream_model)
            book, _ = PriceBook.objects.get_or_create(
                currency="EUR", is_default=True, defaults={"code": "eur", "name": "EUR"}
            )
            for part, amount in prices.items():
                Price.objects.create(
                    book=book,
                    offer=offer,
                    token_part=part,
                    definition={"model": "per_unit", "unit_amount": amount},
                    effective_from="2026-01-01T00:00:00Z",
                )
        return offer

    return make


@pytest.fixture
def model(make_offer):
    """The name of an offer."""
    return make_offer().name


@pytest.fixture
def make_key(acme, alice):
    """Make a key of Acme."""

    def make(**facts):
        with service():
            return api_keys.create(acme, name="test", by=alice, **facts).text

    return make


@pytest.fixture
async def pool(db):
    """A gateway's connections."""
    keywords = {**servers.database(servers.SERVICE_ROLE).keywords(), "autocommit": True}
    pool = AsyncConnectionPool(kwargs=keywords, min_size=1, max_size=4, open=False, timeout=2)
    await pool.open()
    yield pool
    await pool.close()


@pytest.fixture
def key(make_key):
    """A key of Acme."""
    return make_key()


@pytest.fixture
def pay(acme):
    """Give Acme money."""

    def pay(amount, organization=acme, **facts):
        facts = {"unit": "money", "cost_basis": Decimal(amount), **facts}
        with service():
            return credits.grant(
                organization, quantity=Decimal(amount), source_key=uuid7().hex, **facts
            )

    return pay


@pytest.fixture
def client(gateway, key, pay, model):
    """OpenAI's own client with a key of Acme, which has 10 €."""
    pay("10")
    return gateway.client(key)


def hello(**facts):
    """Return the arguments of a small chat call."""
    return {"messages": [{"role": "user", "content": "Say five words."}], **facts}


def events():
    """Return what metering knows."""
    with service():
        return list(UsageEvent.objects.order_by("id"))


def recorded(count=1):
    """Return the events once there are so many; a dead process's are looked for every 5 s."""
    return wait_for(lambda: found if len(found := events()) >= count else None, seconds=15)


def remaining():
    """Return what is left of all grants."""
    with service():
        return sum(grant.remaining for grant in CreditGrant.objects.all())


def leased():
    """Return what processes hold."""
    with service():
        return sum(lease.quantity for lease in Lease.objects.all())


assert settings.configured

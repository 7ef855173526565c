"""The demo catalogue, an engine that lists models, and the form that adds one."""

import pytest

from common.database import service
from marketplace import demo
from marketplace.models import Offer, Upstream
from tenants.models import User
from tests.marketplace.engine import ListingEngine

NEW_MODEL = {
    "name": "Nova",
    "offer_name": "nova-1.5",
    "slug": "",
    "publisher_name": "Nova Labs",
    "kind": "chat",
    "summary": "A new model.",
    "context_window": "8192",
    "max_output": "1024",
    "features": ["tools"],
    "modalities": ["text"],
    "languages": ["en"],
    "licence": "MIT",
    "version": "1.0",
    "upstream_model": "nova-instruct",
    "default_rpm": "60",
    "default_tpm": "100000",
    "default_concurrency": "8",
    "price_input": "0.10",
    "price_output": "0.40",
}


@pytest.fixture
def catalogue(db):
    """The demo's models, servers, prices and bundles."""
    demo.seed()


@pytest.fixture
def engine(catalogue):
    """The server that the demo's models are routed to."""
    engine = ListingEngine()
    with service():
        # It tells neither its health nor its load.
        plain = {"preset": "generic", "health_path": "", "metrics_path": ""}
        Upstream.objects.update(base_url=engine.base_url, **plain)
    yield engine
    engine.stop()


@pytest.fixture
def sam(staff_client):
    """The member of staff behind ``staff_client``."""
    return User.objects.get(email="sam@operator.example")


@pytest.fixture
def kim(colleague_client):
    """Who approves what Sam proposes."""
    return User.objects.get(email="kim@operator.example")


@pytest.fixture
def form(engine):
    """What staff fills in to add a model."""
    return {**NEW_MODEL, "upstream": str(Upstream.objects.get().pk)}


@pytest.fixture
def mini(catalogue):
    """An offer on sale."""
    return Offer.objects.get(name="atlas-mini")

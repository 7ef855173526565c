"""The portal and its files, the gateway's scripted engine, offers with prices for batches."""

import io
import json

import pytest

from billing.models import CreditGrant
from common.database import service
from gateway.models import Batch, BatchLine
from marketplace.models import Price, ServiceTier
from marketplace.models.prices import halved
from tests.files.conftest import disk
from tests.gateway.conftest import engine, events, leased, make_offer, pay, shared_engine
from tests.support.clusters import paris
from tests.support.portal_server import key_of, portal, shared_portal

__all__ = [
    "disk",
    "engine",
    "events",
    "key_of",
    "leased",
    "make_offer",
    "paris",
    "pay",
    "portal",
    "shared_engine",
    "shared_portal",
]

CHAT = "/v1/chat/completions"


@pytest.fixture
def priced(make_offer):
    """Publish an offer whose batches cost half."""

    def make(**facts):
        offer = make_offer(**facts)
        with service():
            for price in list(Price.objects.filter(offer=offer)):
                Price.objects.create(
                    book=price.book,
                    offer=offer,
                    token_part=price.token_part,
                    service_tier=ServiceTier.BATCH,
                    definition=halved(price.definition),
                    effective_from=price.effective_from,
                )
        return offer

    return make


@pytest.fixture
def model(priced):
    """The name of an offer."""
    return priced().name


@pytest.fixture
def key(key_of, acme, alice):
    """A key of Acme."""
    return key_of(acme, alice)


@pytest.fixture
def client(portal, disk, key, pay):
    """OpenAI's own client with a key of Acme, which has 10 €."""
    pay("10")
    return portal.client(key)


def line(name, model, url=CHAT, **body):
    """Return one line of an input file."""
    if url == CHAT:
        body = {"messages": [{"role": "user", "content": "Say five words."}], **body}
    body = {"model": model, **body}
    return {"custom_id": name, "method": "POST", "url": url, "body": body}


def jsonl(*lines):
    """Return lines as the client sends them."""
    written = (each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines)
    return "lines.jsonl", io.BytesIO(b"".join(each + b"\n" for each in written))


def start(client, *lines, endpoint=CHAT, **facts):
    """Upload the lines and ask for their batch; returns it as it stands now."""
    file = client.files.create(file=jsonl(*lines), purpose="batch")
    made = client.batches.create(
        input_file_id=file.id, endpoint=endpoint, completion_window="24h", **facts
    )
    return client.batches.retrieve(made.id)


def results(client, file_id):
    """Return the lines of a file of results by their names."""
    found = [json.loads(each) for each in client.files.content(file_id).text.splitlines()]
    return {each["custom_id"]: each for each in found}


def stored():
    """Return the one batch there is."""
    with service():
        return Batch.objects.select_related("organization", "api_key").get()


def waiting():
    """Return how many lines have no answer."""
    with service():
        return BatchLine.objects.filter(state=BatchLine.State.WAITING).count()


def remaining():
    """Return what is left of all grants."""
    with service():
        return sum(grant.remaining for grant in CreditGrant.objects.all())

"""Events as other meters report them, and keys to report them with."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from common.database import service
from common.ids import uuid7
from marketplace import demo
from tenants.scope import scope
from tenants.services import api_keys

EVENTS = "/api/v1/usage/events"
BATCH = "application/cloudevents-batch+json"
STRUCTURED = "application/cloudevents+json"


def moment(**ago):
    """Return how a meter writes the moment so long ago."""
    return (datetime.now(UTC) - timedelta(**ago)).isoformat()


def event(event_id="", **facts):
    """Return an event of a thousand tokens in and a hundred out, a minute ago."""
    data = {"model": "atlas-mini", "tokens": {"input": 1000, "output": 100}}
    data |= facts.pop("data", {})
    return {
        "specversion": "1.0",
        "type": "tessera.usage.v1",
        "source": "/litellm/one",
        "id": event_id or uuid7().hex,
        "time": moment(minutes=1),
        "data": data,
    } | facts


@pytest.fixture
def catalogue(db):
    """The demo's models and prices."""
    demo.seed()


@pytest.fixture
def meter_key(acme, alice, catalogue):
    """A key of Acme's that reports usage."""
    with scope(acme):
        return api_keys.create(acme, name="meter", by=alice, scopes=["metering"])


@pytest.fixture
def operator_key(acme, person, catalogue):
    """A key of the operator's own meter, which stands between many customers and the engines."""
    sam = person("sam@operator.example", is_staff=True)
    with service():
        scopes = ["metering", "metering.any"]
        return api_keys.create(acme, name="envoy", by=sam, scopes=scopes)


@pytest.fixture
def report(client, meter_key):
    """Report a batch with Acme's key, or with another."""

    def report(*events, key=meter_key, **headers):
        headers.setdefault("HTTP_AUTHORIZATION", f"Bearer {key.text}")
        return client.post(EVENTS, json.dumps(events), content_type=BATCH, **headers)

    return report

"""Finished requests, written down as a gateway process writes them."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest

from billing import funds
from common.ids import uuid7
from tenants.models import Project
from tenants.scope import scope
from tests.support import servers

NOON = datetime(2026, 3, 15, 12, 0, tzinfo=UTC)


async def record(batch, organization, worth):
    """Pay for the requests as far as there is credit, and record them."""
    role = servers.database(servers.SERVICE_ROLE).keywords()
    async with await psycopg.AsyncConnection.connect(**role, autocommit=True) as connection:
        leases = await funds.take(
            connection,
            process_id="p1",
            organization_id=organization.pk,
            token_class_id=None,
            currency="EUR",
            money_needed=worth * len(batch),
            tokens_needed=Decimal(0),
        )
        paid = funds.split(leases, money=worth, tokens=Decimal(0))
        settled = [funds.Settled(**facts, allocations=list(paid.allocations)) for facts in batch]
        await funds.record(connection, process_id="p1", batch=settled)
        await funds.reclaim(connection, process_id="p1")


@pytest.fixture
def used(acme):
    """Write down that Acme made requests: by default one of a cent, on 15 March at noon."""

    def used(worth="0.01", *, times=1, organization=acme, **facts):
        with scope(organization):
            project = Project.objects.get()
        facts = {
            "organization_id": organization.pk,
            "project_id": project.pk,
            "api_key_id": None,
            "occurred_at": NOON,
            "offer_id": uuid7(),
            "offer_name": "atlas-mini",
            "region": "eu-paris",
            "parts": {"input": 100, "output": 20},
            "price_ids": {},
            "amounts": {"output": Decimal(worth)},
            "ttft_ms": 40,
            "latency_ms": 900,
        } | facts
        batch = [{"event_id": f"req_{uuid7().hex}", **facts} for _ in range(times)]
        asyncio.run(record(batch, organization, Decimal(worth)))
        return batch[-1]["event_id"]

    return used

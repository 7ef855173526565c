"""Finished requests, written down as a gateway process writes them."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from django.utils import timezone

from billing import bounds, funds
from billing.models import InvoiceHold, LateMonth, OrganizationSeal, RatedUsage
from billing.services import sealing
from common.database import service
from common.ids import uuid7
from metering.models import UsageEvent
from tenants.models import Organization, Project
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


def write_recorded(organization, name, at):
    """Write that a request was recorded then, as recorders wrote it then."""
    with service():
        project = Project.objects.filter(organization=organization).first()
        common = {
            "organization": organization,
            "source": "gateway",
            "event_id": name,
            "price_ids": {"output": str(project.pk)},
            "occurred_at": at,
            "recorded_at": at,
        }
        event = UsageEvent.objects.create(
            project=project,
            offer_id=project.pk,
            offer_name="atlas-mini",
            region="eu-paris",
            output_tokens=20,
            outcome="completed",
            policy={"jurisdiction": "FR", "estimated": False},
            **common,
        )
        RatedUsage.objects.create(
            id=event.pk,
            amounts={"output": "0.000020000000"},
            amount=Decimal("0.00002"),
            currency="EUR",
            uncovered=Decimal("0.00002"),
            **common,
        )


def seal_one(slug):
    """Print the id of a request of the organization's that is sealed; one is made where none is."""
    with service():
        organization = Organization.objects.get(slug=slug)
        is_sealed = OrganizationSeal.objects.filter(organization=organization).exists()
    if not is_sealed:
        write_recorded(organization, "sealed-request", timezone.now() - timedelta(hours=1))
        sealing.seal_due(timezone.now() + sealing.PATIENCE)
    with service():
        sealed = UsageEvent.objects.filter(
            organization=organization, recorded_at__lt=sealing.next_hour()
        )
        print(sealed.first().event_id)  # noqa: T201 - whoever runs it reads that


def hold_one(slug):
    """Print the id of a held month of the organization's; one is held where none is."""
    with service():
        organization = Organization.objects.get(slug=slug)
        held = InvoiceHold.objects.filter(organization=organization).first()
        held = held or InvoiceHold.objects.create(
            organization=organization,
            period_start=datetime(2026, 3, 1, tzinfo=UTC),
            period_end=datetime(2026, 4, 1, tzinfo=UTC),
            findings=[{"code": "jump", "words": bounds.WORDS["jump"]}],
            currency="EUR",
            total=Decimal("1320.00"),
        )
    print(held.pk)  # noqa: T201 - whoever runs it reads that


def late_one(slug):
    """Print the id of a month of the organization's that usage came late for; one is made where none is."""
    with service():
        organization = Organization.objects.get(slug=slug)
        late, _made = LateMonth.objects.get_or_create(
            organization=organization,
            starts_at=datetime(2026, 2, 1, tzinfo=UTC),
            defaults={"label": "2026-02"},
        )
    print(late.pk)  # noqa: T201 - whoever runs it reads that


@pytest.fixture
def used(acme):
    """Write down that Acme made requests: by default one of a cent, on 15 March at noon."""

    def used(worth="0.01", *, times=1, organization=acme, **facts):
        with scope(organization):
            project = Project.objects.get(slug="default")
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

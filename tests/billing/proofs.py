"""Invoices of January with all that proves them, downloaded and checked as an auditor does it."""

import subprocess
import sys

import pytest
from django.utils import timezone

from billing.services import invoicing, sealing
from common.database import service
from portal.environment import ROOT
from tests.billing.test_evidence import JANUARY


@pytest.fixture
def owner(owner_connection):
    """Change what stands in the database, past all its guards."""

    def owner(*statements):
        with owner_connection.transaction():
            owner_connection.execute("SET LOCAL session_replication_role = replica")
            for statement in statements:
                owner_connection.execute(statement)

    return owner


@pytest.fixture
def recorded(use, owner):
    """Record requests as if it had been so many hours ago; answers their names."""

    def recorded(hours, *sizes, **facts):
        names = [use(size, **facts) for size in sizes]
        ago = f"recorded_at - interval '{hours} hours'"
        for table in ("metering_usageevent", "billing_ratedusage"):
            for name in names:
                owner(f"UPDATE {table} SET recorded_at = {ago} WHERE event_id = '{name}'")  # noqa: S608
        return names

    return recorded


def seal_all():
    """Seal every hour, the present one too."""
    while True:
        with service():
            hour = sealing.next_hour()
        if hour > timezone.now():
            return
        assert sealing.seal(hour)


@pytest.fixture
def names(acme, recorded):
    """Name Acme's requests in three hours; all but the last are sealed before the invoice."""
    found = [
        *recorded(3, 1_000_000),
        *recorded(2, 2_000_000, 3_000_000, 4_000_000),
        *recorded(0, 5_000_000),
    ]
    sealing.seal_due()
    return found


@pytest.fixture
def invoice(acme, names):
    """Acme's invoice of January, whose every receipt is sealed."""
    made = invoicing.finalize(acme, JANUARY)
    seal_all()
    return made


@pytest.fixture
def export(tmp_path, alice_client):
    """Download what proves an invoice, as who may read it."""

    def export(invoice, client=alice_client):
        slug = invoice.organization.slug
        address = f"/api/v1/organizations/{slug}/invoices/{invoice.number}/evidence.zip"
        answer = client.get(address)
        assert answer.status_code == 200, answer.content
        path = tmp_path / f"{invoice.number}.zip"
        path.write_bytes(b"".join(answer))
        return path

    return export


def verify(*files):
    """Run the command as an auditor does."""
    command = [sys.executable, "-m", "verify", *files]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )

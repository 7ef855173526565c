"""Receipts are sealed by the hour: each can be proven, and none can be changed unseen."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.utils import timezone

from billing import funds, proofs, receipts, seals, signing
from billing.models import ClosedHour, OrganizationSeal, Seal, SealCheck, SealedLeaves
from billing.services import sealing, verifying
from common import merkle
from common.database import service
from metering.models import UsageEvent
from tenants.scope import scope
from tenants.services import organizations
from tests.support import servers
from tests.support.usage import used, write_recorded

HOUR = timedelta(hours=1)


__all__ = ["used"]


@pytest.fixture
def globex(charlie):
    """Charlie's organization."""
    return organizations.found(name="Globex", owner=charlie, country="FR")


@pytest.fixture
def this_hour():
    """When the present hour began."""
    return timezone.now().replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def seal_due(this_hour):
    """Seal what is over at half past."""
    return partial(sealing.seal_due, this_hour + HOUR / 2)


@pytest.fixture
def recorded(acme, this_hour):
    """Write that requests were recorded so many hours ago, as recorders wrote it then."""

    def recorded(*names, hours=2, organization=acme, minute=5):
        at = this_hour - hours * HOUR + timedelta(minutes=minute)
        for name in names:
            write_recorded(organization, name, at)

    return recorded


@pytest.fixture
def tamper(owner_connection):
    """Change what stands in the database, past all its guards."""

    def tamper(statement):
        with owner_connection.transaction():
            owner_connection.execute("SET LOCAL session_replication_role = replica")
            owner_connection.execute(statement)

    return tamper


def proof_of(organization, name):
    """Return the proof of a receipt, read as the organization reads it."""
    with scope(organization):
        return proofs.of(UsageEvent.objects.get(event_id=name))


def climbs(start, steps):
    return merkle.climb(
        merkle.leaf(start.encode()),
        [merkle.Step(it["side"], bytes.fromhex(it["hash"])) for it in steps],
    ).hex()


def test_every_receipt_of_an_hour_can_be_proven(acme, globex, recorded, seal_due):
    recorded("a", "b", "c")
    recorded("d", organization=globex)

    seal_due()

    for organization, name in [(acme, "a"), (acme, "b"), (acme, "c"), (globex, "d")]:
        proof = proof_of(organization, name)
        owned, hour = json.loads(proof["organization"]), json.loads(proof["seal"]["document"])
        assert json.loads(proof["document"])["request_id"] == name
        assert climbs(proof["document"], proof["path"]) == owned["root"]
        assert climbs(proof["organization"], proof["organization_path"]) == hour["root"]


def test_hours_are_sealed_one_after_the_other_and_once(recorded, this_hour, seal_due):
    recorded("a", hours=4)
    recorded("b", hours=2)

    assert (seal_due(), seal_due()) == (4, 0)

    with service():
        chain = list(Seal.objects.order_by("number"))
        found = [(it.number, it.starts_at) for it in chain][:3]
        assert OrganizationSeal.objects.count() == 2
    assert found == [(n, this_hour - (5 - n) * HOUR) for n in (1, 2, 3)]
    assert [bytes(it.previous) for it in chain[1:]] == [bytes(it.hash) for it in chain[:-1]]


def test_the_present_hour_stays_open(used, seal_due):
    used()

    assert seal_due() == 0
    assert used()


def test_an_hour_beyond_one_piece_is_one_tree(recorded, monkeypatch, acme, seal_due):
    recorded(*(f"r{number}" for number in range(11)))
    whole = sealing.RECEIPTS
    monkeypatch.setattr(sealing, "RECEIPTS", whole.replace("LIMIT 1024", "LIMIT 4"))
    monkeypatch.setattr(sealing, "PIECE", 4)

    seal_due()

    with service():
        sealed = OrganizationSeal.objects.get()
        pieces = list(SealedLeaves.objects.order_by("number"))
    assert [len(seals.split(bytes(piece.hashes))) for piece in pieces] == [4, 4, 3]
    hashes = [each for piece in pieces for each in seals.split(bytes(piece.hashes))]
    assert bytes(sealed.root) == merkle.root(hashes)
    proof = proof_of(acme, "r9")
    assert climbs(proof["document"], proof["path"]) == bytes(sealed.root).hex()


def test_what_comes_late_is_not_written_into_a_closed_hour(conn, settled, this_hour):
    with service():
        ClosedHour.objects.create(starts_at=this_hour + HOUR)

    with pytest.raises(psycopg.errors.SerializationFailure):
        asyncio.run(_record(settled("late", "1")))

    with service():
        assert not UsageEvent.objects.exists()


async def _record(*batch):
    role = servers.database(servers.SERVICE_ROLE).keywords()
    async with await psycopg.AsyncConnection.connect(**role, autocommit=True) as connection:
        await funds.record(connection, process_id="p1", batch=batch)


def test_an_hour_is_not_closed_while_somebody_writes(acme, this_hour):
    role = servers.database(servers.SERVICE_ROLE).keywords()
    with psycopg.connect(**role) as writer:
        writer.execute("INSERT INTO billing_ratedusage SELECT * FROM billing_ratedusage")

        assert not sealing.close(this_hour - HOUR)

    assert sealing.close(this_hour - HOUR)


def test_sealing_beside_itself_makes_one_chain(recorded, seal_due):
    recorded("a", hours=6)

    async def beside():
        await asyncio.gather(*(asyncio.to_thread(seal_due) for _ in range(4)))

    asyncio.run(beside())
    seal_due()

    with service():
        numbers = list(Seal.objects.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) == 6


def test_seals_are_appended(recorded, seal_due):
    recorded("a")
    seal_due()

    for model in (Seal, OrganizationSeal, SealedLeaves, ClosedHour):
        with pytest.raises(DatabaseError), service():
            model.objects.all().delete()
        with pytest.raises(DatabaseError), service():
            model.objects.update(id=None)


def test_an_organization_reads_its_own_seals_alone(acme, globex, recorded, seal_due):
    recorded("a")
    recorded("b", organization=globex)
    seal_due()

    with scope(acme):
        assert OrganizationSeal.objects.get().organization_id == acme.pk
        assert SealedLeaves.objects.get().organization_id == acme.pk


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE billing_ratedusage SET amount = 1 WHERE event_id = 'b'", "b is not as it was"),
        ("UPDATE metering_usageevent SET output_tokens = 1 WHERE event_id = 'b'", "b is not as"),
        ("DELETE FROM billing_ratedusage WHERE event_id = 'b'", "1 receipts are gone"),
        ("UPDATE billing_sealedleaves SET hashes = sha256('x')", "are not its own"),
        ("UPDATE billing_organizationseal SET document = '{}'", "does not seal what is there"),
        ("UPDATE billing_seal SET signature = sha512('x') WHERE number = 1", "signature is wrong"),
        ("UPDATE billing_seal SET document = '{}' WHERE number = 1", "its hash is wrong"),
        ("DELETE FROM billing_seal WHERE number = 2", "the one before is missing"),
    ],
)
def test_whatever_is_changed_is_found(recorded, tamper, statement, problem, seal_due):
    recorded("a", "b", hours=4)
    seal_due()
    assert verifying.verify().problems == []

    tamper(statement)

    assert any(problem in each for each in verifying.verify().problems)


def test_a_receipt_that_is_put_in_later_is_found(recorded, seal_due):
    recorded("a", hours=4)
    seal_due()

    recorded("b", hours=4)
    recorded("c", hours=3)

    found = verifying.verify().problems
    assert "b is not as it was sealed" in found[0]
    assert "knows nothing of organization" in found[1]


def test_a_changed_receipt_has_no_proof(acme, recorded, tamper, seal_due):
    recorded("a", "b")
    seal_due()

    tamper("UPDATE billing_ratedusage SET amount = 1 WHERE event_id = 'b'")

    assert proof_of(acme, "a")
    assert proof_of(acme, "b") is None


def test_the_command_fails_where_anything_is_wrong(recorded, tamper, capsys, seal_due):
    recorded("a")
    seal_due()
    call_command("verify_seals")
    assert "1 receipts compared: all are as they were sealed" in capsys.readouterr().out

    tamper("UPDATE billing_ratedusage SET amount = 1")

    with pytest.raises(CommandError):
        call_command("verify_seals")
    with service():
        assert len(SealCheck.objects.first().problems) == 1


def test_a_new_key_goes_on_with_the_chain(recorded, settings, this_hour, seal_due):
    recorded("a", hours=5)
    sealing.seal_due(this_hour - 3 * HOUR)
    settings.RECEIPT_SIGNING_KEY = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="

    seal_due()

    with service():
        assert len({it.key_id for it in Seal.objects.all()}) == 2
    assert verifying.verify().problems == []


def test_a_key_is_made_once_and_is_nobody_elses(settings, tmp_path):
    settings.STATE_DIR = tmp_path / "state"

    first, second = signing.current(), signing.current()

    assert first.key_id == second.key_id
    assert (tmp_path / "state" / signing.FILE).stat().st_mode & 0o777 == 0o600


def test_a_receipt_is_the_same_text_for_ever():
    at = datetime(2026, 11, 25, 12, 7, 1, 5, tzinfo=UTC)
    number = "0199f0a0-0000-7000-8000-00000000000{}".format
    row = {
        "organization_id": number(1), "source": "gateway", "event_id": "req_1",
        "project_id": number(2), "api_key_id": None, "offer_name": "atlas-mini",
        "region": "eu-paris", "policy": '{"jurisdiction": "FR", "estimated": false}',
        "outcome": "completed", "streamed": True, "ttft_ms": 40, "latency_ms": None,
        "occurred_at": at, "recorded_at": at, "input_tokens": 100, "cached_input_tokens": 0,
        "output_tokens": 20, "reasoning_tokens": 0, "price_ids": f'{{"output": "{number(3)}"}}',
        "amounts": '{"output": "0.000020000000"}', "amount": Decimal("0.000020000000"),
        "currency": "EUR", "uncovered": Decimal(0),
        "split": f'[{{"grant": "{number(4)}", "quantity": "2E-5", "amount": "0.00002"}}]',
    }  # fmt: skip
    row |= {f"{part}_tokens": 0 for part in receipts.TOKEN_PARTS if f"{part}_tokens" not in row}
    row["gpu_seconds"] = 0

    assert receipts.document(row) == (
        '{"amount":"0.00002","amounts":{"output":"0.00002"},"api_key_id":null,"currency":"EUR",'
        '"latency_ms":null,"model":"atlas-mini","occurred_at":"2026-11-25T12:07:01.000005Z",'
        f'"organization_id":"{number(1)}","outcome":"completed",'
        f'"paid_by":[{{"amount":"0.00002","grant":"{number(4)}","quantity":"0.00002"}}],'
        '"policy":{"estimated":false,"jurisdiction":"FR"},'
        f'"price_ids":{{"output":"{number(3)}"}},"project_id":"{number(2)}",'
        '"recorded_at":"2026-11-25T12:07:01.000005Z","region":"eu-paris","request_id":"req_1",'
        '"source":"gateway","streamed":true,"tokens":{"input":100,"output":20},"ttft_ms":40,'
        '"uncovered":"0","version":1}'
    )

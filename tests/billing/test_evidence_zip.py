"""An auditor checks an invoice without us: all that is changed, left out or put in is named."""

import json
import zipfile
from datetime import UTC, datetime

import pytest
from django.db import DatabaseError
from hypothesis import given
from hypothesis import strategies as st

from billing import periods
from billing.models import Invoice, OrganizationSeal, Seal, SealedLeaves
from billing.services import invoicing, sealing, verifying
from common import merkle
from common.database import service
from tests.billing.proofs import (
    export,
    invoice,
    names,
    owner,
    recorded,
    seal_all,
    verify,
)
from tests.billing.test_evidence import JANUARY, use
from tests.support.usage import used
from verify.export import leaf, root
from verify.receipt import climb

__all__ = ["export", "invoice", "names", "owner", "recorded", "use", "used"]


def test_an_auditor_checks_an_invoice_without_us(invoice, export):
    done = verify(export(invoice))

    assert (done.returncode, done.stderr) == (0, "")
    assert "5 receipts stand as they were sealed, 5 of them recorded in a later hour" in done.stdout
    assert f"seal {invoice.seal_number} {invoice.seal_digits} is in it" in done.stdout
    assert f"invoice {invoice.number}: 1 lines made again from 5 receipts" in done.stdout


def test_an_invoice_names_the_last_seal_before_it(invoice, alice_client):
    number = invoice.seal_number

    with service():
        seal = Seal.objects.get(number=number)
        assert Seal.objects.filter(starts_at__gt=seal.starts_at).count() == 1
    read = alice_client.get(f"/api/v1/organizations/acme/invoices/{invoice.number}").json()
    page = alice_client.get(f"/o/acme/billing/invoices/{invoice.number}/").content.decode()
    assert (read["seal_number"], read["seal_hash"]) == (number, bytes(seal.hash).hex())
    assert bytes(seal.hash).hex() in page
    assert f"/invoices/{invoice.number}/evidence.zip" in page


def test_a_correction_is_checked_with_what_it_corrects(acme, names, recorded, export):
    first = invoicing.finalize(acme, JANUARY)
    recorded(0, 7_000_000)
    recorded(0, 9_000_000, period=periods.month(2026, 2, "UTC"))
    second = invoicing.finalize(acme, periods.month(2026, 2, "UTC"))
    seal_all()

    done = verify(export(second))

    assert (done.returncode, done.stderr) == (0, "")
    assert verify(export(first)).returncode == 0
    assert "lines made again from 7 receipts" in done.stdout
    assert (
        f"NOT PROVEN: earlier invoice {first.number}: net {first.net.normalize():f}" in done.stdout
    )


def test_before_the_hour_of_the_invoice_is_sealed_there_is_no_export(acme, names, alice_client):
    number = invoicing.finalize(acme, JANUARY).number

    answer = alice_client.get(f"/api/v1/organizations/acme/invoices/{number}/evidence.zip")

    assert answer.status_code == 409
    assert "Not sealed yet" in answer.content.decode()


def test_receipts_that_are_gone_prove_nothing(invoice, owner, alice_client):
    owner(
        "INSERT INTO metering_droppedmonth (id, table_name, month, rows, dropped_at)"
        " VALUES (gen_random_uuid(), 'metering_usageevent', '2026-01-01', 5, now())"
    )

    answer = alice_client.get(f"/api/v1/organizations/acme/invoices/{invoice.number}/evidence.zip")

    assert answer.status_code == 409
    assert "too old" in answer.content.decode()


def test_a_month_that_was_told_of_by_a_later_ones_invoice_is_proven(acme, use, export):
    use(1_000_000)
    use(2_000_000, period=periods.month(2026, 2, "UTC"))
    later = invoicing.finalize(acme, periods.month(2026, 2, "UTC"))
    seal_all()

    done = verify(export(later))

    assert (done.returncode, done.stderr) == (3, "")
    assert "NOT PROVEN: month 2026-01 of organization" in done.stdout
    assert "is told of here for the first time" in done.stdout


def test_the_month_before_may_be_gone(acme, use, owner, export):
    """Its last hour is the one before the invoice's, without its receipts."""
    december = periods.month(2025, 12, "UTC")
    old, kept = use(1_000_000, day=30, period=december), use(2_000_000, day=0)
    for table in ("metering_usageevent", "billing_ratedusage"):
        for name, at in ((old, "2025-12-31 23:10"), (kept, "2026-01-01 00:10")):
            owner(f"UPDATE {table} SET recorded_at = '{at}+00' WHERE event_id = '{name}'")  # noqa: S608
    for _hour in range(2):
        with service():
            hour = sealing.next_hour()
        sealing.seal(hour)
    owner(
        "INSERT INTO metering_droppedmonth (id, table_name, month, rows, dropped_at)"
        " VALUES (gen_random_uuid(), 'metering_usageevent', '2025-12-01', 5, now())"
    )
    made = invoicing.finalize(acme, JANUARY)
    issued = datetime(2026, 1, 1, 1, 30, tzinfo=UTC)
    with service():
        sealing.seal(sealing.next_hour())
        first = Seal.objects.get(number=1)
    owner(
        f"UPDATE billing_invoice SET issued_at = '{issued}', seal_number = 1, "  # noqa: S608
        f"seal_hash = '\\x{bytes(first.hash).hex()}'",
        f"DELETE FROM metering_usageevent WHERE event_id = '{old}'",  # noqa: S608
        f"DELETE FROM billing_ratedusage WHERE event_id = '{old}'",  # noqa: S608
    )
    with service():
        made = Invoice.objects.select_related("organization").get(pk=made.pk)

    path = export(made)
    done = verify(path)

    assert (done.returncode, done.stderr) == (0, "")
    with zipfile.ZipFile(path) as archive:
        hours = [json.loads(it) for it in archive.read("hours.jsonl").splitlines()]
    assert [it["is_before"] for it in hours] == [True, False]


def test_an_hour_after_the_invoice_shows_that_none_before_is_missing(
    invoice, recorded, export, owner
):
    assert (
        "is sealed yet: its last hours before the invoice may be missing"
        in verify(export(invoice)).stdout
    )
    recorded(-1, 6_000_000)
    with service():
        sealing.seal(sealing.next_hour())

    done = verify(export(invoice))

    assert (done.returncode, done.stderr) == (0, "")
    assert "is sealed yet" not in done.stdout
    owner("DELETE FROM billing_organizationseal WHERE number = 3")
    assert "hour before it, number 3, is missing" in verify(export(invoice)).stderr


def test_nobody_else_downloads_it(invoice, charlie_client, bob_client, client, staff_client):
    address = f"/api/v1/organizations/acme/invoices/{invoice.number}/evidence.zip"
    desk = f"/api/v1/staff/invoices/{invoice.number}/evidence.zip"

    assert [it.get(address).status_code for it in (client, charlie_client, bob_client)] == [
        401, 404, 403,
    ]  # fmt: skip
    assert charlie_client.get(desk).status_code in (403, 404)
    assert staff_client.get(desk).status_code == 200
    assert staff_client.get("/api/v1/staff/invoices/none/evidence.zip").status_code == 404


def test_the_command_on_the_server_finds_prices_hours_and_invoices(invoice, names, owner):
    assert verifying.verify().problems == []

    owner(
        'UPDATE marketplace_price SET definition = definition || \'{"free_quantity": "1"}\'',
        "DELETE FROM billing_organizationseal WHERE number = 2",
        "UPDATE billing_invoice SET seal_hash = sha256('x')",
    )

    found = "\n".join(verifying.verify().problems)
    assert "is not as it was sealed" in found
    assert "the hour before of organization" in found
    assert f"invoice {invoice.number} names seal {invoice.seal_number}, which is not" in found


def test_it_finds_an_hour_with_another_number_than_the_sealed_one(invoice, owner):
    owner("UPDATE billing_organizationseal SET number = 9 WHERE number = 3")

    [problem] = verifying.verify().problems
    assert "the number of organization" in problem
    assert "is not as it was sealed" in problem


def test_a_sealer_that_dies_halfway_leaves_nothing(acme, recorded, owner_connection):
    recorded(2, 1_000_000)
    with owner_connection.transaction():
        owner_connection.execute(
            "CREATE FUNCTION dies() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'dies'; END $$"
        )
        owner_connection.execute(
            "CREATE TRIGGER dies BEFORE INSERT ON billing_organizationseal"
            " FOR EACH ROW EXECUTE FUNCTION dies()"
        )
    try:
        with pytest.raises(DatabaseError):
            sealing.seal_due()
        with service():
            assert not Seal.objects.exists()
            assert not SealedLeaves.objects.exists()
    finally:
        with owner_connection.transaction():
            owner_connection.execute("DROP FUNCTION dies() CASCADE")

    sealing.seal_due()
    with service():
        assert OrganizationSeal.objects.get().number == 1
    assert verifying.verify().problems == []


def test_a_seal_of_an_invoice_is_whole_or_none(invoice):
    with pytest.raises(DatabaseError), service():
        Invoice.objects.create(
            **{
                field.attname: getattr(invoice, field.attname)
                for field in Invoice._meta.concrete_fields
                if field.name not in ("id", "number", "period_start", "seal_hash")
            },
            number="other",
        )


@given(st.lists(st.text(max_size=3), max_size=70))
def test_a_verifier_of_its_own_comes_to_the_same_roots(texts):
    hashes = [leaf(text) for text in texts]

    assert root(hashes) == merkle.root([merkle.leaf(text.encode()) for text in texts])
    for place, text in enumerate(texts):
        path = [{"side": step.side, "hash": step.hash.hex()} for step in merkle.path(hashes, place)]
        assert climb(text, path) == root(hashes).hex()
        assert climb(f"{text}!", path) != root(hashes).hex()


@given(st.lists(st.text(max_size=3), min_size=2, max_size=40, unique=True), st.data())
def test_no_change_of_leaves_has_the_same_root(texts, data):
    hashes = [leaf(text) for text in texts]
    place = data.draw(st.integers(0, len(texts) - 1))
    other = data.draw(st.integers(0, len(texts) - 1).filter(lambda it: it != place))
    swapped = list(hashes)
    swapped[place], swapped[other] = hashes[other], hashes[place]

    assert root(swapped) != root(hashes)
    assert root(hashes[:place] + hashes[place + 1 :]) != root(hashes)
    assert root([*hashes, hashes[place]]) != root(hashes)

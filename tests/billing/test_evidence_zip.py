"""An auditor checks an invoice without us: all that is changed, left out or put in is named."""

import json
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from billing import periods
from billing.models import Contract, Invoice, OrganizationSeal, Payer, Seal, SealedLeaves
from billing.services import invoicing, sealing, verifying
from common import merkle
from common.database import service
from marketplace.models import Offer, Price
from marketplace.services import books
from portal.environment import ROOT
from tenants.models import Organization
from tenants.services import organizations
from tests.billing.test_evidence import JANUARY, use
from tests.support.usage import used
from verify.export import leaf, root
from verify.receipt import climb

__all__ = ["use", "used"]
HOUR = timedelta(hours=1)


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


# The hours are numbered for each organization, the seals for all of them.
OTHER_PRICE = """
UPDATE marketplace_price SET definition = '{{"model": "per_unit", "unit_amount": "0.5"}}'
WHERE id = '{price}'
"""
CUT_HASHES = """
UPDATE billing_sealedleaves SET hashes = substr(hashes, 1, 64) WHERE octet_length(hashes) > 64
"""
OTHER_COUNT = """
UPDATE billing_organizationseal SET document = replace(document, '"receipts":3', '"receipts":2')
"""
OTHER_PLACE = """
UPDATE billing_organizationseal SET document =
    (SELECT document FROM billing_organizationseal WHERE number = 1)
WHERE number = 2
"""
TAMPERED = {
    "a receipt's amount": (
        "UPDATE billing_ratedusage SET amount = 1 WHERE event_id = '{2}'",
        "receipt {2} (gateway) of hour",
    ),
    "an event's tokens": (
        "UPDATE metering_usageevent SET input_tokens = 1 WHERE event_id = '{1}'",
        "is not as it was sealed",
    ),
    "an event's region": (
        "UPDATE metering_usageevent SET region = 'elsewhere' WHERE event_id = '{0}'",
        "receipt {0} (gateway) of hour",
    ),
    "a receipt that is deleted": (
        "DELETE FROM billing_ratedusage WHERE event_id = '{2}'",
        "receipt 2 of hour",
    ),
    "an event that is deleted": (
        "DELETE FROM metering_usageevent WHERE event_id = '{1}'",
        "receipt 1 of hour",
    ),
    "the last receipt of an hour": (
        "DELETE FROM billing_ratedusage WHERE event_id = '{3}'",
        "its last receipts are missing, 1 of 3",
    ),
    "all receipts of an hour": (
        "DELETE FROM billing_ratedusage WHERE event_id = '{0}'",
        "its last receipts are missing, 1 of 1",
    ),
    "all receipts": (
        "TRUNCATE billing_ratedusage",
        "its last receipts are missing, 1 of 1",
    ),
    "a price": (OTHER_PRICE, "price {price} is not as it was sealed"),
    "a price that is deleted": (
        "DELETE FROM marketplace_price WHERE id = '{price}'",
        "price {price} is missing",
    ),
    "the hashes of an hour": (
        "UPDATE billing_sealedleaves SET hashes = sha256('x')",
        "its hashes are not those that were sealed",
    ),
    "hashes that are cut": (CUT_HASHES, "its hashes are not those that were sealed"),
    "hashes that are deleted": (
        "TRUNCATE billing_sealedleaves",
        "its hashes are not those that were sealed",
    ),
    "what was sealed of an hour": (OTHER_COUNT, "is not what seal 2 was made over"),
    "an hour that is deleted": (
        "DELETE FROM billing_organizationseal WHERE number = 2",
        "hour before it, number 2, is missing",
    ),
    "the first hour that is deleted": (
        "DELETE FROM billing_organizationseal WHERE number = 1",
        "hour before it, number 1, is missing",
    ),
    "hours that change places": (OTHER_PLACE, "is not what seal"),
    "a seal": (
        "UPDATE billing_seal SET document = replace(document, '\"number\":2', '\"number\":9')",
        "the seal's hash is wrong",
    ),
    "a signature": (
        "UPDATE billing_seal SET signature = sha512('x') WHERE number = 2",
        "the signature of seal 2 is wrong",
    ),
    "a seal that is deleted": (
        "DELETE FROM billing_seal WHERE number = 2",
        "seal 2 is missing",
    ),
    "the first seal": (
        "DELETE FROM billing_seal WHERE number = 1",
        "seal 1 is missing",
    ),
    "a line of the invoice": (
        "UPDATE billing_invoiceline SET exact_amount = exact_amount + 1, amount = amount + 1",
        "2026-01 atlas-mini input {price}: the invoice says",
    ),
    "the total": (
        "UPDATE billing_invoice SET net = net + 1, total = total + 1",
        "net: the invoice says",
    ),
    "the seal on the invoice": (
        "UPDATE billing_invoice SET seal_hash = sha256('x')",
        "printed on the invoice is",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
def test_whatever_the_owner_changes_is_named(invoice, names, export, owner, what):
    statement, problem = TAMPERED[what]
    with service():
        facts = {"price": Price.objects.get(offer__name="atlas-mini", token_part="input",
                                            book__currency="EUR", service_tier="standard").pk}  # fmt: skip

    owner(statement.format(*names, **facts))
    done = verify(export(invoice))

    assert (done.returncode, done.stdout.count("made again")) == (1, 0)
    assert done.stderr.startswith("DIFFERS: ")
    assert problem.format(*names, **facts) in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_receipt_that_is_put_in_later_is_named(invoice, names, export, recorded):
    [late] = recorded(2, 6_000_000)

    done = verify(export(invoice))

    assert done.returncode == 1
    assert f"receipt {late} (gateway) of hour" in done.stderr
    assert "was put in after the hour was sealed" in done.stderr


def test_receipts_that_change_places_are_named(invoice, names, export, owner):
    for table in ("metering_usageevent", "billing_ratedusage"):
        owner(
            f"UPDATE {table} SET recorded_at = recorded_at + interval '1 second' "  # noqa: S608
            f"WHERE event_id = '{names[1]}'"
        )

    done = verify(export(invoice))

    assert done.returncode == 1
    assert "receipt 1 of hour" in done.stderr


def test_the_end_of_the_chain_is_missed(invoice, export, owner):
    path = export(invoice)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    files["seals.jsonl"] = "".join(files["seals.jsonl"].splitlines(keepends=True)[:-1])
    cut = path.with_name("cut")
    cut.mkdir()
    for name, text in files.items():
        (cut / name).write_text(text)

    done = verify(cut)

    assert done.returncode == 1
    assert "is missing: the chain ends before the invoice was issued" in done.stderr


def test_keys_of_somebody_else_prove_nothing(invoice, export, tmp_path, client):
    mine, kept = tmp_path / "mine.json", tmp_path / "kept.json"
    kept.write_text(client.get("/.well-known/receipt-keys.json").content.decode())
    mine.write_text('{"keys": []}')
    path = export(invoice)

    assert verify(path, kept).stdout.endswith("keys named by you\n")
    assert "is not among the published" in verify(path, mine).stderr


@pytest.mark.parametrize("text", ["", "PK\x03\x04 no archive"])
def test_what_is_no_export_is_told_in_one_sentence(tmp_path, text):
    (tmp_path / "export.zip").write_text(text)

    for place in (tmp_path / "export.zip", tmp_path, tmp_path / "nowhere"):
        done = verify(place)

        assert done.returncode == 2
        assert done.stderr.startswith("NOT CHECKED: the export is not what it should be (")
        assert done.stderr.count("\n") == 1


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


def test_a_group_with_a_commitment_is_proven_month_by_month(acme, charlie, use, export):
    globex = organizations.found(name="Globex", owner=charlie, country="JP")
    march = periods.month(2026, 3, "UTC")
    with service():
        Organization.objects.filter(pk=globex.pk).update(time_zone="Asia/Tokyo")
        globex.refresh_from_db()
        Payer.objects.create(
            organization=globex, organization_name="Globex", payer=acme, payer_name="Acme",
            first_month="2026-01",
        )  # fmt: skip
        Contract.objects.create(
            organization=acme, number="C-1", status="active", starts_on=JANUARY.start.date(),
            time_zone="UTC", effective_from=JANUARY.start, signed_at=JANUARY.start,
            commitment=Decimal(100_000), late_days=3650,
        )  # fmt: skip
    made = []
    for tokens, period in (
        (1_000_000, JANUARY),
        (30_000, periods.month(2026, 2, "UTC")),
        (7, march),
    ):
        use(tokens)
        use(tokens, period=period)
        use(tokens + 1, organization=globex, period=period)
        made.append(invoicing.finalize(acme, period))
    seal_all()

    for invoice in made:
        done = verify(export(invoice))

        assert (done.returncode, done.stderr) == (0, "")
        assert f"organization {globex.pk}: " in done.stdout
        assert "commitments are taken from commitments.csv: compare them with C-1" in done.stdout


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


def test_what_was_used_at_the_price_of_a_group_is_proven_after_it_was_left(
    acme, use, used, export, alice_client
):
    use(1_000_000)
    with service():
        group = books.open_group(code="partners", name="Partners", by=None)
        books.join(acme, group, by=None)
        book = books.create(code="partners", name="Partners", currency="EUR", by=None, group=group)
        price = Price.objects.create(
            book=book, offer=Offer.objects.get(name="atlas-mini"), token_part="input",
            definition={"model": "per_unit", "unit_amount": "0.001"},
            effective_from=JANUARY.start,
        )  # fmt: skip
    amounts, at = {"input": Decimal(1)}, JANUARY.start + timedelta(days=9)
    used("1", parts={"input": 1000}, amounts=amounts, price_ids={"input": price.pk}, occurred_at=at)
    made = invoicing.finalize(acme, JANUARY)
    seal_all()
    with service():
        books.join(acme, None, by=None)

    done = verify(export(made))
    address = f"/api/v1/organizations/acme/invoices/{made.number}/prices.csv"
    prices = b"".join(alice_client.get(address)).decode()

    assert (done.returncode, done.stderr) == (0, "")
    assert "2 prices stand as they were sealed" in done.stdout
    assert str(price.pk) in prices


def test_nobody_else_downloads_it(invoice, charlie_client, bob_client, client, staff_client):
    address = f"/api/v1/organizations/acme/invoices/{invoice.number}/evidence.zip"
    desk = f"/api/v1/staff/invoices/{invoice.number}/evidence.zip"

    assert [it.get(address).status_code for it in (client, charlie_client, bob_client)] == [
        401, 404, 403,
    ]  # fmt: skip
    assert charlie_client.get(desk).status_code in (403, 404)
    assert staff_client.get(desk).status_code == 200
    assert staff_client.get("/api/v1/staff/invoices/none/evidence.zip").status_code == 404


def test_who_pays_for_others_reads_their_month_and_no_more(acme, charlie, recorded, used, export):
    globex = organizations.found(name="Globex", owner=charlie, country="FR")
    with service():
        Payer.objects.create(organization=globex, payer=acme, first_month="2026-01")
    recorded(0, 1_000_000)
    recorded(0, 2_000_000, organization=globex)
    with service():
        own = Price.objects.create(
            book=books.create(
                code="globex", name="Globex", currency="EUR", by=None, organization=globex
            ),
            offer=Offer.objects.get(name="atlas-mini"), token_part="input",
            definition={"model": "per_unit", "unit_amount": "0.000777"},
            effective_from=JANUARY.start,
        )  # fmt: skip
    secret = used(
        "1", parts={"input": 1000}, amounts={"input": Decimal(1)}, price_ids={"input": own.pk},
        occurred_at=JANUARY.end + timedelta(days=9), organization=globex,
    )  # fmt: skip
    made = invoicing.finalize(acme, JANUARY)
    seal_all()

    path = export(made)
    done = verify(path)

    assert (done.returncode, done.stderr) == (0, "")
    assert "1 more belong to other months of others" in done.stdout
    with zipfile.ZipFile(path) as archive:
        receipts = archive.read("receipts.jsonl").decode()
        assert secret not in receipts
        assert {"organization_id", "hour"} in [set(json.loads(it)) for it in receipts.splitlines()]
        assert "0.000777" not in archive.read("prices.jsonl").decode()


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

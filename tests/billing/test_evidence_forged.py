"""Whatever the database's owner changes of what was sealed, the command names it."""

import zipfile

import pytest

from common.database import service
from marketplace.models import Price
from tests.billing.proofs import (
    export,
    invoice,
    names,
    owner,
    recorded,
    verify,
)
from tests.billing.test_evidence import use
from tests.support.usage import used

__all__ = ["export", "invoice", "names", "owner", "recorded", "use", "used"]


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

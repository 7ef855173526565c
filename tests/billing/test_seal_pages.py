"""What customers see of seals: proofs, the chain, the keys; and what staff see."""

import json
import subprocess
import sys

import pytest

from billing.models import Seal
from billing.services import sealing, verifying
from common.database import service
from portal.environment import ROOT
from tests.support.usage import used

__all__ = ["used"]
VERIFY = ROOT / "verify" / "receipt.py"


@pytest.fixture
def sealed(used):
    """Two requests of Acme's, sealed; the hour is not over, so it is done by hand."""
    name = used(times=2)
    with service():
        hour = sealing.next_hour()
    sealing.seal(hour)
    return name


@pytest.fixture
def verify(tmp_path):
    """Run the script that customers run, over these answers."""

    def verify(*answers):
        files = [tmp_path / f"{place}.json" for place in range(len(answers))]
        for file, answer in zip(files, answers, strict=True):
            file.write_text(json.dumps(answer))
        command = [sys.executable, VERIFY, *files]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    return verify


@pytest.fixture
def read(alice_client, client):
    """Return what Alice downloads of a request, the keys and the chain."""

    def read(name):
        return (
            alice_client.get(f"/o/acme/usage/{name}/proof.json").json(),
            client.get("/.well-known/receipt-keys.json").json(),
            alice_client.get("/api/v1/seals").json(),
        )

    return read


def test_a_customer_proves_a_receipt_without_us(sealed, read, verify):
    done = verify(*read(sealed))

    assert (done.returncode, done.stderr) == (0, "")
    assert f"proven: request {sealed}" in done.stdout
    assert "chain: 1 seals, numbers 1 to 1" in done.stdout


def other_amount(receipt, keys, seals):
    document = receipt["proof"]["document"]
    receipt["proof"]["document"] = document.replace('"amount":"0.01"', '"amount":"0.001"')


def shown_otherwise(receipt, keys, seals):
    receipt["amount"] = "0.001"


def other_path(receipt, keys, seals):
    receipt["proof"]["path"][0]["side"] = "left"
    receipt["proof"]["path"][0]["hash"] = "00" * 32


def other_seal(receipt, keys, seals):
    document = receipt["proof"]["seal"]["document"]
    receipt["proof"]["seal"]["document"] = document.replace('"number":1', '"number":2')


def other_signature(receipt, keys, seals):
    receipt["proof"]["seal"]["signature"] = "A" * 86 + "=="


def other_chain(receipt, keys, seals):
    seals["results"][0]["document"] += " "


def no_keys(receipt, keys, seals):
    keys["keys"] = []


def no_proof(receipt, keys, seals):
    del receipt["proof"]


@pytest.mark.parametrize(
    "forge",
    [
        other_amount, shown_otherwise, other_path, other_seal, other_signature, other_chain, no_keys,
        no_proof,
    ],
)  # fmt: skip
def test_what_is_forged_is_not_proven(sealed, read, verify, forge):
    answers = read(sealed)
    forge(*answers)

    done = verify(*answers)

    assert done.returncode == 1
    assert done.stderr.startswith("NOT PROVEN: ")


def test_the_page_of_a_request_shows_its_seal(sealed, alice_client):
    page = alice_client.get(f"/o/acme/usage/{sealed}/").content.decode()

    with service():
        assert bytes(Seal.objects.get().hash).hex() in page
    assert "Download the proof" in page


def test_until_its_hour_is_over_a_request_is_not_sealed(used, alice_client):
    name = used()

    assert "Not sealed yet" in alice_client.get(f"/o/acme/usage/{name}/").content.decode()
    assert alice_client.get(f"/o/acme/usage/{name}/proof.json").status_code == 404


def test_the_chain_is_for_those_who_sign_in(sealed, charlie_client, client):
    assert client.get("/api/v1/seals").status_code == 401
    (seal,) = charlie_client.get("/api/v1/seals").json()["results"]
    assert json.loads(seal["document"])["number"] == seal["number"] == 1
    assert "organization" not in json.dumps(seal)


def test_staff_see_how_sealing_stands(sealed, staff_client):
    before = staff_client.get("/staff/meters/").content.decode()
    verifying.verify()
    after = staff_client.get("/staff/meters/").content.decode()

    assert "Not yet: every night" in before
    assert "seals: 1, receipts: 2" in after


def test_staff_see_what_is_broken(sealed, staff_client, owner_connection):
    with owner_connection.transaction():
        owner_connection.execute("SET LOCAL session_replication_role = replica")
        owner_connection.execute("UPDATE billing_ratedusage SET amount = 1")
    verifying.verify()

    page = staff_client.get("/staff/meters/").content.decode()

    assert "2 receipts or seals are not as they were sealed" in page
    assert f"{sealed} is not as it was sealed" in page

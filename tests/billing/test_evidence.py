"""An invoice is made again from what is exported of it, by a script that knows nothing of ours."""

import csv
import io
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from billing import periods
from billing.services import invoicing
from common.database import service
from marketplace import demo
from marketplace.models import Price
from portal.environment import ROOT
from tenants.scope import scope
from tenants.services import api_keys
from tests.billing.terms import profile
from tests.support.people import signed_in
from tests.support.usage import used

__all__ = ["profile", "used"]
RECOMPUTE = ROOT / "verify" / "invoice.py"
JANUARY, FEBRUARY = (periods.month(2026, number, "UTC") for number in (1, 2))


@pytest.fixture
def use(used):
    """Record requests of so many input and reasoning tokens at the demo's prices."""
    demo.seed()
    with service():
        prices = {
            part: Price.objects.filter(offer__name="atlas-mini", token_part=part).first()
            for part in ("input", "output")
        }

    def use(input_tokens, reasoning=0, day=9, period=JANUARY, **facts):
        amounts = {
            "input": prices["input"].per_token * input_tokens,
            "reasoning": prices["output"].per_token * reasoning,
        }
        return used(
            str(sum(amounts.values())),
            parts={"input": input_tokens, "reasoning": reasoning},
            amounts=amounts,
            price_ids={part: price.pk for part, price in prices.items()},
            occurred_at=period.start + timedelta(days=day),
            **facts,
        )

    return use


@pytest.fixture
def download():
    """Return a file of an invoice as who may read it downloads it."""

    def download(invoice, name="", *, client):
        organization = invoice.organization.slug
        answer = client.get(f"/api/v1/organizations/{organization}/invoices/{invoice.number}{name}")
        assert answer.status_code == 200
        return b"".join(answer).decode()

    return download


@pytest.fixture
def recompute(tmp_path, download, alice):
    """Run the script over the files of an invoice, and over other invoices beside it."""

    def recompute(invoice, *earlier, commitments=False, forge=lambda text: text, client=None):
        read = partial(download, client=client or signed_in(alice))
        texts = {
            "invoice.json": read(invoice),
            "events.csv": forge(read(invoice, "/events.csv")),
            "prices.csv": read(invoice, "/prices.csv"),
            **({"commitments.csv": read(invoice, "/commitments.csv")} if commitments else {}),
            **{f"{other.number}.json": read(other) for other in earlier},
        }
        for name, text in texts.items():
            (tmp_path / name).write_text(text)
        command = [sys.executable, "-I", RECOMPUTE, *(tmp_path / name for name in texts)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    return recompute


def test_an_invoice_is_made_again_to_the_last_digit(acme, use, give, recompute):
    give("0.0123")
    for tokens, reasoning, day in [(333_333, 7, 0), (1_234_567, 0, 9), (1, 99_999, 30)]:
        use(tokens, reasoning, day)
    invoice = invoicing.finalize(acme, JANUARY)

    done = recompute(invoice)

    assert (done.returncode, done.stderr) == (0, "")
    assert f"{invoice.number}: 3 lines from 3 requests, the same to the last digit" in done.stdout


def test_a_correction_is_made_again_too(acme, use, recompute):
    use(1_234_567)
    first = invoicing.finalize(acme, JANUARY)
    use(7_654_321, 5)
    use(42_000, period=FEBRUARY)
    second = invoicing.finalize(acme, FEBRUARY)

    assert recompute(first).returncode == 0
    assert recompute(second, first).returncode == 0
    assert recompute(second).returncode == 1


def test_a_divided_invoice_is_made_again_from_all_its_sections(
    acme, alice, use, profile, recompute
):
    profile(split_by="key")
    with scope(acme):
        key = api_keys.create(acme, name="Robot", by=alice).api_key
    use(1_234_567)
    use(333_333, 7, api_key_id=key.pk)
    invoice = invoicing.finalize(acme, JANUARY)

    done = recompute(invoice)

    assert (done.returncode, done.stderr) == (0, "")
    assert f"{invoice.number}: 3 lines from 2 requests" in done.stdout


def test_what_is_not_what_was_used_differs(acme, use, recompute):
    use(1_234_567)
    invoice = invoicing.finalize(acme, JANUARY)

    done = recompute(invoice, forge=lambda text: text.replace(",1234567,", ",1234568,"))

    assert done.returncode == 1
    assert done.stderr.startswith("DIFFERS: 2026-01 atlas-mini input")


@pytest.mark.parametrize(
    ("invoice", "reason"),
    [
        (
            '{"number": "T-7", "period_start": null}',
            "T-7 is of a purchase; no usage was made into it",
        ),
        ("price_id,definition", "a file is not what it should be (JSONDecodeError("),
        ('{"number": "T-7"}', "a file is not what it should be (KeyError('period_start'))"),
    ],
)
def test_what_cannot_be_made_again_is_told_in_one_sentence(tmp_path, invoice, reason):
    files = [tmp_path / name for name in ("invoice.json", "events.csv", "prices.csv")]
    for file in files:
        file.write_text(invoice)

    command = [sys.executable, "-I", RECOMPUTE, *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith(f"NOT COMPARED: {reason}")
    assert done.stderr.count("\n") == 1


def test_a_missing_file_is_told_in_one_sentence(tmp_path):
    command = [sys.executable, "-I", RECOMPUTE, tmp_path / "a", tmp_path / "b", tmp_path / "c"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.stderr.startswith(
        "NOT COMPARED: a file is not what it should be (FileNotFoundError("
    )


def test_the_export_has_a_line_for_each_part(acme, use, download, alice_client):
    name = use(10, 5)
    invoice = invoicing.finalize(acme, JANUARY)

    lines = list(csv.DictReader(io.StringIO(download(invoice, "/events.csv", client=alice_client))))

    assert [(it["request_id"], it["part"], it["tokens"]) for it in lines] == [
        (name, "input", "10"),
        (name, "reasoning", "5"),
    ]
    worth = sum(Decimal(it["amount"]) for it in lines)
    assert [Decimal(it["uncovered"]) for it in lines] == [worth, 0]


def test_a_line_leads_to_its_days_and_requests(acme, use, alice_client):
    for day in (3, 3, 9):
        use(1_000_000, day=day)
    number = invoicing.finalize(acme, JANUARY).number

    days = alice_client.get(f"/api/v1/organizations/acme/invoices/{number}/lines/1/days").json()
    page = alice_client.get(f"/o/acme/billing/invoices/{number}/lines/1/").content.decode()

    assert [(it["day"], it["tokens"]) for it in days] == [
        ("2026-01-04", 2_000_000),
        ("2026-01-10", 1_000_000),
    ]
    assert "start=2026-01-04&amp;end=2026-01-04&amp;model=atlas-mini" in page
    assert (
        f"/invoices/{number}/lines/1/"
        in alice_client.get(f"/o/acme/billing/invoices/{number}/").content.decode()
    )


def test_nobody_else_reads_it(acme, use, charlie_client, bob_client):
    use(10)
    number = invoicing.finalize(acme, JANUARY).number

    for name in ("events.csv", "prices.csv", "commitments.csv", "lines/1/days"):
        address = f"/api/v1/organizations/acme/invoices/{number}/{name}"
        assert charlie_client.get(address).status_code == 404
        assert bob_client.get(address).status_code == 403

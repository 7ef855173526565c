"""Who pays for others proves its invoice with their receipts, and reads no more of them than it paid for."""

import json
import zipfile
from datetime import timedelta
from decimal import Decimal

import pytest

from billing import periods
from billing.models import Contract, Payer
from billing.services import invoicing
from common.database import service
from marketplace.models import Offer, Price
from marketplace.services import books
from tenants.models import Organization
from tenants.services import organizations
from tests.billing.proofs import (
    export,
    owner,
    recorded,
    seal_all,
    verify,
)
from tests.billing.test_evidence import FEBRUARY, JANUARY, use
from tests.support.people import signed_in
from tests.support.usage import used

__all__ = ["export", "owner", "recorded", "use", "used"]
MARCH = periods.month(2026, 3, "UTC")


def test_a_group_with_a_commitment_is_proven_month_by_month(acme, charlie, use, export):
    globex = organizations.found(name="Globex", owner=charlie, country="JP")
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
        (7, MARCH),
    ):
        use(tokens)
        use(tokens, period=period)
        use(tokens + 1, organization=globex, period=period)
        made.append(invoicing.finalize(acme, period))
    seal_all()

    for one in made:
        done = verify(export(one))

        assert (done.returncode, done.stderr) == (0, "")
        assert f"organization {globex.pk}: " in done.stdout
        assert "commitments are taken from commitments.csv: compare them with C-1" in done.stdout


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


@pytest.fixture
def pays(acme):
    """Have Acme pay for an organization from one month to another."""

    def pays(member, first_month="2026-01", last_month=""):
        with service():
            Payer.objects.create(
                organization=member, organization_name=member.name, payer=acme, payer_name="Acme",
                first_month=first_month, last_month=last_month,
            )  # fmt: skip

    return pays


@pytest.fixture
def globex(charlie):
    """Return Charlie's organization."""
    return organizations.found(name="Globex", owner=charlie, country="FR")


def read(path, name):
    """Return a file of an export."""
    with zipfile.ZipFile(path) as archive:
        return archive.read(name).decode()


def test_who_pays_later_reads_what_came_late_and_no_more(
    acme, globex, use, pays, export, alice_client
):
    own = use(1_234_567, organization=globex)
    first = invoicing.finalize(globex, JANUARY)
    pays(globex, "2026-02")
    late = use(2_345_678, day=3, organization=globex)
    use(3_000_000, organization=globex, period=FEBRUARY)
    use(4_000_000, period=FEBRUARY)
    made = invoicing.finalize(acme, FEBRUARY)
    seal_all()

    path = export(made)
    done = verify(path)

    assert (done.returncode, done.stderr) == (0, "")
    assert f"month 2026-01 of organization {globex.pk}: invoice {first.number} of" in done.stdout
    assert f"organization {globex.pk}: each line was made again from what came late" in done.stdout
    address = f"/api/v1/organizations/acme/invoices/{made.number}"
    events = b"".join(alice_client.get(f"{address}/events.csv")).decode()
    for shown in (read(path, "receipts.jsonl"), events):
        assert (own in shown, late in shown) == (False, True)
    assert not any(it.startswith("earlier-") for it in zipfile.ZipFile(path).namelist())
    with service():
        line = made.lines.get(used_by=globex.pk, corrects__isnull=False)
    days = alice_client.get(f"{address}/lines/{line.position}/days").json()
    assert [(it["day"], it["tokens"]) for it in days] == [("2026-01-04", 2_345_678)]


def test_a_second_correction_of_such_a_month_holds_too(acme, globex, use, pays, export):
    use(1_234_567, organization=globex)
    invoicing.finalize(globex, JANUARY)
    pays(globex, "2026-02")
    made = []
    for tokens, period in ((333_333, FEBRUARY), (777_777, MARCH)):
        use(tokens, organization=globex)
        use(1_000_000, period=period)
        made.append(invoicing.finalize(acme, period))
    seal_all()

    for one in made:
        done = verify(export(one))

        assert (done.returncode, done.stderr) == (0, "")
        assert "each line was made again from what came late" in done.stdout


def test_what_late_usage_makes_of_a_volume_is_not_proven(acme, globex, use, used, pays, export):
    with service():
        offer = Offer.objects.get(name="atlas-mini")
        book = books.create(
            code="globex", name="Globex", currency="EUR", by=None, organization=globex
        )
        price = Price.objects.create(
            book=book, offer=offer, token_part="input", effective_from=JANUARY.start,
            definition={
                "model": "volume",
                "tiers": [{"up_to": "1500", "unit_amount": "0.02"}, {"unit_amount": "0.01"}],
            },
        )  # fmt: skip
    facts = {
        "parts": {"input": 1000}, "amounts": {"input": Decimal(20)},
        "price_ids": {"input": price.pk}, "occurred_at": JANUARY.start + timedelta(days=9),
    }  # fmt: skip
    used("20", organization=globex, **facts)
    invoicing.finalize(globex, JANUARY)
    pays(globex, "2026-02")
    used("20", organization=globex, **facts)
    use(4_000_000, period=FEBRUARY)
    made = invoicing.finalize(acme, FEBRUARY)
    seal_all()

    done = verify(export(made))

    assert (done.returncode, done.stderr) == (3, "")
    assert "was not made again: it depends on what others were invoiced for" in done.stdout


def test_who_leaves_a_group_proves_its_month_with_its_part(
    acme, globex, charlie, use, pays, export
):
    pays(globex, "2026-01", "2026-01")
    secret = use(1_000_000)
    use(1_234_567, organization=globex)
    first = invoicing.finalize(acme, JANUARY)
    use(2_345_678, organization=globex)
    use(7, organization=globex, period=FEBRUARY)
    made = invoicing.finalize(globex, FEBRUARY)
    seal_all()

    path = export(made, signed_in(charlie))
    done = verify(path)

    assert (done.returncode, done.stderr) == (0, "")
    assert f"earlier invoice {first.number} was issued to organization {acme.pk}" in done.stdout
    assert secret not in read(path, "receipts.jsonl")
    part = json.loads(read(path, f"earlier-{first.number}.json"))
    assert [it["quantity"] for it in part["lines"]] == ["1234567"]
    assert {"buyer", "seller", "net", "total"} & part.keys() == set()


def test_a_month_that_was_paid_for_is_corrected_after_its_member_came_back(
    acme, globex, use, pays, export
):
    pays(globex, "2026-01", "2026-01")
    use(1_234_567, organization=globex)
    invoicing.finalize(acme, JANUARY)
    use(2_345_678, organization=globex)
    between = invoicing.finalize(globex, FEBRUARY)
    pays(globex, "2026-03")
    use(345_678, organization=globex)
    use(1_000_000, period=MARCH)
    made = invoicing.finalize(acme, MARCH)
    seal_all()

    done = verify(export(made))

    assert (done.returncode, done.stderr) == (0, "")
    assert f"earlier invoice {between.number} was issued to organization {globex.pk}" in done.stdout


def test_what_others_committed_to_is_theirs(acme, globex, use, pays, export):
    with service():
        Contract.objects.create(
            organization=globex, number="C-9", status="active", starts_on=JANUARY.start.date(),
            ends_on=JANUARY.end.date() - timedelta(days=1),
            time_zone="UTC", effective_from=JANUARY.start, signed_at=JANUARY.start,
            commitment=Decimal(100_000), late_days=3650,
        )  # fmt: skip
    use(1_000_000, organization=globex)
    invoicing.finalize(globex, JANUARY)
    pays(globex, "2026-02")
    use(1_000_000, organization=globex)
    use(4_000_000, period=FEBRUARY)
    made = invoicing.finalize(acme, FEBRUARY)
    seal_all()

    path = export(made)
    done = verify(path)

    assert (done.returncode, done.stderr) == (3, "")
    assert "2026-01,C-9" not in read(path, "commitments.csv")

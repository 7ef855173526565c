"""One organization pays for others: one invoice, one tax, one limit; each month once."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import Error, connections
from django.utils import timezone

from billing import funds, groups, periods, queries, reading
from billing.models import (
    Contract,
    CreditGrant,
    Invoice,
    InvoiceLine,
    InvoicePart,
    LedgerEntry,
    Payer,
)
from billing.services import invoicing, limits, payers
from common.database import service
from common.errors import Conflict, DomainError
from tenants.models import AuditEntry, Organization, Project
from tenants.scope import scope
from tenants.services import organizations
from tests.billing.terms import profile
from tests.support.people import signed_in

__all__ = ["profile"]

JANUARY, FEBRUARY, MARCH = (periods.month(2026, number, "UTC") for number in (1, 2, 3))
INSIDE = timedelta(days=9)


@pytest.fixture
def dana(person):
    """Owns the branch."""
    return person("dana@branch.example", name="Dana")


@pytest.fixture
def branch(dana):
    """Another organization of Acme's legal customer."""
    return organizations.found(name="Branch", owner=dana, country="FR")


@pytest.fixture
def sam(person):
    """A member of the operator's staff."""
    return person("sam@operator.example", is_staff=True)


@pytest.fixture
def pays(acme, branch):
    """Let Acme pay for months of the branch's."""

    def pays(first="2026-01", last="", organization=branch, payer=acme):
        with service():
            return Payer.objects.create(
                organization=organization,
                organization_name=organization.name,
                payer=payer,
                payer_name=payer.name,
                first_month=first,
                last_month=last,
            )

    return pays


@pytest.fixture
def use_of(branch, use):
    """Record usage of the branch's."""
    with scope(branch):
        project = Project.objects.get()

    async def use_of(price, tokens, at, **facts):
        own = {"organization_id": branch.pk, "project_id": project.pk}
        await use(price, tokens, at, **own, **facts)

    return use_of


def told(invoice):
    """Return the sections and amounts of an invoice's lines."""
    with service():
        return [(line.section, line.amount) for line in invoice.lines.all()]


def owed(organization):
    """Return what an organization owes by its ledger."""
    with service():
        entries = LedgerEntry.objects.filter(organization=organization, account__kind="receivable")
        return sum(entry.amount for entry in entries)


def asked_for():
    """Return what all invoices together ask for before tax."""
    with service():
        return sum(invoice.net for invoice in Invoice.objects.all())


async def test_one_invoice_tells_of_all_and_is_taxed_once(acme, branch, price, use, use_of, pays):
    one = price("0.000333333333")
    pays()
    await use(one, 1000, JANUARY.start + INSIDE)
    await use_of(one, 500, JANUARY.start + INSIDE)

    invoice = invoicing.finalize(acme, JANUARY)

    assert invoicing.finalize(branch, JANUARY) is None
    assert told(invoice) == [("Acme", Decimal("0.33")), ("Branch", Decimal("0.17"))]
    assert (invoice.net, invoice.tax, invoice.total) == (
        Decimal("0.50"),
        Decimal("0.10"),
        Decimal("0.60"),
    )
    with service():
        part = InvoicePart.objects.get()
    assert (part.organization_id, part.net, part.number) == (
        branch.pk,
        Decimal("0.17"),
        invoice.number,
    )


async def test_what_is_owed_moves_to_who_pays(acme, branch, price, use, use_of, pays):
    one = price("0.000333333333")
    pays()
    await use(one, 1000, JANUARY.start + INSIDE)
    await use_of(one, 500, JANUARY.start + INSIDE)

    invoice = invoicing.finalize(acme, JANUARY)

    assert (owed(branch), owed(acme)) == (0, invoice.total)
    with service():
        between = LedgerEntry.objects.filter(account__kind="group")
        assert sum(entry.amount for entry in between) == 0
        assert between.count() == 2


async def test_who_only_pays_is_invoiced_too(acme, branch, price, use_of, pays):
    pays()
    await use_of(price("0.001"), 1000, JANUARY.start + INSIDE)

    invoice = invoicing.finalize(acme, JANUARY)

    assert told(invoice) == [("Branch", Decimal(1))]


async def test_each_month_stands_once_as_a_member_comes_and_goes(
    acme, branch, price, use, use_of, pays
):
    one = price("0.001")
    pays("2026-02", "2026-02")
    for month in (JANUARY, FEBRUARY, MARCH):
        await use(one, 1000, month.start + INSIDE)
        await use_of(one, 2000, month.start + INSIDE)

    found = [
        invoicing.finalize(organization, month)
        for month in (JANUARY, FEBRUARY, MARCH)
        for organization in (branch, acme)
    ]

    assert [it and told(it) for it in found] == [
        [("", Decimal(2))],
        [("", Decimal(1))],
        None,
        [("Acme", Decimal(1)), ("Branch", Decimal(2))],
        [("", Decimal(2))],
        [("", Decimal(1))],
    ]
    assert asked_for() == 9


async def test_what_comes_late_is_corrected_by_who_pays_then(acme, branch, price, use_of, pays):
    one = price("0.000333333333")
    pays("2026-01", "2026-01")
    await use_of(one, 1000, JANUARY.start + INSIDE)
    invoicing.finalize(acme, JANUARY)
    await use_of(one, 500, JANUARY.start + INSIDE)

    late = invoicing.finalize(branch, FEBRUARY)

    assert invoicing.finalize(acme, FEBRUARY) is None
    assert told(late) == [("", Decimal("0.17"))]
    assert asked_for() == Decimal("0.50")


async def test_a_month_that_was_invoiced_before_is_corrected_on_the_payers_invoice(
    acme, branch, price, use_of, pays
):
    one = price("0.000333333333")
    await use_of(one, 1000, JANUARY.start + INSIDE)
    invoicing.finalize(branch, JANUARY)
    pays("2026-02")
    await use_of(one, 500, JANUARY.start + INSIDE)

    late = invoicing.finalize(acme, FEBRUARY)

    assert told(late) == [("Branch", Decimal("0.17"))]
    assert asked_for() == Decimal("0.50")


async def test_each_member_divides_its_own_part(acme, branch, price, use, use_of, pays, profile):
    one = price("0.001")
    pays()
    profile(split_by="project")
    await use(one, 1000, JANUARY.start + INSIDE)
    await use_of(one, 2000, JANUARY.start + INSIDE)
    first = invoicing.finalize(acme, JANUARY)
    await use(one, 500, JANUARY.start + INSIDE)

    second = invoicing.finalize(acme, FEBRUARY)

    assert told(first) == [("Acme · Default", Decimal(1)), ("Branch", Decimal(2))]
    assert told(second) == [("Default", Decimal("0.5"))]


async def test_members_see_their_own_lines_and_no_others(
    acme, branch, dana, alice_client, price, use, use_of, pays
):
    one = price("0.001")
    pays()
    await use(one, 1000, JANUARY.start + INSIDE)
    await use_of(one, 2000, JANUARY.start + INSIDE)
    invoice = invoicing.finalize(acme, JANUARY)
    client = signed_in(dana)
    address = f"/o/branch/billing/invoices/{invoice.number}/"

    theirs = client.get(address).content.decode()
    listed = client.get("/o/branch/billing/invoices/").content.decode()
    file = client.get(f"{address}as/csv/").content.decode()
    whole = alice_client.get(f"/o/acme/billing/invoices/{invoice.number}/").content.decode()

    assert "Part of invoice" in theirs
    assert "2.00" in theirs
    assert "3.00" not in theirs
    assert invoice.number in listed
    assert file.count("\n") == 2
    assert "Subtotal: <bdi>Branch</bdi>" in whole
    assert "3.00" in whole
    assert client.get(f"{address}pdf/").content.startswith(b"%PDF")
    assert client.get(f"/o/acme/billing/invoices/{invoice.number}/").status_code == 404
    with scope(branch):
        assert InvoiceLine.objects.count() == 1
        assert not Invoice.objects.exists()


async def test_a_members_programs_read_its_part_and_no_other(
    acme, branch, dana, alice_client, price, use, use_of, pays
):
    one = price("0.001")
    pays()
    await use(one, 1000, JANUARY.start + INSIDE)
    await use_of(one, 2000, JANUARY.start + INSIDE)
    invoice = invoicing.finalize(acme, JANUARY)
    api, client = "/api/v1/organizations/branch/invoice-parts", signed_in(dana)

    [listed] = client.get(api).json()["results"]
    found = client.get(f"{api}/{invoice.number}").json()

    assert (listed["number"], listed["payer"], listed["net"]) == (invoice.number, "Acme", "2")
    assert [(it["quantity"], it["amount"]) for it in found["lines"]] == [("2000", "2")]
    assert client.get(f"{api}/TES-2026-999999").status_code == 404
    own = f"/api/v1/organizations/acme/invoice-parts/{invoice.number}"
    assert (alice_client.get(own).status_code, client.get(own).status_code) == (404, 404)


async def test_the_payers_draft_tells_of_all_and_the_members_of_its_own(
    acme, branch, dana, alice_client, price, use, use_of, pays
):
    one = price("0.001")
    now = timezone.now()
    pays(groups.this_month(branch))
    await use(one, 1000, now)
    await use_of(one, 2000, now)
    label = groups.this_month(acme)

    payers_page = alice_client.get(f"/o/acme/billing/invoices/{label}/").content.decode()
    members_page = signed_in(dana).get(f"/o/branch/billing/invoices/{label}/").content.decode()

    assert "Subtotal: <bdi>Branch</bdi>" in payers_page
    assert "Acme pays for this month" in members_page
    assert "Subtotal: <bdi>Acme" not in members_page
    assert reading.running(acme).total.amount == Decimal("3.60")
    assert reading.running(branch).total.amount == Decimal(2)
    listed = alice_client.get("/o/acme/billing/invoices/").content.decode()
    assert "You pay for other organizations too" in listed


async def test_a_members_line_leads_to_its_days(acme, branch, alice_client, price, use_of, pays):
    pays()
    await use_of(price("0.001"), 2000, JANUARY.start + INSIDE)
    invoice = invoicing.finalize(acme, JANUARY)

    page = alice_client.get(f"/o/acme/billing/invoices/{invoice.number}/lines/1/")
    days = alice_client.get(f"/api/v1/organizations/acme/invoices/{invoice.number}/lines/1/days")

    assert page.status_code == 200
    assert [day["tokens"] for day in days.json()] == [2000]


async def test_usage_on_anothers_invoice_counts_as_told_of(acme, branch, price, use_of, pays):
    pays()
    await use_of(price("0.001"), 2000, JANUARY.start + INSIDE)
    invoicing.finalize(acme, JANUARY)

    with service():
        assert queries.untold(timezone.now() - timedelta(hours=1)) == []


def test_a_month_begins_with_its_payer_and_ends_with_it(acme, branch, sam):
    with service():
        agreed = payers.begin(branch, acme, by=sam)
        month = groups.this_month(branch)
        assert (agreed.first_month, agreed.last_month) == (month, "")
        payers.end(agreed, by=sam)
        agreed.refresh_from_db()
        assert agreed.last_month == month
        told = AuditEntry.objects.filter(action__startswith="payer.").order_by("occurred_at")
        assert {(it.action, it.organization_id) for it in told} == {
            ("payer.began", branch.pk),
            ("payer.began", acme.pk),
            ("payer.ended", branch.pk),
            ("payer.ended", acme.pk),
        }


def test_what_has_not_begun_is_gone_when_it_is_ended(acme, branch, sam):
    with service():
        payers.end(payers.begin(branch, acme, by=sam, next_month=True), by=sam)

        assert not Payer.objects.exists()


def test_an_ended_one_is_not_ended_again(acme, branch, sam):
    with service():
        agreed = payers.begin(branch, acme, by=sam)
        payers.end(agreed, by=sam)
    with pytest.raises(Conflict), service():
        payers.end(agreed, by=sam)


def test_nobody_pays_twice_or_for_who_pays_for_others(acme, branch, sam, charlie):
    other = organizations.found(name="Other", owner=charlie, country="FR")
    with service():
        payers.begin(branch, acme, by=sam)
    for organization, payer in ((branch, other), (acme, other), (other, branch), (acme, acme)):
        with pytest.raises(DomainError), service():
            payers.begin(organization, payer, by=sam)
    with service():
        assert Payer.objects.count() == 1


def test_the_database_refuses_two_payers_of_a_month_and_chains(acme, branch, pays, charlie):
    other = organizations.found(name="Other", owner=charlie, country="FR")
    pays("2026-01", "2026-03")

    for facts in (
        {"first": "2026-03", "payer": other},
        {"organization": acme, "payer": other, "first": "2026-02"},
        {"organization": other, "payer": branch, "first": "2025-12"},
    ):
        with pytest.raises(Error):
            pays(**facts)
    pays("2026-04", payer=other)


def test_another_currency_is_not_paid_for(acme, branch, sam):
    with service():
        Organization.objects.filter(pk=branch.pk).update(currency="USD")
    with pytest.raises(DomainError), service():
        payers.begin(branch, acme, by=sam)


async def test_the_database_refuses_a_month_on_two_invoices(acme, branch, price, use_of, pays):
    pays()
    await use_of(price("0.001"), 2000, JANUARY.start + INSIDE)
    invoice = invoicing.finalize(acme, JANUARY)

    invoice.pk, invoice.number, invoice.organization = branch.pk, "X-1", branch
    with pytest.raises(Error, match="another invoice"), service():
        invoice.save(force_insert=True)


async def test_two_who_close_a_groups_month_at_once_write_one_invoice(
    acme, branch, price, use, use_of, pays
):
    one = price("0.001")
    pays()
    await use(one, 1000, JANUARY.start + INSIDE)
    await use_of(one, 2000, JANUARY.start + INSIDE)
    start = threading.Barrier(4)

    def close(organization):
        start.wait()
        invoicing.finalize(organization, JANUARY)
        connections.close_all()

    threads = [threading.Thread(target=close, args=(it,)) for it in (acme, branch, acme, branch)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert asked_for() == 3
    assert (owed(branch), owed(acme)) == (0, Decimal("3.60"))


@pytest.fixture
def postpaid(acme):
    """Put Acme's contract on record: it may owe a hundred, and commits to ten a month."""
    with service():
        return Contract.objects.create(
            organization=acme,
            number="C-1",
            status="active",
            starts_on=JANUARY.start.date(),
            effective_from=JANUARY.start,
            overage="credit_then_invoice",
            credit_limit=Decimal(100),
            commitment=Decimal(10),
        )


async def test_what_a_group_uses_counts_towards_what_its_payer_committed_to(
    acme, branch, postpaid, price, use, use_of, pays
):
    one = price("0.001")
    pays()
    await use(one, 1000, FEBRUARY.start + INSIDE)
    await use_of(one, 6000, FEBRUARY.start + INSIDE)

    invoice = invoicing.finalize(acme, FEBRUARY)

    assert told(invoice) == [("Acme", Decimal(1)), ("Acme", Decimal(3)), ("Branch", Decimal(6))]
    assert (owed(branch), owed(acme)) == (0, Decimal(12))


async def test_a_group_never_owes_more_together_than_its_payer_may(
    acme, branch, postpaid, conn, settled, pays
):
    pays("2026-01")
    with scope(branch):
        project = Project.objects.get()
    limits.sync_all()
    taken = await funds.take(
        conn,
        process_id="p1",
        organization_id=branch.pk,
        token_class_id=None,
        currency="EUR",
        money_needed=Decimal(80),
        tokens_needed=Decimal(0),
    )
    own = {"organization_id": branch.pk, "project_id": project.pk}
    await funds.record(conn, process_id="p1", batch=[settled("r1", "50", taken, **own)])
    limits.sync_all()

    assert sum(it.quantity for it in taken) == 50
    assert (limit_of(acme), limit_of(branch)) == (25, 25)
    assert owed(branch) == 50


def limit_of(organization):
    """Return what an organization may still owe."""
    with service():
        return CreditGrant.objects.get(organization=organization, kind="limit").remaining


def test_a_group_shares_the_limit_of_who_pays(acme, branch, sam, postpaid):
    with service():
        agreed = payers.begin(branch, acme, by=sam)

    assert (limit_of(acme), limit_of(branch)) == (50, 50)
    with service():
        Payer.objects.filter(pk=agreed.pk).delete()
        limits.sync(acme)
        limits.sync(branch)
    assert (limit_of(acme), limit_of(branch)) == (100, 0)


def test_members_owe_nothing_more_while_their_payer_is_shut_out(acme, branch, sam, postpaid):
    with service():
        payers.begin(branch, acme, by=sam)
        organizations.suspend(acme, reason="Invoice is overdue", by=None)
        limits.sync_all()

    assert limit_of(branch) == 0


def test_staff_let_one_pay_for_another(acme, branch, staff_client):
    page = "/staff/customers/branch/payer/"

    unknown = staff_client.post(page, {"payer": "nobody", "begins": "this"})
    same = staff_client.post(page, {"payer": "branch", "begins": "this"})
    begun = staff_client.post(page, {"payer": "acme", "begins": "this"})

    assert (unknown.status_code, same.status_code, begun.status_code) == (422, 422, 302)
    with service():
        agreed = Payer.objects.get()
    assert "Acme" in staff_client.get(page).content.decode()
    assert "Branch" in staff_client.get("/staff/customers/acme/payer/").content.decode()
    ended = staff_client.post(f"/staff/payers/{agreed.pk}/end/")
    assert ended.status_code == 302


def test_what_was_written_off_counts_against_a_groups_limit_too(acme, branch, sam, postpaid, bill):
    invoice = bill("60")
    with service():
        payers.begin(branch, acme, by=sam)
        Invoice.objects.filter(pk=invoice.pk).update(status=Invoice.Status.UNCOLLECTIBLE)
    limits.sync_all()

    assert (limit_of(acme), limit_of(branch)) == (20, 20)


async def test_a_renamed_members_line_still_leads_to_its_days(
    acme, branch, alice_client, price, use, use_of, pays
):
    one = price("0.001")
    pays()
    await use(one, 1000, JANUARY.start + INSIDE)
    await use_of(one, 2000, JANUARY.start + INSIDE)
    invoice = invoicing.finalize(acme, JANUARY)
    with service():
        organizations.change(branch, by=None, name="Twig")
        organizations.change(acme, by=None, name="Peak")

    address = f"/api/v1/organizations/acme/invoices/{invoice.number}/lines"
    days = [alice_client.get(f"{address}/{place}/days").json() for place in (1, 2)]

    assert [[day["tokens"] for day in each] for each in days] == [[1000], [2000]]


async def test_the_payer_reads_what_contracts_of_all_ask_for(
    acme, branch, alice_client, postpaid, price, use, use_of, pays
):
    one = price("0.001")
    pays()
    await use(one, 1000, FEBRUARY.start + INSIDE)
    await use_of(one, 2000, FEBRUARY.start + INSIDE)
    invoice = invoicing.finalize(acme, FEBRUARY)

    address = f"/api/v1/organizations/acme/invoices/{invoice.number}/commitments.csv"
    answer = alice_client.get(address)

    assert answer.status_code == 200
    assert b"".join(answer).decode().count("C-1") == 1


def test_sections_whose_names_differ_only_late_stay_two():
    member, same = "M" * 100, "P" * 80
    first, second = (groups.section(member, f"{same}{it}") for it in "ab")

    assert (len(first), len(second), first != second) == (120, 120, True)
    assert groups.section(member, f"{same}a") == first
    assert groups.section("Branch", "Lab") == "Branch · Lab"
    assert groups.own_section(first, [member]).startswith("PPP")

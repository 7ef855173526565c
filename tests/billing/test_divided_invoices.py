"""Invoices divided by project, cost centre or key: the same to the last digit as undivided."""

import csv
import io
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as looped
from hypothesis import strategies as st

from billing import documents, downloads, evidence, periods, sharing
from billing.drafts import DraftLine
from billing.models import CostCentre, CostCentreProject, InvoiceLine
from billing.services import invoicing
from common.database import service
from common.money import round_to_minor
from tenants.models import Project
from tenants.scope import scope
from tenants.services import api_keys, organizations
from tests.billing.terms import profile

__all__ = ["profile"]

JANUARY, FEBRUARY = (periods.month(2026, number, "UTC") for number in (1, 2))
INSIDE = timedelta(days=9)
SETTINGS, CENTRES = "/o/acme/billing/settings/", "/o/acme/billing/cost-centres/"
WEIGHTS = st.lists(st.integers(1, 10**9).map(Decimal), min_size=1, max_size=8)


@pytest.fixture
def lab(acme, project):
    """A second project of Acme's."""
    with scope(acme):
        return Project.objects.create(organization=acme, name="Lab", slug="lab")


@pytest.fixture
def elsewhere(charlie):
    """The organization of a stranger."""
    return organizations.found(name="Elsewhere", owner=charlie, country="FR")


def told(invoice):
    """Return the sections, quantities and amounts of an invoice's lines."""
    with service():
        lines = invoice.lines.all()
        return [(line.section, line.quantity, line.amount) for line in lines]


@looped(deadline=None)
@given(st.integers(-(10**9), 10**9), WEIGHTS, st.sampled_from([0, 2, 3, 12]))
def test_parts_are_together_the_whole_and_each_within_a_unit_of_its_share(units, weights, digits):
    unit = Decimal(1).scaleb(-digits)
    total = units * unit

    found = sharing.parts(total, weights, digits)

    assert sum(found) == total
    for part, weight in zip(found, weights, strict=True):
        assert abs(part * sum(weights) - total * weight) < unit * sum(weights)


@looped(deadline=None)
@given(WEIGHTS, st.decimals("0.000000000001", "1", places=12))
def test_no_division_changes_what_a_line_comes_to(weights, unit):
    tokens = sum(weights)
    exact = (tokens * unit).quantize(Decimal("1e-12"))
    shares = tuple((f"part {number}", weight) for number, weight in enumerate(weights))
    amount = round_to_minor(exact, "EUR")
    line = DraftLine("usage", "atlas", tokens, unit, exact, amount, shares=shares)

    found = sharing.divided([line], "EUR")

    assert [it.quantity for it in sorted(found, key=lambda it: it.section)] == [
        weight for _name, weight in sorted(shares)
    ]
    assert sum(it.exact_amount for it in found) == exact
    assert sum(it.amount for it in found) == amount
    assert all(it.exact_amount == it.quantity * unit for it in found)


def test_what_does_not_come_out_even_goes_to_whose_share_was_cut_most():
    assert sharing.parts(Decimal("0.10"), [Decimal(1), Decimal(1), Decimal(1)], 2) == [
        Decimal("0.04"),
        Decimal("0.03"),
        Decimal("0.03"),
    ]
    assert sharing.parts(Decimal("-0.01"), [Decimal(1), Decimal(2)], 2) == [0, Decimal("-0.01")]


async def test_an_invoice_by_project_comes_to_what_it_would_undivided(
    acme, lab, price, use, profile
):
    one = price("0.000333333333")
    profile(split_by="project")
    await use(one, 500, JANUARY.start + INSIDE)
    await use(one, 1000, JANUARY.start + INSIDE, project_id=lab.pk)
    with service():
        whole = invoicing.rerated(acme, JANUARY)
        shown = documents.of_draft(acme, JANUARY)

    invoice = invoicing.finalize(acme, JANUARY)

    assert told(invoice) == [
        ("Default", 500, Decimal("0.17")),
        ("Lab", 1000, Decimal("0.33")),
    ]
    assert (invoice.net, invoice.exact_net) == (whole.net, whole.exact_net)
    with service():
        written = documents.of_invoice(invoice, "UTC")
    assert [(it.title, it.subtotal) for it in shown.sections] == [
        (it.title, it.subtotal) for it in written.sections
    ]


async def test_late_usage_stands_in_the_section_that_used_it(acme, lab, price, use, profile):
    one = price("0.000333333333")
    profile(split_by="project")
    await use(one, 1000, JANUARY.start + INSIDE)
    await use(one, 1000, JANUARY.start + INSIDE, project_id=lab.pk)
    invoicing.finalize(acme, JANUARY)
    await use(one, 500, JANUARY.start + INSIDE, project_id=lab.pk)

    second = invoicing.finalize(acme, FEBRUARY)

    assert told(second) == [("Lab", 500, Decimal("0.16"))]


async def test_what_an_undivided_invoice_told_is_corrected_in_proportion(
    acme, lab, price, use, profile
):
    one = price("0.001")
    await use(one, 1000, JANUARY.start + INSIDE)
    await use(one, 2000, JANUARY.start + INSIDE, project_id=lab.pk)
    invoicing.finalize(acme, JANUARY)
    profile(split_by="project")
    await use(one, 1000, JANUARY.start + INSIDE, project_id=lab.pk)

    second = invoicing.finalize(acme, FEBRUARY)

    assert told(second) == [
        ("Default", 250, Decimal("0.25")),
        ("Lab", 750, Decimal("0.75")),
    ]


async def test_credit_stands_under_all_for_it_belongs_to_no_project(
    acme, lab, price, use, profile, give, take, conn
):
    one = price("0.001")
    profile(split_by="project")
    give("1")
    await use(one, 1000, JANUARY.start + INSIDE, leases=await take(conn, "1"))
    await use(one, 2000, JANUARY.start + INSIDE, project_id=lab.pk)

    invoice = invoicing.finalize(acme, JANUARY)

    with service():
        sections = documents.of_invoice(invoice, "UTC").sections
    assert [(it.title, it.subtotal.amount) for it in sections] == [
        ("Default", Decimal(1)),
        ("Lab", Decimal(2)),
        ("For the whole organization", Decimal(-1)),
    ]


async def test_projects_of_one_cost_centre_stand_together(acme, project, lab, price, use, profile):
    one = price("0.001")
    profile(split_by="centre")
    with service():
        other = Project.objects.create(organization=acme, name="Other", slug="other")
        centre = CostCentre.objects.create(organization=acme, code="4711", name="Research")
        for it in (project, lab):
            CostCentreProject.objects.create(organization=acme, cost_centre=centre, project=it)
    await use(one, 1000, JANUARY.start + INSIDE)
    await use(one, 2000, JANUARY.start + INSIDE, project_id=lab.pk)
    await use(one, 4000, JANUARY.start + INSIDE, project_id=other.pk)

    invoice = invoicing.finalize(acme, JANUARY)

    assert told(invoice) == [
        ("4711 Research", 3000, Decimal(3)),
        ("No cost centre", 4000, Decimal(4)),
    ]


async def test_usage_without_a_key_stands_apart_from_that_of_keys(acme, alice, price, use, profile):
    one = price("0.001")
    profile(split_by="key")
    with scope(acme):
        key = api_keys.create(acme, name="Robot", by=alice).api_key
    await use(one, 1000, JANUARY.start + INSIDE, api_key_id=key.pk)
    await use(one, 2000, JANUARY.start + INSIDE)

    invoice = invoicing.finalize(acme, JANUARY)

    assert told(invoice) == [
        (str(key), 1000, Decimal(1)),
        ("Without a key", 2000, Decimal(2)),
    ]


async def test_a_divided_line_leads_to_the_days_of_its_section(acme, lab, price, use, profile):
    one = price("0.001")
    profile(split_by="project")
    await use(one, 1000, JANUARY.start + INSIDE)
    await use(one, 2000, JANUARY.start + INSIDE, project_id=lab.pk)
    invoice = invoicing.finalize(acme, JANUARY)

    with scope(acme):
        line = InvoiceLine.objects.select_related("invoice").get(invoice=invoice, section="Lab")
        days = evidence.days(acme, line)

    assert [(it.day, it.tokens, it.amount.amount) for it in days] == [
        ((JANUARY.start + INSIDE).date(), 2000, 2)
    ]


async def test_every_form_of_a_divided_invoice_names_the_sections(acme, lab, price, use, profile):
    one = price("0.001")
    profile(split_by="project")
    await use(one, 1000, JANUARY.start + INSIDE)
    await use(one, 2000, JANUARY.start + INSIDE, project_id=lab.pk)
    invoice = invoicing.finalize(acme, JANUARY)

    with scope(acme):
        document = documents.named(acme, invoice.number)
        sheet = downloads.file(document, "csv").content.decode()
        book = downloads.file(document, "xlsx").content

    assert [row["section"] for row in csv.DictReader(io.StringIO(sheet))] == ["Default", "Lab"]
    assert book.startswith(b"PK")


def test_cost_centres_are_added_charged_and_removed(acme, lab, alice_client):
    added = alice_client.post(CENTRES, {"code": "4711", "name": "Research"})
    again = alice_client.post(CENTRES, {"code": "4711", "name": "Other"})
    with service():
        centre = CostCentre.objects.get()
    charged = alice_client.post(f"{CENTRES}charge/", {str(lab.pk): str(centre.pk)})
    kept = alice_client.post(f"{CENTRES}{centre.pk}/remove/")
    page = alice_client.get(CENTRES).content.decode()
    alice_client.post(f"{CENTRES}charge/", {str(lab.pk): ""})
    removed = alice_client.post(f"{CENTRES}{centre.pk}/remove/")

    assert (added.status_code, again.status_code, charged.status_code) == (302, 422, 302)
    assert "There is one with this code already." in again.content.decode()
    assert kept.status_code == 409
    assert "Lab" in page
    assert removed.status_code == 302
    with service():
        assert not CostCentre.objects.exists()


def test_who_does_not_manage_billing_charges_nothing(acme, bob_client):
    assert bob_client.post(CENTRES, {"code": "1", "name": "Mine"}).status_code == 403
    with service():
        assert not CostCentre.objects.exists()


def test_another_customers_project_or_cost_centre_cannot_be_charged(
    acme, lab, alice_client, elsewhere
):
    with service():
        theirs = CostCentre.objects.create(organization=elsewhere, code="1", name="Theirs")

    refused = alice_client.post(f"{CENTRES}charge/", {str(lab.pk): str(theirs.pk)})

    assert refused.status_code == 422
    with service():
        assert not CostCentreProject.objects.exists()


def test_the_division_is_chosen_with_the_billing_details(acme, alice_client):
    details = {"legal_name": "Acme", "line1": "1 rue", "city": "Paris", "country": "FR"}

    saved = alice_client.post(SETTINGS, details | {"split_by": "project"})
    kept = alice_client.post(SETTINGS, details)

    assert (saved.status_code, kept.status_code) == (302, 302)
    assert 'value="project" selected' in alice_client.get(SETTINGS).content.decode()

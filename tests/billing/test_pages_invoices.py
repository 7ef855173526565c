"""Invoices: the list and its filters, one of them on the screen, and the same as PDF."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone, translation
from pypdf import PdfReader

from billing import documents, pdf, periods
from billing.models import Contract, PricedBucket, RatedUsage, SpendBucket
from billing.rating.tokens import Unpriced
from billing.services import invoicing, profiles
from common.database import service
from common.ids import uuid7
from marketplace import demo
from marketplace.models import Price
from metering.models import UsageEvent
from tenants.models import Project
from tenants.scope import scope

LIST = "/o/acme/billing/invoices/"
DETAILS = {
    "legal_name": "Ačme Құрылыс SARL",
    "line1": "1 rue de la Paix",
    "line2": "",
    "postal_code": "75002",
    "city": "Paris",
    "country": "FR",
    "vat_id": "FR40303265045",
    "purchase_order": "PO-17",
    "emails": [],
}


@pytest.fixture
def used(acme):
    """Say that Acme used these input tokens of atlas-mini at that moment, and what is unpaid."""
    demo.seed()

    def used(tokens, at, uncovered="0"):
        with service():
            price = Price.objects.standard().get(offer__name="atlas-mini", token_part="input")
            event = UsageEvent.objects.create(
                organization=acme,
                project=Project.objects.get(),
                source="test",
                event_id=str(uuid7()),
                offer_id=price.offer_id,
                offer_name="atlas-mini",
                region="eu-paris",
                input_tokens=tokens,
                price_ids={"input": str(price.pk)},
                outcome="ok",
                occurred_at=at,
            )
            RatedUsage.objects.create(
                id=event.pk,
                organization=acme,
                source="test",
                event_id=event.event_id,
                amount=tokens * price.per_token,
                currency="EUR",
                uncovered=Decimal(uncovered),
                occurred_at=at,
            )
            bucket = {"organization": acme, "offer_name": "atlas-mini", "starts_at": at}
            PricedBucket.objects.create(
                token_part="input", price_id=price.pk, tokens=tokens, **bucket
            )
            SpendBucket.objects.create(
                project=event.project,
                currency="EUR",
                amount=tokens * price.per_token,
                uncovered=Decimal(uncovered),
                **bucket,
            )

    return used


@pytest.fixture
def invoice(acme, alice, used):
    """Acme's invoice of last February: three million and one tokens, all of them unpaid."""
    with scope(acme):
        profiles.update(acme, by=alice, facts=DETAILS)
    used(3_000_001, datetime(2026, 2, 10, tzinfo=UTC), uncovered="0.45000015")
    return invoicing.finalize(acme, periods.month(2026, 2, "UTC"))


def text_of(response):
    """Return a page's visible words, one space between each."""
    page = re.sub(r"<[^>]+>", " ", response.content.decode())
    return re.sub(r"[ \t\r\n\N{NO-BREAK SPACE}]+", " ", page)


def words_of(body):
    """Return a PDF's words, one space between each."""
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(body)).pages)
    return re.sub(r"[ \t\r\n\N{NO-BREAK SPACE}]+", " ", text)


AMOUNTS = ("0.45 EUR", "0.45000015 EUR", "0.15 EUR", "0.09 EUR", "0.54 EUR", "-0.00000015 EUR")


def test_the_page_and_the_pdf_agree_to_the_last_digit(invoice, alice_client):
    shown = text_of(alice_client.get(f"{LIST}{invoice.number}/")).replace("\N{MINUS SIGN}", "-")
    printed = words_of(alice_client.get(f"{LIST}{invoice.number}/pdf/").content)
    printed = printed.replace("\N{MINUS SIGN}", "-")

    money = r"-?\d+\.\d+ EUR"
    assert sorted(re.findall(money, printed)) == sorted(re.findall(money, shown))
    assert set(AMOUNTS) == set(re.findall(money, shown))


@pytest.mark.parametrize(
    "words",
    [
        "TES-2026-000001",
        "Ačme Құрылыс SARL",
        "1 rue de la Paix",
        "VAT number FR40303265045",
        "PO-17",
        "Month 2026-02",
        "3 000 001",
        "VAT 20 %",
    ],
)
def test_the_pdf_says_who_what_and_when(invoice, alice_client, words):
    printed = words_of(alice_client.get(f"{LIST}{invoice.number}/pdf/").content)

    assert words in printed


def test_the_pdf_is_an_archive_document(invoice, alice_client):
    response = alice_client.get(f"{LIST}{invoice.number}/pdf/")

    reader = PdfReader(io.BytesIO(response.content))
    catalog = reader.trailer["/Root"]
    fonts = [
        font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
        for page in reader.pages
        for font in page["/Resources"]["/Font"].values()
    ]
    xmp = catalog["/Metadata"].get_object().get_data().decode()
    assert response["Content-Disposition"] == f'attachment; filename="{invoice.number}.pdf"'
    assert catalog["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in catalog
    assert catalog["/Lang"] == "en"
    assert fonts
    assert all("/FontFile2" in font or "/FontFile3" in font for font in fonts)
    assert {font["/FontName"].partition("+")[2].partition("-")[0] for font in fonts} <= {
        "Latin", "LatinExtended", "Cyrillic", "CyrillicExtended", "Arabic",
    }  # fmt: skip
    assert re.search(r'pdfaid:part(="|>)3', xmp)
    assert re.search(r'pdfaid:conformance(="|>)A', xmp)
    assert reader.metadata.title == f"Invoice {invoice.number}"


def test_the_pdf_in_arabic_runs_from_the_right(acme, invoice):
    with scope(acme), translation.override("ar"):
        body = pdf.invoice(documents.named(acme, invoice.number))

    assert PdfReader(io.BytesIO(body)).trailer["/Root"]["/Lang"] == "ar"


def test_nothing_is_fetched_for_a_document():
    for url in ("https://example.com/x.css", "file:///etc/passwd", "font:inter/../../settings"):
        with pytest.raises(pdf.FetchRefused):
            pdf.Fonts().fetch(url)
        with pytest.raises(pdf.FetchRefused):
            pdf.Nothing().fetch(url)


def test_the_running_month_is_a_draft(acme, used, alice_client):
    used(1_000_000, timezone.now(), uncovered="0.15")
    month = f"{timezone.now():%Y-%m}"

    listed = alice_client.get(LIST)
    shown = text_of(alice_client.get(f"{LIST}{month}/"))
    printed = alice_client.get(f"{LIST}{month}/pdf/")

    assert listed.context["running"].total.amount == Decimal("0.18")
    assert f"Draft {month}" in shown
    assert "It becomes an invoice when the month has ended." in words_of(printed.content)
    assert printed["Content-Disposition"] == f'attachment; filename="draft-{month}.pdf"'


@pytest.fixture
def unpriced(acme, used):
    """Say that Acme also used a model that had no price then, this month."""
    used(1_000_000, timezone.now(), uncovered="0.15")
    with service():
        UsageEvent.objects.create(
            organization=acme,
            project=Project.objects.get(),
            source="test",
            event_id=str(uuid7()),
            offer_id=uuid7(),
            offer_name="nova-1",
            region="eu-paris",
            input_tokens=7,
            output_tokens=3,
            price_ids={},
            outcome="ok",
            occurred_at=timezone.now(),
        )
        for part, tokens in (("input", 7), ("output", 3)):
            PricedBucket.objects.create(
                organization=acme,
                offer_name="nova-1",
                token_part=part,
                price_id=None,
                tokens=tokens,
                starts_at=timezone.now(),
            )


def test_a_running_month_names_what_has_no_price_and_goes_on(acme, unpriced, alice_client):
    month = f"{timezone.now():%Y-%m}"

    listed = alice_client.get(LIST)
    shown = text_of(alice_client.get(f"{LIST}{month}/"))
    printed = words_of(alice_client.get(f"{LIST}{month}/pdf/").content)

    assert listed.status_code == 200
    assert "Not priced yet: nova-1." in text_of(listed)
    assert listed.context["running"].total.amount == Decimal("0.18")
    assert "Not priced yet: nova-1." in shown
    assert "Not priced yet: nova-1." in printed
    assert "0.18 EUR" in shown


@pytest.fixture
def committed(acme):
    """Put on record that Acme commits to an amount from the second day of this month on."""
    second_day = periods.containing(timezone.now(), "UTC").start + timedelta(days=1)
    with service():
        return Contract.objects.create(
            organization=acme,
            number="C-1",
            status="active",
            starts_on=second_day.date(),
            effective_from=second_day,
            commitment=Decimal(10),
        )


def test_who_commits_to_an_amount_sees_the_month_without_what_has_no_price(
    acme, unpriced, committed, alice_client
):
    listed = alice_client.get(LIST)

    assert listed.context["running"].unpriced == ("nova-1",)
    assert listed.context["running"].total.amount > Decimal("0.18")


def test_a_month_with_usage_that_has_no_price_is_never_closed_without_it(acme, unpriced):
    with pytest.raises(Unpriced), scope(acme):
        invoicing.rerated(acme, periods.containing(timezone.now(), "UTC"))


def test_months_whose_usage_has_a_price_say_nothing_of_it(acme, used, alice_client):
    used(1_000_000, timezone.now())

    assert "Not priced yet" not in text_of(alice_client.get(LIST))


@pytest.mark.parametrize("number", ["2999-01", "2026-13", "TES-2026-999999", "x" * 300])
def test_a_document_that_is_not_there_does_not_exist(acme, alice_client, number):
    assert alice_client.get(f"{LIST}{number}/").status_code == 404
    assert alice_client.get(f"{LIST}{number}/pdf/").status_code == 404


def test_a_document_of_another_organization_does_not_exist(invoice, charlie_client):
    charlie_client.post(
        "/organizations/new/", {"name": "Other", "kind": "startup", "country": "CZ"}
    )

    for tail in ("", "pdf/"):
        address = f"/o/other/billing/invoices/{invoice.number}/{tail}"
        assert charlie_client.get(address).status_code == 404


def test_the_list_shows_state_due_day_and_purchase_order(invoice, alice_client):
    page = text_of(alice_client.get(LIST))

    assert "PO-17" in page
    assert "0.54 EUR" in page
    assert "Open" in page
    assert f"{invoice.due_at:%-d %b %Y}" in page


def test_an_open_invoice_past_its_day_is_overdue(acme, used, alice_client):
    used(3_000_001, datetime(2026, 2, 10, tzinfo=UTC), uncovered="0.45000015")
    with time_machine.travel("2026-03-01T00:00:00Z"):
        invoice = invoicing.finalize(acme, periods.month(2026, 2, "UTC"))

    assert "Overdue" in text_of(alice_client.get(f"{LIST}{invoice.number}/"))
    assert len(alice_client.get(LIST, {"status": "overdue"}).context["page"]) == 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"status": "open"}, 1),
        ({"status": "paid"}, 0),
        ({"status": "overdue"}, 0),
        ({"year": "this"}, 1),
        ({"year": "this", "status": "void"}, 0),
    ],
)
def test_filters_stand_in_the_address(invoice, alice_client, query, found):
    wanted = {name: value.replace("this", f"{timezone.now():%Y}") for name, value in query.items()}

    response = alice_client.get(LIST, wanted)

    assert response.status_code == 200
    assert len(response.context["page"]) == found


@pytest.mark.parametrize("query", [{"status": "lost"}, {"year": "1066"}, {"year": "%00"}])
@pytest.mark.parametrize("address", [LIST, "/o/acme/billing/invoices.csv"])
def test_a_filter_without_sense_is_named(acme, alice_client, address, query):
    response = alice_client.get(address, query)

    assert response.status_code == 422
    assert 'class="error-summary"' in response.content.decode()


def test_the_csv_holds_what_the_filter_finds(invoice, alice_client):
    response = alice_client.get("/o/acme/billing/invoices.csv", {"status": "open"})

    (row,) = csv.DictReader(io.StringIO(response.content.decode()))
    assert row["number"] == invoice.number
    assert row["purchase_order"] == "PO-17"
    assert (row["net"], row["tax_rate"], row["tax"], row["total"]) == (
        "0.45",
        "0.2",
        "0.09",
        "0.54",
    )


def test_an_invoice_that_is_not_there_is_said_to_be_nowhere(alice_client):
    response = alice_client.get("/o/acme/billing/invoices/TES-2020-000001/")

    assert response.status_code == 404
    assert "not_found" not in response.content.decode()

"""Electronic invoices as customers get them: in the PDF, beside it, and by mail."""

import io
import threading
import zipfile
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core import mail
from django.core.cache import cache
from django.db import connections
from facturx import get_xml_from_pdf, xml_check_xsd
from lxml import etree
from pypdf import PdfReader

from billing import document_mails
from billing.einvoice import facts
from billing.errors import DocumentBreaksRules
from billing.models import Correction, CreditNote, Invoice, Issuer
from billing.services import corrections, invoicing
from common.database import service
from common.mail import PutOff
from portal.celery import app
from tenants.services import organizations
from tests.billing.paper import invoice_of
from tests.billing.terms import electronic, profile
from tests.billing.test_invoicing import INSIDE, JANUARY
from tests.support import mail_server

__all__ = ["electronic", "profile"]
PDFA = "{http://www.aiim.org/pdfa/ns/id/}"


@pytest.fixture
async def invoice(acme, profile, electronic, price, use):
    """Acme's electronic invoice of January."""
    profile(purchase_order="PO-17", buyer_reference="Service 4")
    await use(price("0.01"), 1000, JANUARY.start + INSIDE)
    return invoicing.finalize(acme, JANUARY)


def address(invoice, form):
    """Return where a form of it is found."""
    return f"/o/acme/billing/invoices/{invoice.number}/{form}/"


def test_the_pdf_is_pdf_a_3_and_carries_valid_factur_x(invoice, alice_client):
    body = alice_client.get(address(invoice, "pdf")).content

    paper = PdfReader(io.BytesIO(body))
    [attached] = paper.attachments["factur-x.xml"]
    name, xml = get_xml_from_pdf(body, check_xsd=True)
    assert (name, xml) == ("factur-x.xml", attached)
    assert invoice.number.encode() in xml
    meta = paper.xmp_metadata.rdf_root.toxml()
    assert "<pdfaid:part>3</pdfaid:part>" in meta
    assert "EN 16931" in meta
    assert paper.root_object["/AF"][0].get_object()["/AFRelationship"] == "/Data"
    words = " ".join(page.extract_text() for page in paper.pages)
    assert "douze euros" in words


def test_ubl_is_valid_and_says_what_was_written(invoice, alice_client):
    answer = alice_client.get(address(invoice, "as/ubl"))

    assert xml_check_xsd(answer.content, flavor="ubl-2.1")
    for said in ("<cbc:ID>PO-17</cbc:ID>", "Service 4", ">12.00<", ">10.00<", invoice.number):
        assert said in answer.content.decode()
    assert answer["Content-Disposition"].endswith(f'"{invoice.number}-ubl.xml"')
    assert xml_check_xsd(alice_client.get(address(invoice, "as/facturx")).content)
    assert alice_client.get(address(invoice, "as/edifact")).status_code == 404


def test_being_paid_later_changes_nothing_of_the_electronic_invoice(invoice, alice_client):
    before = alice_client.get(address(invoice, "as/ubl")).content
    with service():
        found = Invoice.objects.get()
        found.status, found.paid_at = "paid", found.due_at
        found.save()

    assert alice_client.get(address(invoice, "as/ubl")).content == before


def test_a_workbook_and_csv_carry_the_same_lines(invoice, alice_client):
    book = alice_client.get(address(invoice, "as/xlsx")).content
    plain = alice_client.get(address(invoice, "as/csv")).content.decode()

    with zipfile.ZipFile(io.BytesIO(book)) as file:
        sheet = etree.fromstring(file.read("xl/worksheets/sheet1.xml"))
    values = [it.text for it in sheet.iter("{*}v")]
    assert {"1000", "10000", "10"} <= set(values)
    assert "llama-8b · input,usage,1000,10000,10,10.00,EUR" in plain


def test_nothing_in_a_workbook_or_csv_is_a_formula(acme, alice_client, electronic):
    invoice = invoice_of(acme, "1.00")
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "ALTER TABLE billing_invoiceline DISABLE TRIGGER USER;"
            "UPDATE billing_invoiceline SET description = '=1+1';"
            "ALTER TABLE billing_invoiceline ENABLE TRIGGER USER"
        )

    book = alice_client.get(address(invoice, "as/xlsx")).content
    plain = alice_client.get(address(invoice, "as/csv")).content.decode()

    with zipfile.ZipFile(io.BytesIO(book)) as file:
        assert b"<f>" not in file.read("xl/worksheets/sheet1.xml")
    assert "'=1+1" in plain


def test_a_draft_has_no_electronic_form_but_its_lines(acme, electronic, alice_client):
    draft = "/o/acme/billing/invoices/2026-01/as/"

    assert alice_client.get(f"{draft}ubl/").status_code == 404
    assert alice_client.get(f"{draft}csv/").status_code == 200


def test_a_seller_that_writes_none_offers_none(acme, alice_client):
    invoice = invoice_of(acme, "1.00")

    assert alice_client.get(address(invoice, "as/ubl")).status_code == 404
    page = alice_client.get(f"/o/acme/billing/invoices/{invoice.number}/").content.decode()
    assert "UBL" not in page


@pytest.fixture
def credited(invoice, person):
    """Two euros of it, taken back under four eyes."""
    one, other = (person(f"{name}@operator.example", is_staff=True) for name in ("kim", "lou"))
    with service():
        proposed = corrections.propose(
            invoice, kind=Correction.Kind.CREDIT, words="Ours", by=one, amount=Decimal(2)
        )
        return corrections.approve(proposed, by=other).credit_note


def test_a_credit_note_is_electronic_too(credited, alice_client):
    note = credited
    ubl = alice_client.get(f"/o/acme/billing/credit-notes/{note.number}/as/ubl/").content
    paper = alice_client.get(f"/o/acme/billing/credit-notes/{note.number}/pdf/").content

    assert xml_check_xsd(ubl, flavor="ubl-2.1")
    assert b"CreditNoteTypeCode>381<" in ubl
    assert get_xml_from_pdf(paper, check_xsd=True)[0] == "factur-x.xml"


async def test_each_issuer_numbers_in_its_own_series(acme, alice, profile, price, use):
    with service():
        other = Issuer.objects.create(
            code="tun", legal_name="Op TN", address="Tunis", country="TN", vat_rate="0.19",
            is_default=False,
        )  # fmt: skip
    profile(issuer=other)
    zulu = organizations.found(name="Zulu", owner=alice, country="FR")
    one = price("0.01")
    for customer in (acme, zulu):
        await use(one, 1000, JANUARY.start + INSIDE, organization_id=customer.pk)

    made = {it.pk: invoicing.finalize(it, JANUARY) for it in (acme, zulu)}

    assert {it.number for it in made.values()} == {"TUN-2026-000001", "TES-2026-000001"}
    assert (made[acme.pk].tax, made[zulu.pk].tax) == (Decimal("1.90"), Decimal("2.00"))


def test_a_credit_note_that_breaks_the_rules_gets_no_number_and_stays_proposed(
    invoice, person, monkeypatch
):
    one, other = (person(f"{name}@operator.example", is_staff=True) for name in ("kim", "lou"))
    whole = facts.of_credit_note
    monkeypatch.setattr(
        facts, "of_credit_note", lambda note, lines: whole(note, lines) | {"BT-112": "1.00"}
    )
    with service():
        proposed = corrections.propose(
            invoice, kind=Correction.Kind.CREDIT, words="Ours", by=one, amount=Decimal(2)
        )

    with pytest.raises(DocumentBreaksRules, match="BR-CO-15: The sums do not agree"), service():
        corrections.approve(proposed, by=other)

    with service():
        assert Correction.objects.get().status == "proposed"
        assert not CreditNote.objects.exists()


def sent():
    """Return the documents that were mailed."""
    return [it for it in mail.outbox if it.attachments]


def test_documents_are_mailed_once_with_their_files(invoice, profile):
    profile(emails=["books@acme.example", "cfo@acme.example"])

    for _twice in range(2):
        app.tasks["billing.mail_documents"].delay()

    message, _other = sent()
    assert [it.to for it in sent()] == [["books@acme.example"], ["cfo@acme.example"]]
    assert invoice.number in message.subject
    names = [(name, kind) for name, _content, kind in message.attachments]
    assert names == [
        (f"{invoice.number}.pdf", "application/pdf"),
        (f"{invoice.number}-ubl.xml", "application/xml"),
    ]


def test_without_addresses_who_manages_billing_gets_it(acme, alice):
    invoice_of(acme, "10.00")

    app.tasks["billing.mail_documents"].delay()

    assert [it.to for it in sent()] == [[alice.email]]


def test_a_credit_note_is_mailed(credited):
    app.tasks["billing.mail_documents"].delay()

    assert credited.number in " ".join(it.subject for it in sent())


def test_two_workers_send_one_document_once(acme):
    invoice = invoice_of(acme, "10.00")
    gate = threading.Barrier(3)

    def send():
        gate.wait(timeout=60)
        document_mails.document(acme.pk, "invoice", invoice.pk)
        connections.close_all()

    threads = [threading.Thread(target=send) for _each in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)

    assert len(sent()) == 1


def test_a_worker_that_died_before_sending_leaves_the_document_to_another(acme, settings):
    invoice = invoice_of(acme, "10.00")
    settings.EMAIL_BACKEND = "tests.billing.broken_mail.Backend"
    with pytest.raises(OSError, match="no mail"):
        document_mails.document(acme.pk, "invoice", invoice.pk)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

    document_mails.document(acme.pk, "invoice", invoice.pk)
    assert sent() == []
    cache.delete(f"mailing:{invoice.pk}")
    app.tasks["billing.mail_documents"].delay()

    assert len(sent()) == 1


def test_a_document_that_nobody_is_to_get_is_done_with(acme):
    with service():
        acme.memberships.all().delete()
    invoice_of(acme, "10.00")

    app.tasks["billing.mail_documents"].delay()

    assert (sent(), document_mails.unsent()) == ([], [])


def test_who_does_not_take_it_now_gets_it_later_and_nobody_twice(acme, profile, settings):
    profile(emails=["a@acme.example", "b@acme.example"])
    invoice = invoice_of(acme, "10.00")
    ring = app.tasks["billing.mail_documents"].delay
    with mail_server.run(settings) as server:
        server.refused["b@acme.example"] = 450
        with pytest.raises(PutOff):
            ring()
        taken = list(server.taken)
        server.refused.clear()
        cache.delete(f"mailing:{invoice.pk}")  # Ten minutes later.
        ring()
        ring()

    assert taken == ["a@acme.example"]
    assert server.taken == ["a@acme.example", "b@acme.example"]


def test_a_document_that_is_refused_is_tried_once_a_day_and_holds_up_no_other(
    acme, alice, charlie, settings
):
    other = organizations.found(name="Ministry", owner=charlie, country="FR")
    refused = invoice_of(acme, "10.00")
    invoice_of(other, "20.00")
    ring = app.tasks["billing.mail_documents"].delay
    with mail_server.run(settings) as server:
        server.refused[alice.email] = 550
        for _round in range(3):
            ring()
        tries = server.asked[alice.email]
        cache.delete(f"mailing:{refused.pk}")  # A day later.
        server.refused.clear()
        ring()

    assert tries == 1
    assert server.taken == [charlie.email, alice.email]


def test_a_document_that_nobody_takes_is_given_up(acme, alice, clock):
    refused = invoice_of(acme, "10.00")
    assert document_mails.unsent() == [(acme.pk, "invoice", refused.pk)]

    clock.shift(document_mails.GIVEN_UP + timedelta(seconds=1))

    assert document_mails.unsent() == []

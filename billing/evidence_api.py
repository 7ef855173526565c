"""What an invoice was made of, to make it again: its requests, their prices, its lines by day."""

from datetime import datetime
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing import evidence, evidence_months, evidence_zip, reading, shop
from billing.api import PlainDecimal
from billing.evidence_months import Part
from billing.invoice_api import InvoiceDetailOut, InvoiceLineOut
from billing.models import Invoice, InvoiceLine
from common import streams
from common.database import service
from common.errors import NotFound
from tenants.models import Permission
from tenants.organization_api import OrganizationView
from tenants.scope import scope
from tenants.staff_api import StaffView

CSV = "text/csv; charset=utf-8"
ZIP = "application/zip"


class InvoiceFile(OrganizationView):
    """A file that belongs to an invoice."""

    permissions = {"GET": Permission.BILLING_READ}
    name = ""

    def invoice(self, number: str) -> Invoice:
        """Return the organization's invoice."""
        with scope(self.organization):
            found = shop.invoices(self.organization).select_related("organization")
            invoice: Invoice = get_object_or_404(found, number=number)
            return invoice

    def saved_as(self, number: str) -> dict[str, str]:
        """Return the headers that have it saved under a name that says what it is."""
        return {"Content-Disposition": f'attachment; filename="{number}-{self.name}.csv"'}


class InvoiceEvents(InvoiceFile):
    """The requests of an invoice."""

    name = "events"

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request, org: str, number: str) -> HttpResponseBase:
        """Download each part of each request that the invoice tells of, with its price's version."""
        found = evidence.events(self.invoice(number))
        pieces = streams.served(request._request, found)
        return StreamingHttpResponse(pieces, content_type=CSV, headers=self.saved_as(number))


class InvoicePrices(InvoiceFile):
    """The prices of an invoice."""

    name = "prices"

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request, org: str, number: str) -> HttpResponseBase:
        """Download the versions of prices that those requests were rated at."""
        invoice = self.invoice(number)
        text = evidence.prices(invoice)
        return StreamingHttpResponse([text], content_type=CSV, headers=self.saved_as(number))


class InvoiceCommitments(InvoiceFile):
    """What contracts ask for in the months of an invoice."""

    name = "commitments"

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request, org: str, number: str) -> HttpResponseBase:
        """Download the commitments that the usage of the invoice's months is held against."""
        text = evidence.commitments(self.invoice(number))
        return StreamingHttpResponse([text], content_type=CSV, headers=self.saved_as(number))


class InvoiceEvidence(InvoiceFile):
    """All that proves an invoice, in one file."""

    @extend_schema(operation_id="invoice_evidence", responses={(200, ZIP): OpenApiTypes.BINARY})
    def get(self, request: Request, org: str, number: str) -> HttpResponseBase:
        """Download the receipts with what was sealed of them, for ``python -m verify``."""
        return _evidence(request, self.invoice(number))


class StaffInvoiceEvidence(StaffView):
    """The same for the operator's staff."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Run the handler outside of the service role: it reads each organization by itself."""
        return APIView.dispatch(self, request, *args, **kwargs)

    @extend_schema(
        operation_id="staff_invoice_evidence", responses={(200, ZIP): OpenApiTypes.BINARY}
    )
    def get(self, request: Request, number: str) -> HttpResponseBase:
        """Download what its customer downloads."""
        with service():
            found = Invoice.objects.select_related("organization")
            invoice = get_object_or_404(found, number=number)
        return _evidence(request, invoice)


def _evidence(request: Request, invoice: Invoice) -> HttpResponseBase:
    if invoice.kind != Invoice.Kind.USAGE:
        raise NotFound
    with scope(invoice.organization):
        texts = {"invoice.json": _as_json(invoice)}
        own = evidence_months.earlier(invoice)
        texts |= {f"earlier-{it.number}.json": _as_json(it) for it in own}
    parts = evidence_months.parts(invoice)
    texts |= {f"earlier-{it.invoice.number}.json": _part_as_json(it) for it in parts}
    pieces = streams.served(request._request, evidence_zip.zipped(invoice, texts))
    saved = {"Content-Disposition": f'attachment; filename="{invoice.number}-evidence.zip"'}
    return StreamingHttpResponse(pieces, content_type=ZIP, headers=saved)


def _as_json(invoice: Invoice) -> str:
    text: bytes = JSONRenderer().render(InvoiceDetailOut(invoice).data)
    return text.decode()


def _part_as_json(part: Part) -> str:
    """Return of somebody else's invoice what it told of the reader's months."""
    invoice = part.invoice
    lines = [_of_reader(*it) for it in part.lines]
    head = {
        name: getattr(invoice, name)
        for name in ("number", "kind", "currency", "organization_id", "issued_at", "seal_number")
    }
    text: bytes = JSONRenderer().render(
        {**head, "seal_hash": invoice.seal_digits, "is_part": True, "lines": lines}
    )
    return text.decode()


def _of_reader(used_by: str, start: datetime, line: InvoiceLine) -> dict[str, Any]:
    told = InvoiceLineOut(line).data
    left = {name: it for name, it in told.items() if name not in ("description", "section")}
    return {**left, "corrects": start, "used_by": used_by or None}


class DayOut(serializers.Serializer[Any]):
    """One day of a line; its amount is exact, for the line is rounded once."""

    day = serializers.DateField()
    tokens = serializers.IntegerField()
    amount = PlainDecimal(source="amount.amount")


class InvoiceLineDays(InvoiceFile):
    """A line of an invoice by day."""

    @extend_schema(responses=DayOut(many=True))
    def get(self, request: Request, org: str, number: str, position: int) -> Response:
        """List what a line of usage comes to on each day of the billing time zone."""
        invoice = self.invoice(number)
        with scope(self.organization):
            line = get_object_or_404(invoice.lines.select_related("invoice"), position=position)
        return Response(DayOut(reading.days(self.organization, line), many=True).data)

"""What an invoice was made of, to make it again: its requests, their prices, its lines by day."""

from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import evidence, reading, shop
from billing.api import PlainDecimal
from billing.models import Invoice
from common import streams
from tenants.models import Permission
from tenants.organization_api import OrganizationView
from tenants.scope import scope

CSV = "text/csv; charset=utf-8"


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

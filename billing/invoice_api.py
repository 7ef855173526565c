"""Invoices, credit notes and disputes over the management API."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import documents, quarrels, shop
from billing.api import PlainAmount, PlainDecimal, PlainInteger
from billing.correction_forms import LONGEST_ID, MOST_REQUESTS
from billing.drafts import counted
from billing.models import CreditNote, CreditNoteLine, Dispute, Invoice, InvoiceLine
from billing.services import disputes
from common.api import NewestFirstPagination, paged
from tenants.models import Permission
from tenants.once import once
from tenants.organization_api import OrganizationView, key_of
from tenants.scope import scope


class InvoiceOut(serializers.ModelSerializer[Invoice]):
    """An invoice and what it comes to."""

    net = PlainDecimal()
    tax_rate = PlainDecimal()
    tax = PlainDecimal()
    total = PlainDecimal()

    class Meta:
        model = Invoice
        fields = (
            "id", "number", "kind", "status", "period_start", "period_end", "currency", "net",
            "tax_category", "tax_rate", "tax_reason", "tax", "total", "purchase_order",
            "buyer_reference", "payment_reference", "issued_at", "due_at", "paid_at",
        )  # fmt: skip


class InvoiceLineOut(serializers.ModelSerializer[InvoiceLine]):
    """A line: exact, and rounded once."""

    quantity = PlainDecimal()
    unit_amount = PlainDecimal()
    exact_amount = PlainDecimal()
    amount = PlainDecimal()
    gpu_seconds = serializers.SerializerMethodField(
        help_text="Of GPU-hours: the seconds that were counted."
    )

    def get_gpu_seconds(self, line: InvoiceLine) -> str | None:
        """Return them; of all else, nothing."""
        if not documents.is_of_hours(line):
            return None
        return f"{counted(line.part, line.quantity):f}"

    class Meta:
        model = InvoiceLine
        fields = (
            "position", "kind", "description", "section", "quantity", "gpu_seconds", "unit_amount",
            "offer_name", "part", "price_id", "tier", "corrects", "used_by", "exact_amount", "amount",
        )  # fmt: skip


class InvoiceDetailOut(InvoiceOut):
    """The same with its lines and its parties."""

    organization_id = serializers.UUIDField()
    seal_hash = serializers.CharField(
        source="seal_digits",
        allow_null=True,
        help_text="Of usage: the hash of the last seal over receipts when it was written.",
    )
    lines = InvoiceLineOut(many=True)

    class Meta(InvoiceOut.Meta):
        fields = (  # type: ignore[assignment]
            *InvoiceOut.Meta.fields, "organization_id", "seal_number", "seal_hash", "seller",
            "buyer", "lines",
        )  # fmt: skip


class InvoiceList(OrganizationView):
    """The organization's invoices."""

    permissions = {"GET": Permission.BILLING_READ}

    @extend_schema(operation_id="v1_organizations_invoices_list", responses=paged(InvoiceOut))
    def get(self, request: Request, org: str) -> Response:
        """List the invoices, newest first."""
        with scope(self.organization):
            page = NewestFirstPagination()
            rows = page.paginate_queryset(shop.invoices(self.organization), request, view=self)
            return page.get_paginated_response(InvoiceOut(rows, many=True).data)


class InvoiceDetail(OrganizationView):
    """One invoice."""

    permissions = {"GET": Permission.BILLING_READ}

    @extend_schema(responses=InvoiceDetailOut)
    def get(self, request: Request, org: str, number: str) -> Response:
        """Show an invoice with its lines."""
        with scope(self.organization):
            found = get_object_or_404(shop.invoices(self.organization), number=number)
            return Response(InvoiceDetailOut(found).data)


class CreditNoteLineOut(serializers.ModelSerializer[CreditNoteLine]):
    """What is taken back of one line of the invoice."""

    invoice_line = serializers.IntegerField(source="invoice_line.position")
    amount = PlainDecimal()

    class Meta:
        model = CreditNoteLine
        fields = ("position", "invoice_line", "description", "amount")


class CreditNoteOut(serializers.ModelSerializer[CreditNote]):
    """A credit note, its invoice and what it takes back."""

    invoice = serializers.CharField(source="invoice.number")
    net = PlainDecimal()
    tax_rate = PlainDecimal()
    tax = PlainDecimal()
    total = PlainDecimal()
    lines = CreditNoteLineOut(many=True)

    class Meta:
        model = CreditNote
        fields = (
            "id", "number", "invoice", "reason", "words", "currency", "net", "tax_category",
            "tax_rate", "tax_reason", "tax", "total", "issued_at", "lines",
        )  # fmt: skip


class CreditNoteList(OrganizationView):
    """The organization's credit notes."""

    permissions = {"GET": Permission.BILLING_READ}

    @extend_schema(
        operation_id="v1_organizations_credit_notes_list", responses=paged(CreditNoteOut)
    )
    def get(self, request: Request, org: str) -> Response:
        """List the credit notes with their lines, newest first."""
        with scope(self.organization):
            page = NewestFirstPagination()
            found = quarrels.credit_notes(self.organization).prefetch_related("lines__invoice_line")
            rows = page.paginate_queryset(found, request, view=self)
            return page.get_paginated_response(CreditNoteOut(rows, many=True).data)


class CreditNoteDetail(OrganizationView):
    """One credit note."""

    permissions = {"GET": Permission.BILLING_READ}

    @extend_schema(responses=CreditNoteOut)
    def get(self, request: Request, org: str, number: str) -> Response:
        """Show a credit note with its lines."""
        with scope(self.organization):
            found = get_object_or_404(quarrels.credit_notes(self.organization), number=number)
            return Response(CreditNoteOut(found).data)


class DisputeIn(serializers.Serializer[Any]):
    """What is objected to: an invoice, or one line of it by its position."""

    invoice = serializers.CharField(max_length=40)
    line = PlainInteger(required=False, min_value=1)
    reason = serializers.CharField(max_length=4000)
    claimed = PlainAmount(required=False, max_digits=24, decimal_places=12, min_value=0)
    request_ids = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST_ID), required=False, max_length=MOST_REQUESTS
    )


class DisputeOut(serializers.ModelSerializer[Dispute]):
    """A dispute and how it ended."""

    invoice = serializers.CharField(source="invoice.number")
    line = serializers.IntegerField(source="line.position", allow_null=True, default=None)
    claimed = PlainDecimal(allow_null=True)

    class Meta:
        model = Dispute
        fields = (
            "id", "invoice", "line", "status", "reason", "claimed", "request_ids", "answer",
            "created_at", "decided_at",
        )  # fmt: skip


class DisputeList(OrganizationView):
    """The organization's disputes."""

    permissions = {"GET": Permission.BILLING_READ, "POST": Permission.BILLING_MANAGE}

    @extend_schema(operation_id="v1_organizations_disputes_list", responses=paged(DisputeOut))
    def get(self, request: Request, org: str) -> Response:
        """List the disputes, newest first."""
        with scope(self.organization):
            page = NewestFirstPagination()
            rows = page.paginate_queryset(quarrels.disputes(self.organization), request, view=self)
            return page.get_paginated_response(DisputeOut(rows, many=True).data)

    @extend_schema(request=DisputeIn, responses={201: DisputeOut})
    @once()
    def post(self, request: Request, org: str) -> Response:
        """Object to an invoice or to a line of it; a second one about the same is refused."""
        form = DisputeIn(data=request.data)
        form.is_valid(raise_exception=True)
        facts = form.validated_data
        with scope(self.organization):
            invoice = get_object_or_404(
                quarrels.disputable(self.organization), number=facts["invoice"]
            )
            line = None
            if "line" in facts:
                line = get_object_or_404(invoice.lines.all(), position=facts["line"])
            dispute = disputes.open_(
                invoice,
                by=self.membership.user,
                through=key_of(request),
                reason=facts["reason"],
                line=line,
                claimed=facts.get("claimed"),
                request_ids=facts.get("request_ids", ()),
            )
            return Response(DisputeOut(dispute).data, status=201)


class DisputeDetail(OrganizationView):
    """One dispute."""

    permissions = {"GET": Permission.BILLING_READ, "DELETE": Permission.BILLING_MANAGE}

    @extend_schema(responses=DisputeOut)
    def get(self, request: Request, org: str, dispute_id: uuid.UUID) -> Response:
        """Show a dispute."""
        with scope(self.organization):
            found = get_object_or_404(quarrels.disputes(self.organization), pk=dispute_id)
            return Response(DisputeOut(found).data)

    @extend_schema(responses=DisputeOut)
    def delete(self, request: Request, org: str, dispute_id: uuid.UUID) -> Response:
        """Withdraw a dispute that nobody has decided; it stays on record."""
        with scope(self.organization):
            found = get_object_or_404(quarrels.disputes(self.organization), pk=dispute_id)
            gone = disputes.withdraw(found, by=self.membership.user, through=key_of(request))
            return Response(DisputeOut(gone).data)

"""Disputes, and corrections of invoices under four eyes, over the management API, for staff."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import quarrels
from billing.api import PlainAmount, PlainDecimal, PlainInteger
from billing.correction_forms import CorrectionForm
from billing.invoice_api import DisputeOut, InvoiceDetailOut
from billing.models import Correction, Dispute, Invoice, InvoiceLine
from billing.services import corrections, credit_notes, disputes
from common.api import CURSOR, LIMIT, NewestFirstPagination, paged
from common.errors import DomainError
from tenants.key_api import Strict
from tenants.once import once
from tenants.staff_api import StaffView


class StatusQuery(Strict):
    """Which rows of a list are asked for; each list says which states there are."""

    cursor = serializers.CharField(required=False)
    limit = serializers.CharField(required=False)


class StaffDisputeQuery(StatusQuery):
    """Which disputes are listed."""

    status = serializers.ChoiceField(Dispute.Status.choices, required=False)


class CorrectionQuery(StatusQuery):
    """Which corrections are listed."""

    status = serializers.ChoiceField(Correction.Status.choices, required=False)


class StaffDisputeOut(DisputeOut):
    """A dispute, whose it is, and who opened it."""

    organization = serializers.CharField(source="organization.slug")
    opened_by = serializers.EmailField(source="opened_by.email")

    class Meta(DisputeOut.Meta):
        fields = (*DisputeOut.Meta.fields, "organization", "opened_by")  # type: ignore[assignment]


class DisputeRefusal(Strict):
    """Why a dispute is refused; the customer reads it."""

    answer = serializers.CharField(max_length=1000)


class CorrectionIn(Strict):
    """A change to what an invoice asks for."""

    kind = serializers.ChoiceField(Correction.Kind.choices)
    line = PlainInteger(
        min_value=1,
        required=False,
        allow_null=True,
        help_text="Of a credit note: the position of a line.",
    )
    amount = PlainAmount(
        max_digits=24,
        decimal_places=12,
        required=False,
        allow_null=True,
        help_text="Of a credit note, before tax; left out: all that is left.",
    )
    words = serializers.CharField(
        max_length=1000, help_text="Printed on the credit note; the customer reads it."
    )
    dispute = serializers.UUIDField(
        required=False, allow_null=True, help_text="The open dispute that it accepts."
    )


class CorrectionOut(serializers.ModelSerializer[Correction]):
    """A correction, who proposed and decided it, and the credit note that came of it."""

    organization = serializers.CharField(source="organization.slug")
    invoice = serializers.CharField(source="invoice.number")
    line = serializers.IntegerField(source="line.position", allow_null=True, default=None)
    amount = PlainDecimal(allow_null=True)
    proposed_by = serializers.EmailField(source="proposed_by.email")
    decided_by = serializers.EmailField(source="decided_by.email", allow_null=True, default=None)
    credit_note = serializers.CharField(source="credit_note.number", allow_null=True, default=None)

    class Meta:
        model = Correction
        fields = (
            "id", "organization", "invoice", "dispute", "kind", "status", "line", "amount", "words",
            "proposed_by", "created_at", "decided_by", "decided_at", "credit_note",
        )  # fmt: skip


class StaffInvoiceOut(InvoiceDetailOut):
    """An invoice with its lines, whose it is, and what is left of it to take back, before tax."""

    organization = serializers.CharField(source="organization.slug")
    order = serializers.UUIDField(
        source="order_id", allow_null=True, help_text="The purchase that it is about, if any."
    )
    left = serializers.SerializerMethodField()
    corrections = serializers.SerializerMethodField()

    class Meta(InvoiceDetailOut.Meta):
        fields = (  # type: ignore[assignment]
            *InvoiceDetailOut.Meta.fields, "organization", "order", "left", "corrections",
        )  # fmt: skip

    def get_left(self, invoice: Invoice) -> str:
        """Return what no credit note has taken back."""
        return f"{credit_notes.remainder(invoice).total.normalize():f}"

    @extend_schema(responses=CorrectionOut(many=True))
    def get_corrections(self, invoice: Invoice) -> Any:
        """Return what was proposed of it, the newest first."""
        return CorrectionOut(quarrels.corrections().filter(invoice=invoice), many=True).data


class StaffInvoice(StaffView):
    """One invoice of a customer."""

    @extend_schema(operation_id="staff_invoice", responses=StaffInvoiceOut)
    def get(self, request: Request, number: str) -> Response:
        """Show an invoice with its lines, what is left of it, and its corrections."""
        return Response(StaffInvoiceOut(_invoice(number)).data)


class StaffDisputeList(StaffView):
    """What customers object to."""

    @extend_schema(
        operation_id="staff_disputes",
        parameters=[OpenApiParameter("status", str, enum=Dispute.Status.values), CURSOR, LIMIT],
        responses=paged(StaffDisputeOut),
    )
    def get(self, request: Request) -> Response:
        """List everybody's disputes, newest first."""
        found = of_status(StaffDisputeQuery, request, quarrels.every_dispute())
        page = NewestFirstPagination()
        rows: Any = page.paginate_queryset(found, request, view=self)
        return page.get_paginated_response(StaffDisputeOut(rows, many=True).data)


class StaffDisputeRefuse(StaffView):
    """The end of a dispute that is not justified."""

    @extend_schema(
        operation_id="staff_dispute_refuse", request=DisputeRefusal, responses=StaffDisputeOut
    )
    def post(self, request: Request, dispute_id: uuid.UUID) -> Response:
        """Refuse an open dispute; one that is justified is accepted by a correction."""
        found = get_object_or_404(quarrels.every_dispute(), pk=dispute_id)
        wanted = DisputeRefusal(data=request.data)
        wanted.is_valid(raise_exception=True)
        disputes.refuse(found, by=self.user, **wanted.validated_data)
        return Response(StaffDisputeOut(quarrels.every_dispute().get(pk=dispute_id)).data)


class CorrectionList(StaffView):
    """Corrections of all invoices."""

    @extend_schema(
        operation_id="staff_corrections",
        parameters=[OpenApiParameter("status", str, enum=Correction.Status.values), CURSOR, LIMIT],
        responses=paged(CorrectionOut),
    )
    def get(self, request: Request) -> Response:
        """List what was proposed, and what became of it, newest first."""
        found = of_status(CorrectionQuery, request, quarrels.corrections())
        page = NewestFirstPagination()
        rows: Any = page.paginate_queryset(found, request, view=self)
        return page.get_paginated_response(CorrectionOut(rows, many=True).data)


class InvoiceCorrections(StaffView):
    """Corrections of one invoice."""

    @extend_schema(
        operation_id="staff_correction_propose",
        request=CorrectionIn,
        responses={201: CorrectionOut},
    )
    @once()
    def post(self, request: Request, number: str) -> Response:
        """Propose a correction; nothing of the invoice changes before a colleague approves it."""
        invoice = _invoice(number)
        wanted = CorrectionIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        sent = wanted.validated_data
        typed = {**sent, "line": _line(invoice, sent.get("line"))}
        form = CorrectionForm(typed, invoice=invoice)
        if not form.is_valid():
            raise DomainError(
                field_errors={name: [str(it) for it in said] for name, said in form.errors.items()}
            )
        made = corrections.propose(
            invoice, by=self.user, dispute=_dispute(invoice, sent.get("dispute")), **form.facts()
        )
        return Response(CorrectionOut(made).data, status=201)


class CorrectionApprove(StaffView):
    """The second person's consent."""

    @extend_schema(operation_id="staff_correction_approve", request=None, responses=CorrectionOut)
    def post(self, request: Request, correction_id: uuid.UUID) -> Response:
        """Carry out what somebody else proposed, with its documents and bookings."""
        found = get_object_or_404(quarrels.corrections(), pk=correction_id)
        return Response(CorrectionOut(corrections.approve(found, by=self.user)).data)


class CorrectionRefuse(StaffView):
    """The end of a proposal."""

    @extend_schema(operation_id="staff_correction_refuse", request=None, responses=CorrectionOut)
    def post(self, request: Request, correction_id: uuid.UUID) -> Response:
        """Close a proposal without effect, a colleague's or your own."""
        found = get_object_or_404(quarrels.corrections(), pk=correction_id)
        corrections.refuse(found, by=self.user)
        return Response(CorrectionOut(quarrels.corrections().get(pk=correction_id)).data)


def of_status(query: type[StatusQuery], request: Request, rows: Any) -> Any:
    """Return those of the state that the address names, or all."""
    asked = query(data=request.query_params.dict())
    asked.is_valid(raise_exception=True)
    status = asked.validated_data.get("status")
    return rows.filter(status=status) if status else rows


def _invoice(number: str) -> Invoice:
    return get_object_or_404(Invoice.objects.select_related("organization"), number=number)


def _line(invoice: Invoice, position: int | None) -> uuid.UUID | None:
    if position is None:
        return None
    # A position beyond what the column holds is nobody's.
    lines = InvoiceLine.objects.filter(invoice=invoice, position=min(position, 2**31 - 1))
    found = lines.values_list("pk", flat=True).first()
    if found is None:
        raise DomainError(field_errors={"line": ["The invoice has no line at this position."]})
    return found


def _dispute(invoice: Invoice, dispute_id: uuid.UUID | None) -> Dispute | None:
    if dispute_id is None:
        return None
    found = Dispute.objects.waiting().filter(invoice=invoice, pk=dispute_id).first()
    if found is None:
        raise DomainError(
            field_errors={"dispute": ["No open dispute of this invoice has this id."]}
        )
    return found

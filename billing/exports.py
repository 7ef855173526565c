"""Billing as comma-separated values; amounts are written plainly, to the last digit."""

import io
from collections.abc import Iterable

from defusedcsv import csv

from billing.models import Invoice
from common.money import round_to_minor

COLUMNS = (
    "number", "kind", "status", "issued_at", "due_at", "paid_at", "purchase_order", "currency",
    "net", "tax_rate", "tax", "total",
)  # fmt: skip


def invoices(found: Iterable[Invoice]) -> str:
    """Return one line per invoice."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    writer.writerows(_cells(invoice) for invoice in found)
    return file.getvalue()


def _cells(invoice: Invoice) -> tuple[str, ...]:
    moments = (invoice.issued_at, invoice.due_at, invoice.paid_at)
    amounts = (invoice.net, invoice.tax, invoice.total)
    net, tax, total = (f"{round_to_minor(it, invoice.currency):f}" for it in amounts)
    return (
        invoice.number,
        invoice.kind,
        invoice.status,
        *(f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else "" for at in moments),
        invoice.purchase_order,
        invoice.currency,
        net,
        f"{invoice.tax_rate.normalize():f}",
        tax,
        total,
    )

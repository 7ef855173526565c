"""Documents as PDF; nothing is fetched while one is made."""

from pathlib import Path
from typing import Any

from django.template.loader import render_to_string
from weasyprint import CSS, HTML

STYLE = Path(__file__).with_name("invoice.css")


class FetchRefused(ValueError):
    """A document asked for something outside itself."""


def refuse(url: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Fetch nothing: what stands on an invoice stands in its template."""
    raise FetchRefused(url)


def invoice(document: dict[str, Any]) -> bytes:
    """Return the invoice, or a draft marked as such, as a PDF."""
    html = render_to_string("billing/invoice_pdf.html", document)
    sheet = CSS(string=STYLE.read_text(), url_fetcher=refuse)
    made = HTML(string=html, url_fetcher=refuse).write_pdf(stylesheets=[sheet])
    if made is None:
        raise RuntimeError("no document was made")
    return bytes(made)

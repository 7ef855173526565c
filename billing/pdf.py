"""Documents as PDF/A-3; nothing is fetched while one is made but the fonts we ship."""

import re
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.utils.translation import get_language
from weasyprint import CSS, HTML
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse

from billing import electronic
from billing.account_statements import Month
from billing.documents import Document
from billing.einvoice import xml

STYLE = Path(__file__).with_name("invoice.css")
#: ``font:inter/inter-latin-wght-normal`` in the style sheet.
FONT = re.compile(r"font:([a-z-]+)/([a-z0-9-]+)")


class FetchRefused(ValueError):
    """A document asked for something outside itself."""


class Nothing(URLFetcher):  # type: ignore[misc]
    """Fetches nothing: what stands on a document stands in its template."""

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
        """Refuse."""
        raise FetchRefused(url)


class Fonts(Nothing):
    """Fetches the fonts we ship, by name."""

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
        """Return the font's file; refuse all else."""
        named = FONT.fullmatch(url)
        path = named and finders.find(f"vendor/fonts/{named[1]}/files/{named[2]}.woff2")
        if not path:
            raise FetchRefused(url)
        return URLFetcherResponse(url, Path(path).read_bytes())


def invoice(document: Document) -> bytes:
    """Return the invoice, or a draft marked as such, as a tagged PDF with its fonts inside.

    Where the seller writes electronic invoices, Factur-X stands in it and says the same.
    """
    made = _made("billing/invoice_pdf.html", {"document": document})
    facts = electronic.facts_of(document)
    if facts is None:
        return made
    return xml.embed(
        made,
        facts,
        title=document.title,
        author=document.seller["legal_name"],
        language=get_language() or "en",
    )


def statement(month: Month) -> bytes:
    """Return a month's statement of account as a tagged PDF with its fonts inside."""
    return _made("billing/statement_pdf.html", {"month": month})


def _made(template: str, context: dict[str, Any]) -> bytes:
    fonts = FontConfiguration()
    sheet = CSS(string=STYLE.read_text("utf-8"), url_fetcher=Fonts(), font_config=fonts)
    html = render_to_string(template, context)
    made: bytes | None = HTML(string=html, url_fetcher=Nothing()).write_pdf(
        stylesheets=[sheet], font_config=fonts, pdf_variant="pdf/a-3a"
    )
    if made is None:
        raise RuntimeError("no document was made")
    return made

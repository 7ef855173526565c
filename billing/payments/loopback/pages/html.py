"""Pages from small HTML files; everything put into them is escaped unless it is markup already."""

import html
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse

FOLDER = Path(__file__).parent / "templates"


class Markup(str):
    """Text that is HTML and goes into a page as it stands."""

    __slots__ = ()


def render(template: str, /, **values: object) -> Markup:
    """Fill one HTML file in."""
    safe = {key: _escape(value) for key, value in values.items()}
    return Markup(_template(template).substitute(safe))


def join(parts: Iterable[Markup]) -> Markup:
    """Return pieces of markup one after the other."""
    return Markup("\n".join(parts))


def attributes(values: Mapping[str, str | bool | None]) -> Markup:
    """Return HTML attributes; ``True`` stands alone, ``False`` and none are left out."""
    return Markup(
        "".join(
            f" {name}" if value is True else f' {name}="{html.escape(value)}"'
            for name, value in values.items()
            if value is not None and value is not False
        )
    )


def page(
    title: str, body: Markup, *, status: int = 200, leads_to: Iterable[str | None] = ()
) -> HTMLResponse:
    """Return a whole page that runs no script and may send its form only where it must."""
    document = render("layout.html", title=title, body=body)
    return HTMLResponse(document, status, headers=_headers(leads_to))


def _headers(leads_to: Iterable[str | None]) -> dict[str, str]:
    # Browsers check the redirect after a form against form-action, so the shop's origin is named.
    origins = sorted({_origin(url) for url in leads_to if url})
    targets = " ".join(["'self'", *origins])
    policy = (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
        f"frame-ancestors 'none'; form-action {targets}"
    )
    return {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _escape(value: object) -> str:
    return value if isinstance(value, Markup) else html.escape(str(value))


@cache
def _template(name: str) -> Template:
    return Template((FOLDER / name).read_text(encoding="utf-8"))

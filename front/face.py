"""The operator's face as pages and messages show it: what staff published over the settings."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from email.utils import formataddr, parseaddr
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import get_language

from front.models import SiteVersion
from front.remembered import Remembered


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the footer."""

    label: str
    address: str


@dataclass(frozen=True, slots=True)
class Face:
    """Who the operator is, in the language of whoever reads."""

    name: str
    short_name: str
    accent: str
    #: Where customers turn to: an e-mail address or a page; empty when none was named.
    contact: str
    #: Addresses of pictures; empty where there is none. In the dark stands the second.
    logo: str
    logo_dark: str
    icon: str
    #: Who e-mails come from, as a header has it.
    sender: str
    tagline: str
    mail_intro: str
    mail_footer: str
    legal_lines: str
    links: tuple[Link, ...]

    @property
    def sheet(self) -> str:
        """Where the accent's style sheet is."""
        return f"{reverse('theme-css')}?accent={self.accent.removeprefix('#')}"

    @property
    def key_variable(self) -> str:
        """The environment variable that snippets read the key from: ``NORTHWIND_API_KEY``.

        It is made of the letters of the name that every shell takes; of a name without any, of
        those of the short one.
        """
        words = _plain(self.name) or _plain(self.short_name)
        return f"{words}_API_KEY" if words else "API_KEY"

    @property
    def contact_address(self) -> str:
        """Where a link to support leads."""
        if not self.contact or self.contact.startswith(("http://", "https://")):
            return self.contact
        return f"mailto:{self.contact}"


def _live() -> SiteVersion | None:
    return SiteVersion.objects.live().pictured().first()


live: Remembered[SiteVersion | None] = Remembered(_live, None)
_previewed: ContextVar[SiteVersion | None] = ContextVar("previewed", default=None)


def current() -> Face:
    """Return the face that everybody sees; inside a preview, the one that is looked at."""
    return of(_previewed.get() or live())


def known() -> Face:
    """Return the face that was seen last, without asking anything: what could tell may be away."""
    return of(live.known())


@contextmanager
def previewing(version: SiteVersion) -> Iterator[None]:
    """Show a version in the block, and to nobody else."""
    token = _previewed.set(version)
    try:
        yield
    finally:
        _previewed.reset(token)


def of(version: SiteVersion | None) -> Face:
    """Return the face of a version, the settings where it says nothing."""
    given: Mapping[str, Any] = settings.OPERATOR
    version = version or SiteVersion()
    name = version.name or given["name"]
    logo = version.logo.address if version.logo else ""
    if not logo and given.get("logo"):
        logo = reverse("operator-logo")
    words = {name: _in_language(texts) for name, texts in version.words.items()}
    return Face(
        name=name,
        short_name=version.short_name or name[:20],
        accent=version.accent or given["accent"],
        contact=version.contact or given.get("contact", ""),
        logo=logo,
        logo_dark=version.logo_dark.address if version.logo_dark else "",
        icon=version.favicon.address if version.favicon else logo,
        sender=_sender(version, name),
        tagline=words.get("tagline", ""),
        mail_intro=words.get("mail_intro", ""),
        mail_footer=words.get("mail_footer", ""),
        legal_lines=words.get("legal_lines", ""),
        links=links(words.get("links", "")),
    )


def links(text: str) -> tuple[Link, ...]:
    """Read one link a line: its words, then its address."""
    parts = (line.rpartition(" ") for line in text.splitlines() if line.strip())
    return tuple(Link(label.strip(), address) for label, _space, address in parts)


def _plain(name: str) -> str:
    """Return the words of a name in capitals without accents, joined; none where it has none."""
    letters = (it for it in unicodedata.normalize("NFKD", name) if not unicodedata.combining(it))
    words = re.sub(r"[^A-Z0-9]+", "_", "".join(letters).upper()).strip("_")
    # No variable begins with a digit.
    return re.sub(r"^(?=\d)", "_", words)


def _in_language(texts: Mapping[str, str]) -> str:
    """Return the text in the reader's language, or in the portal's first."""
    return texts.get(get_language() or "", "") or texts.get(settings.LANGUAGE_CODE, "")


def _sender(version: SiteVersion, name: str) -> str:
    address = version.sender_address or parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    return formataddr((version.sender_name or name, address))

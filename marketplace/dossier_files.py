"""Files of a model's dossier: what may be one, told by its content and not by its name."""

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from django.utils.translation import gettext as _
from django_stubs_ext import StrOrPromise

from marketplace import ports
from marketplace.errors import DossierFileRefused

#: Where the operator's storage keeps them.
KIND = "dossiers"
LARGEST = 20_000_000
#: No dossier has more of them.
MOST = 50
#: By how the name ends: the type that browsers are told.
TYPES = {
    ".pdf": "application/pdf",
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
}
LABELS: dict[str, StrOrPromise] = {".pdf": "PDF", ".csv": "CSV", ".json": "JSON", ".md": "Markdown"}
#: What a text has no use for.
CONTROLS = frozenset(map(chr, range(32))) - {"\t", "\n", "\r", "\f"}


@dataclass(frozen=True, slots=True)
class DossierFile:
    """A file as pages show it."""

    sha256: str
    name: str
    bytes: int
    about: str
    is_public: bool = False

    @property
    def label(self) -> StrOrPromise:
        """What it is."""
        return LABELS[_ending(self.name)]

    @property
    def type(self) -> str:
        """What browsers are told that it is."""
        return TYPES[_ending(self.name)]


def read(
    kept: Sequence[Mapping[str, Any]], public: Sequence[Mapping[str, Any]]
) -> list[DossierFile]:
    """Return what a dossier keeps, and what of it customers may have."""
    shown = {it["sha256"] for it in public}
    return [DossierFile(**it, is_public=it["sha256"] in shown) for it in kept]


def entry(name: str, content: bytes, about: str) -> dict[str, Any]:
    """Return what a dossier keeps of the file; refuses what it is not by its content."""
    name = PurePath(name.replace("\\", "/")).name
    if fault := _fault(name, content):
        raise DossierFileRefused(fault, field_errors={"file": [fault]})
    digest = hashlib.sha256(content).hexdigest()
    return {"sha256": digest, "name": name, "bytes": len(content), "about": about}


def content(sha256: str) -> bytes:
    """Return a file's content."""
    return ports.contents.path_of(KIND, sha256).read_bytes()


def _ending(name: str) -> str:
    return PurePath(name).suffix.lower()


def _fault(name: str, content: bytes) -> str:
    ending = _ending(name)
    if ending not in TYPES:
        return _("Only PDF, CSV, JSON and Markdown (.md) are accepted.")
    if len(content) > LARGEST:
        return _("This file is larger than %(most)d MB.") % {"most": LARGEST // 1_000_000}
    if not CHECKS[ending](content):
        return _("Its content is not %(type)s, as its name says.") % {"type": LABELS[ending]}
    return ""


def _is_pdf(content: bytes) -> bool:
    return content.startswith(b"%PDF-") and b"%%EOF" in content[-2048:]


def _text(content: bytes) -> str:
    """Return the text; empty where it is none."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return ""
    return "" if CONTROLS.intersection(text) else text.strip()


def _is_csv(content: bytes) -> bool:
    text = _text(content)
    try:
        dialect = csv.Sniffer().sniff(text[:4096], delimiters=",;\t")
        rows = [row for row in csv.reader(text.splitlines(), dialect, strict=True) if row]
    except csv.Error:
        return False
    return len({len(row) for row in rows}) == 1 and len(rows[0]) > 1


def _is_json(content: bytes) -> bool:
    try:
        json.loads(_text(content))
    except (ValueError, RecursionError):
        return False
    return True


def _is_markdown(content: bytes) -> bool:
    return bool(_text(content))


CHECKS = {".pdf": _is_pdf, ".csv": _is_csv, ".json": _is_json, ".md": _is_markdown}

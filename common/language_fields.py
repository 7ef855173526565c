"""Fields that are written once in each language of the portal."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django_stubs_ext import StrOrPromise

from common import languages


def area(code: str, label: StrOrPromise, *, rows: int, most: int, **facts: Any) -> forms.CharField:
    """Return a field of many lines for one language, written in its own direction."""
    attributes = {"rows": rows, "lang": code, "dir": languages.direction(code)}
    return forms.CharField(
        label=f"{label} ({languages.own_name(code)})",
        widget=forms.Textarea(attributes),
        max_length=most,
        **facts,
    )


def written(cleaned: Mapping[str, Any], name: str) -> dict[str, str]:
    """Return what was written under a name, by language; empty ones are left out."""
    texts = {code: cleaned.get(f"{name}_{code}") or "" for code in languages.codes()}
    return {code: text for code, text in texts.items() if text}


def in_others(cleaned: Mapping[str, Any], names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return what was written beside the portal's first language: by name, then by language."""
    found = {name: written(cleaned, name) for name in names}
    return {name: texts for name, texts in found.items() if texts}

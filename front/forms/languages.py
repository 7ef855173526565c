"""Fields that are written once in each language of the portal."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import get_language_info
from django_stubs_ext import StrOrPromise


def codes() -> list[str]:
    """Return the portal's languages; the first is the one others fall back to."""
    return [code for code, _name in settings.LANGUAGES]


def area(code: str, label: StrOrPromise, *, rows: int, most: int, **facts: Any) -> forms.CharField:
    """Return a field of many lines for one language, written in its own direction."""
    info = get_language_info(code)
    attributes = {"rows": rows, "lang": code, "dir": "rtl" if info["bidi"] else "ltr"}
    return forms.CharField(
        label=f"{label} ({info['name_local']})",
        widget=forms.Textarea(attributes),
        max_length=most,
        **facts,
    )


def written(cleaned: dict[str, Any], name: str) -> dict[str, str]:
    """Return what was written under a name, by language; empty ones are left out."""
    texts = {code: cleaned.get(f"{name}_{code}", "") for code in codes()}
    return {code: text for code, text in texts.items() if text}

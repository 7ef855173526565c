"""What forms ask of a text in the portal's other languages, one field each."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django_stubs_ext import StrOrPromise

from common import language_fields, languages
from marketplace.forms import sections
from marketplace.forms.sections import Fold

#: By name: what it is called, how many lines it is given, and how long it may be.
Texts = Mapping[str, tuple[StrOrPromise, int, int]]
#: What changes and the API call all of them.
NAME = "translations"


def add(form: forms.BaseForm, texts: Texts, present: Mapping[str, Mapping[str, str]]) -> None:
    """Give a form a field for each text in each language, with what stands there."""
    for name, (label, rows, most) in texts.items():
        for code in languages.others():
            key = f"{name}_{code}"
            form.fields[key] = language_fields.area(
                code, label, rows=rows, most=most, required=False
            )
            form.initial.setdefault(key, present.get(name, {}).get(code, ""))


def folds(form: forms.BaseForm, texts: Texts, shown: str = "") -> list[Fold]:
    """Return the fields by language."""
    return sections.folds(form, languages.others(), list(texts), shown)


def written(cleaned: Mapping[str, Any], texts: Texts) -> dict[str, dict[str, str]]:
    """Return what was written, by name and then by language, as models keep it."""
    cleaned = {
        name: value.replace("\r\n", "\n").strip() if isinstance(value, str) else value
        for name, value in cleaned.items()
    }
    return language_fields.in_others(cleaned, texts)


def names(texts: Texts) -> set[str]:
    """Return what the fields are called."""
    return {f"{name}_{code}" for name in texts for code in languages.others()}


def spread(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain facts with what they say in other languages as forms ask for it.

    What is no mapping of names to mappings stays as it is, and forms refuse it by its name.
    """
    found = dict(facts)
    given = found.get(NAME)
    if isinstance(given, dict) and all(isinstance(it, dict) for it in given.values()):
        del found[NAME]
        found |= {f"{name}_{code}": text for name, by in given.items() for code, text in by.items()}
    return found

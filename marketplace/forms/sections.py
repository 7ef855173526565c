"""How long forms are divided, for people to read them part by part."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django import forms
from django_stubs_ext import StrOrPromise

from common import languages


@dataclass(frozen=True, slots=True)
class Section:
    """A group of fields with what it is for."""

    name: str
    title: StrOrPromise
    lead: StrOrPromise
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """The fields of one language, folded away until somebody writes in it."""

    code: str
    #: What its speakers call it.
    title: str
    fields: list[forms.BoundField]
    is_open: bool

    @property
    def is_written(self) -> bool:
        """Whether something stands in it."""
        return any(field.value() for field in self.fields)


@dataclass(frozen=True, slots=True)
class FilledSection:
    """A section with its fields, as the page draws it."""

    section: Section
    fields: list[forms.BoundField]
    #: Fields by language, where a text is written in several.
    folds: list[Fold] = field(default_factory=list)


def folds(
    form: forms.BaseForm, codes: Iterable[str], names: Sequence[str], shown: str = ""
) -> list[Fold]:
    """Return the fields of these names by language: the one that is worked on is open, and those
    in which something is wrong.
    """
    found = []
    for code in codes:
        fields = [form[f"{name}_{code}"] for name in names]
        is_open = code == shown or any(it.errors for it in fields)
        found.append(Fold(code, languages.own_name(code), fields, is_open))
    return found

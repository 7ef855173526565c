"""How long forms are divided, for people to read them part by part."""

from dataclasses import dataclass

from django import forms
from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, slots=True)
class Section:
    """A group of fields with what it is for."""

    name: str
    title: StrOrPromise
    lead: StrOrPromise
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FilledSection:
    """A section with its fields, as the page draws it."""

    section: Section
    fields: list[forms.BoundField]

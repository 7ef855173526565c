"""What the staff's API stands on here: the desk's forms, asked with data."""

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.forms import Form
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common import languages
from common.api import NewestFirstPagination
from common.errors import DomainError

F = TypeVar("F", bound=Form)
#: What fields of one language are called, and the mapping by language that fills them.
BY_LANGUAGE = {"title": "titles", "text": "texts"}


def texts(words: str) -> serializers.DictField:
    """Return a field of texts by language, such as ``{"en": "…", "fr": "…"}``."""
    return serializers.DictField(
        child=serializers.CharField(allow_blank=True, max_length=100_000),
        help_text=f"{words}, by language: the portal's first is needed, others may follow.",
    )


def read(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """Return what the body says."""
    wanted = serializer(data=request.data)
    wanted.is_valid(raise_exception=True)
    facts: dict[str, Any] = wanted.validated_data
    return facts


def spread(facts: Mapping[str, Any], names: Mapping[str, str] = BY_LANGUAGE) -> dict[str, Any]:
    """Return the facts as the desk's forms have them: a field for each language of a text."""
    found = {name: it for name, it in facts.items() if name not in names.values()}
    for field, name in names.items():
        by_language = facts.get(name, {})
        refuse_unknown(name, by_language, languages.codes())
        found |= {f"{field}_{code}": words for code, words in by_language.items()}
    return found


def refuse_unknown(name: str, asked: Collection[str], known: Collection[str]) -> None:
    """Refuse what is asked under a name and is none of these."""
    if unknown := sorted(set(asked) - set(known)):
        words = _("“%(name)s” is not known here. Accepted: %(names)s.") % {
            "name": unknown[0],
            "names": ", ".join(sorted(known)),
        }
        raise DomainError(field_errors={name: [words]})


def valid(form: F, names: Mapping[str, str] = BY_LANGUAGE) -> F:
    """Return the form, if it can be used; what is wrong is said by the names of the API."""
    if form.is_valid():
        return form
    errors: dict[str, list[str]] = {}
    for field, said in form.errors.items():
        name, _cut, code = field.rpartition("_")
        told = f"{names[name]}.{code}" if name in names else field
        errors[told] = [str(it) for it in said]
    raise DomainError(field_errors=errors)


def page(
    view: APIView,
    request: Request,
    found: QuerySet[Any],
    serializer: type[serializers.BaseSerializer[Any]],
) -> Response:
    """Return a page of rows, the newest first."""
    pages = NewestFirstPagination()
    rows = pages.paginate_queryset(found, request, view=view)
    return pages.get_paginated_response(serializer(rows, many=True).data)

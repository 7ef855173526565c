"""The management API's one error shape and its pagination."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from typing import IO, Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, ValidationError
from django.db.models import QuerySet
from django.http import Http404
from django.utils.module_loading import import_string
from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import exceptions, serializers
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from common.errors import DomainError

#: Named and not imported: its module reads our settings while it loads, and they name this one.
DEFAULT_HANDLER = "rest_framework.views.exception_handler"


#: How pages are asked for.
CURSOR = OpenApiParameter("cursor", str, description="Where a page begins, from `next`.")
LIMIT = OpenApiParameter("limit", int, description="Rows of a page, at most 200.")
#: A cursor that skips more than this is none of ours.
MOST_SKIPPED = 1_000_000


class NewestFirstPagination(CursorPagination):
    """Pages by cursor, newest first."""

    ordering = "-id"
    page_size_query_param = "limit"
    max_page_size = 200

    def paginate_queryset(
        self, queryset: QuerySet[Any] | Sequence[Any], request: Request, view: Any = None
    ) -> list[Any] | None:
        """Return the page; a cursor that names no row of ours is not found."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValidationError, ValueError):
            raise exceptions.NotFound(self.invalid_cursor_message) from None


class InOrderPagination(NewestFirstPagination):
    """The same pages of a list that was filtered and put in order before, whatever the order."""

    def paginate_queryset(
        self, queryset: QuerySet[Any] | Sequence[Any], request: Request, view: Any = None
    ) -> list[Any]:
        """Return the page that the cursor names: so many entries on from the first."""
        self._address, self.request = request.build_absolute_uri(), request
        size = self.get_page_size(request) or len(queryset)
        begin = self._begin(request)
        self.has_previous, self.has_next = begin > 0, begin + size < len(queryset)
        self._before, self._after = max(begin - size, 0), begin + size
        return list(queryset[begin : begin + size])

    def _begin(self, request: Request) -> int:
        asked = request.query_params.get(self.cursor_query_param)
        if asked is None:
            return 0
        try:
            name, number = b64decode(asked.encode(), validate=True).split(b"=")
            begin = int(number)
        except ValueError:
            raise exceptions.NotFound(self.invalid_cursor_message) from None
        if name != b"o" or not 0 <= begin <= MOST_SKIPPED:
            raise exceptions.NotFound(self.invalid_cursor_message)
        return begin

    def _link(self, begin: int) -> str:
        cursor = b64encode(f"o={begin}".encode()).decode()
        return str(replace_query_param(self._address, self.cursor_query_param, cursor))

    def get_next_link(self) -> str | None:
        """Return where it goes on."""
        return self._link(self._after) if self.has_next else None

    def get_previous_link(self) -> str | None:
        """Return where the page before begins."""
        return self._link(self._before) if self.has_previous else None


@cache
def paged(row: type[serializers.BaseSerializer[Any]]) -> serializers.Serializer[Any]:
    """Describe a page of these: its rows, and where the pages beside it are."""
    return inline_serializer(
        f"{row.__name__.removesuffix('Out')}Page",
        {
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "results": row(many=True),
        },
    )


class Named(serializers.SlugRelatedField[Any]):
    """What a word names; the database is not asked for one that holds a NUL, as nothing does."""

    def to_internal_value(self, data: Any) -> Any:
        """Return what the word names."""
        if isinstance(data, str) and "\0" in data:
            self.fail("does_not_exist", slug_name=self.slug_field, value=data.replace("\0", ""))
        return super().to_internal_value(data)


class BoundedJSONParser(JSONParser):
    """Reads JSON; what Python cannot read or nobody can write again is refused as malformed."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return what the body says."""
        try:
            read = super().parse(stream, media_type, parser_context)
            self.check(read)
        except RecursionError:
            raise exceptions.ParseError("The body is nested too deeply.") from None
        except UnicodeEncodeError:
            raise exceptions.ParseError("The body holds half of a character.") from None
        return read

    def check(self, read: Any) -> None:
        """Refuse half of a surrogate pair: neither the database nor our answer can hold it."""
        json.dumps(read, ensure_ascii=False).encode()


def _domain(error: DomainError) -> Response:
    body: dict[str, Any] = {"code": error.code, "detail": str(error.detail)}
    if error.field_errors:
        body["field_errors"] = {
            field: [str(message) for message in messages]
            for field, messages in error.field_errors.items()
        }
    return Response(body, status=error.status)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer every refusal as ``{"code", "detail", "field_errors"?}``."""
    if isinstance(error, DomainError):
        return _domain(error)
    if isinstance(error, RequestDataTooBig):
        return Response({"code": "request_too_large", "detail": str(error)}, status=413)
    response: Response | None = import_string(DEFAULT_HANDLER)(error, context)
    if response is None:
        return None
    if isinstance(error, exceptions.ValidationError):
        response.data = {
            "code": "invalid_request",
            "detail": "Some fields are not valid.",
            "field_errors": response.data,
        }
    elif isinstance(error, Http404):
        response.data = {"code": "not_found", "detail": "This does not exist."}
    elif isinstance(error, PermissionDenied):
        response.data = {"code": "permission_denied", "detail": "Your role does not allow this."}
    elif isinstance(error, exceptions.APIException):
        response.data = {"code": error.get_codes(), "detail": str(error.detail)}
    return response

"""What those endpoints below ``/v1`` stand on that Django serves: a key, and OpenAI's shapes.

Inference is the gateway's, without Django. Files and fine-tuning jobs are rare and large; they go
through here, with the same keys and the same envelope for errors.
"""

from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from rest_framework import serializers
from rest_framework.exceptions import MethodNotAllowed, NotAuthenticated
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.api import exception_handler
from common.errors import DomainError, Forbidden, NotFound
from common.ids import uuid7
from tenants.access import membership_of
from tenants.authentication import ApiKeyAuthentication
from tenants.key_scopes import INFERENCE
from tenants.models import ApiKey, Organization, Permission

log = structlog.get_logger(__name__)

LONGEST_OPERATION_KEY = 255

KINDS = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
}
CODES = {"not_authenticated": "missing_api_key", "authentication_failed": "invalid_api_key"}


class TooLongAName(DomainError):
    """An idempotency key that would have to be cut, and could then mean another's."""

    code = "invalid_request"
    detail = f"An Idempotency-Key has at most {LONGEST_OPERATION_KEY} characters."


class AlwaysJSON(DefaultContentNegotiation):
    """Answers in JSON whatever a client says it accepts: OpenAI's asks for "application/binary"."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        """Return the first renderer."""
        return renderers[0], renderers[0].media_type


class KeyView(APIView):
    """Settles key and organization, and answers refusals in OpenAI's envelope.

    A key acts with the rights of the person who made it, now.
    """

    authentication_classes = [ApiKeyAuthentication]
    permission_classes = [AllowAny]
    content_negotiation_class = AlwaysJSON
    #: The management API's description is not the place of ``/v1``.
    schema = None
    #: HTTP method to permission.
    permissions: dict[str, Permission] = {}
    api_key: ApiKey
    organization: Organization

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse whoever may not."""
        super().initial(request, *args, **kwargs)
        key = request.auth
        if not isinstance(key, ApiKey):
            raise NotAuthenticated("Send an API key as 'Authorization: Bearer tsr_…'.")
        if INFERENCE not in key.scopes:
            raise Forbidden("This key does not carry the scope “inference”.")
        needed = self.permissions.get(request.method or "")
        if needed is None:
            raise MethodNotAllowed(request.method or "")
        membership = membership_of(key.created_by, key.organization.slug)
        if membership is None or not membership.can(needed):
            raise Forbidden("The role of the person who made this key does not allow this.")
        self.api_key, self.organization = key, key.organization

    def get_exception_handler(self) -> Any:
        """Answer errors in OpenAI's envelope."""
        return envelope

    def finalize_response(self, *args: Any, **kwargs: Any) -> Any:
        """Give every answer a name that support can look for."""
        response = super().finalize_response(*args, **kwargs)
        response["x-request-id"] = f"req_{uuid7().hex}"
        return response


class Nothing(KeyView):
    """Answers where ``/v1`` has nothing."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """There is nothing here for anybody; who left ``/v1`` out is told."""
        hint = "" if request.path.startswith("/v1") else " The base URL ends in /v1."
        raise NotFound(f"There is nothing at {request.path[:200]}.{hint}")


class Strict(serializers.Serializer[Any]):
    """Refuses parameters it does not know: what is left unread may have been meant."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return the fields; where few values are accepted, the refusal of others lists them."""
        fields = super().get_fields()
        for field in fields.values():
            if isinstance(field, serializers.ChoiceField):
                accepted = ", ".join(str(choice) for choice in field.choices)
                field.error_messages["invalid_choice"] = f"“{{input}}” is not one of: {accepted}."
        return fields

    def to_internal_value(self, data: Any) -> Any:
        """Read the known parameters, after a look for others."""
        if isinstance(data, dict):
            given = {name for name, value in data.items() if value is not None}
            unknown = sorted(given - set(self.fields))
            if unknown:
                known = ", ".join(sorted(self.fields))
                raise serializers.ValidationError(
                    {str(unknown[0])[:100]: f"This parameter is not supported; known: {known}."}
                )
        return super().to_internal_value(data)


def operation_key(request: Request) -> str:
    """Return the name that makes asking twice once; refuse one that is too long to be kept."""
    key: str = request.headers.get("Idempotency-Key", "")
    if len(key) > LONGEST_OPERATION_KEY:
        raise TooLongAName
    return key


def listed(page: list[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    """Return one page of a list."""
    ends = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {}
    nothing = {"first_id": None, "last_id": None}
    return {"object": "list", "data": page, **nothing, **ends, "has_more": has_more}


def envelope(error: Exception, context: dict[str, Any]) -> Response:
    """Answer a refusal, or a fault of ours, as ``{"error": {message, type, param, code}}``."""
    response = exception_handler(_understood(error), context)
    if response is None:
        log.error("v1_request_failed", exc_info=error)
        response = Response(
            {"code": "internal_error", "detail": "Something failed here."}, status=500
        )
    param, message = _first(response.data.get("field_errors"))
    code = str(response.data["code"])
    response.data = {
        "error": {
            "message": f"{param}: {message}" if param else message or response.data["detail"],
            "type": KINDS.get(response.status_code, "invalid_request_error"),
            "param": param,
            "code": CODES.get(code, code),
        }
    }
    return response


def _understood(error: Exception) -> Exception:
    if isinstance(error, RequestDataTooBig):
        return DomainError("The fields beside the file are too large.")
    if isinstance(error, SuspiciousOperation):
        return DomainError("The request is not well-formed.")
    return error


def _first(errors: Any, path: str = "") -> tuple[str | None, str]:
    """Return the first field that is wrong, and why."""
    while isinstance(errors, (dict, list)) and errors:
        if isinstance(errors, dict):
            name, errors = next(iter(errors.items()))
            if name != "non_field_errors":
                path = f"{path}.{name}" if path else str(name)
        else:
            errors = next(each for each in errors if each)
    return path or None, str(errors or "")

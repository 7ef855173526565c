"""How the API's description tells of keys, of subjects and of refusals."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.request import Request

from tenants import ports


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """``Authorization: Bearer tsr_…``."""

    target_class = "tenants.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Describe the header."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "tsr_…"}


#: What every refusal looks like, and which there are.
REFUSAL = {
    "type": "object",
    "required": ["code", "detail"],
    "properties": {
        "code": {"type": "string", "description": "For programs."},
        "detail": {"type": "string", "description": "A sentence for people."},
        "field_errors": {
            "type": "object",
            "additionalProperties": True,
            "description": "Fields of the input, each with what is wrong with it.",
        },
    },
}
REFUSALS = {
    "400": "Something in the input is wrong; field_errors names it.",
    "401": "No key came, or one that is not valid.",
    "403": "The role, or the key's scopes, do not allow this.",
    "404": "It does not exist, or you may not see it.",
}


def finish(result: dict[str, Any], request: Request | None, **_context: Any) -> dict[str, Any]:
    """Sort the operations by what they are about, and say how each can be refused.

    Whoever asks for it over the net reads the operator's name; a check of the code needs no database.
    """
    if request is not None:
        result["info"]["title"] = f"{ports.operator.face().name} API"
    result["components"]["schemas"]["Refusal"] = REFUSAL
    for path, operations in result["paths"].items():
        for operation in operations.values():
            operation["tags"] = [_subject(path)]
            for status in _statuses(path, operation):
                operation["responses"].setdefault(status, _refused(status))
    return result


def _subject(path: str) -> str:
    """Return what a path is about: what stands below the organization, or below the version."""
    below = path.partition("/api/v1/")[2].removeprefix("organizations/{org}/")
    return below.partition("/")[0].replace("_", " ").capitalize() or "About"


def _statuses(path: str, operation: dict[str, Any]) -> list[str]:
    asks = any(it["in"] == "query" for it in operation.get("parameters", ()))
    found = ["400"] if asks or "requestBody" in operation else []
    return [*found, "401", "403", "404"] if "{org}" in path else [*found, "401"]


def _refused(status: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    return {"description": REFUSALS[status], "content": content}

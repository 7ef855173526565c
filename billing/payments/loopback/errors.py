"""Stripe's errors: HTTP status, type, code and the parameter at fault."""

from typing import Any

DOCUMENTATION = "https://docs.stripe.com/error-codes#"


class ApiError(Exception):
    """A refusal in Stripe's envelope; nothing the request did is kept."""

    status = 400
    type = "invalid_request_error"
    keeps_changes = False
    remembered = True

    def __init__(
        self, message: str, *, code: str | None = None, param: str | None = None, **facts: Any
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.facts = facts

    def body(self) -> dict[str, Any]:
        """Return the error object alone, as ``last_payment_error`` shows it too."""
        error: dict[str, Any] = {"message": self.message, "type": self.type}
        if self.code:
            error["code"] = self.code
            error["doc_url"] = DOCUMENTATION + self.code.replace("_", "-")
        if self.param:
            error["param"] = self.param
        return error | self.facts


class InvalidParameter(ApiError):
    """A parameter that fails validation; an idempotency key is not spent on it."""

    remembered = False


class NotFound(ApiError):
    """An id that names nothing: 404 in the address, 400 in another parameter."""

    remembered = False

    def __init__(self, kind: str, object_id: str, *, param: str = "id") -> None:
        message = f"No such {kind.replace('.', ' ')}: '{object_id}'"
        super().__init__(message, code="resource_missing", param=param)
        self.status = 404 if param == "id" else 400


class Unauthorized(ApiError):
    """A missing or wrong API key."""

    status = 401
    remembered = False


class CardError(ApiError):
    """A declined payment: the attempt is history, so what it wrote is kept."""

    status = 402
    type = "card_error"
    keeps_changes = True


class KeyReused(ApiError):
    """An idempotency key that was first used for another request."""

    type = "idempotency_error"
    remembered = False


class KeyInUse(KeyReused):
    """An idempotency key whose first request has not been answered yet."""

    status = 409


class RateLimited(ApiError):
    """A refusal on command, shaped like Stripe's rate limit."""

    status = 429
    remembered = False


class ServerFailure(ApiError):
    """A failure on command, shaped like Stripe's own outage."""

    status = 500
    type = "api_error"
    remembered = False


class TooLarge(ApiError):
    """A body above what any real request needs."""

    status = 413
    remembered = False

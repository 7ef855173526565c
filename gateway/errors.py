"""Refusals in OpenAI's envelope: a status, a code for programs, a sentence that says what to do."""

from collections.abc import Mapping

import msgspec

Headers = list[tuple[bytes, bytes]]


class GatewayError(Exception):
    """A request that ends here; nothing is billed for it."""

    status = 400
    code = "invalid_request"
    kind = "invalid_request_error"
    #: Headers that every such refusal has.
    always: Mapping[str, str] = {}

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code or type(self).code
        self.headers = {**self.always, **(headers or {})}

    def body(self) -> bytes:
        """Return the envelope."""
        return msgspec.json.encode(
            {
                "error": {
                    "message": self.message,
                    "type": self.kind,
                    "param": self.param,
                    "code": self.code,
                }
            }
        )


def envelope(error: GatewayError, request_id: str) -> bytes:
    """Return OpenAI's envelope; the request's id stands in a header."""
    return error.body()


class ClientGone(Exception):
    """The client went away before the answer was complete."""


class InvalidRequest(GatewayError):
    """The body, or a parameter of it, cannot be used; ``param`` names it."""

    code = "invalid_value"


class InvalidKey(GatewayError):
    """No usable key came with the request."""

    status = 401
    code = "invalid_api_key"
    kind = "authentication_error"
    always = {"www-authenticate": "Bearer"}


class FundsMissing(GatewayError):
    """The balance cannot pay for the smallest useful answer."""

    status = 402
    code = "insufficient_funds"
    kind = "insufficient_quota"


class BudgetExceeded(FundsMissing):
    """The organization allowed itself to spend so much and no more; trying again does not help."""

    code = "budget_exceeded"
    always = {"x-should-retry": "false"}


class Refused(GatewayError):
    """The key is good and may not do this."""

    status = 403
    code = "permission_denied"
    kind = "permission_error"


class NotFound(GatewayError):
    """To this key, the thing does not exist."""

    status = 404
    code = "not_found"


class MethodNotAllowed(GatewayError):
    """The path exists, with another method."""

    status = 405
    code = "method_not_allowed"


class TooSlow(GatewayError):
    """The body stopped coming."""

    status = 408
    code = "request_timeout"
    always = {"connection": "close"}


class BodyTooLarge(GatewayError):
    """The body passes the limit; reading stopped there."""

    status = 413
    code = "request_too_large"


class UnsupportedMedia(GatewayError):
    """The body is in a form we do not read."""

    status = 415
    code = "unsupported_media_type"


class TooFast(GatewayError):
    """A limit of requests, tokens or concurrency is used up; the headers say until when."""

    status = 429
    code = "rate_limit_exceeded"
    kind = "rate_limit_error"


class UpstreamFailed(GatewayError):
    """The engine answered with nothing that can be passed on."""

    status = 502
    code = "upstream_error"
    kind = "server_error"


class Unavailable(GatewayError):
    """No engine can be reached, or this gateway cannot keep its books just now."""

    status = 503
    code = "service_unavailable"
    kind = "server_error"
    always = {"retry-after": "5"}


class BooksAway(Unavailable):
    """PostgreSQL cannot be reached, or is there and does not answer."""

    code = "books_unavailable"

    def __init__(
        self, message: str = "The books cannot be reached. Try again in a minute."
    ) -> None:
        super().__init__(message)


class CreditUnclear(Unavailable):
    """Nobody can say just now whether there is enough: a gateway that holds some does not answer."""

    code = "credit_unclear"
    always = {"retry-after": "1"}


class Internal(GatewayError):
    """Our own fault."""

    status = 500
    code = "internal_error"
    kind = "server_error"

"""From an HTTP request to an API call: bounded reading, authentication, form decoding."""

import base64
import binascii
import hmac
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from billing.payments.loopback import forms, ids
from billing.payments.loopback.errors import InvalidParameter, TooLarge, Unauthorized

MAX_BODY = 512 * 1024


@dataclass(frozen=True)
class Call:
    """One request as the API understands it."""

    method: str
    path: str
    params: dict[str, Any]
    authorization: str | None
    idempotency_key: str | None
    request_id: str


async def read(request: Request) -> Call:
    """Return the call, or refuse a body that is too large or no form."""
    body = await read_body(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind not in {"application/x-www-form-urlencoded", ""}:
        raise InvalidParameter(
            "Invalid request: the body must be application/x-www-form-urlencoded."
        )
    try:
        form = body.decode("ascii")
    except UnicodeDecodeError as error:
        raise InvalidParameter("The request body is not a valid form.") from error
    key = request.headers.get("idempotency-key") if request.method == "POST" else None
    return Call(
        method=request.method,
        path=request.url.path,
        params=forms.decode(form or request.url.query),
        authorization=request.headers.get("authorization"),
        idempotency_key=key or None,
        request_id=ids.new("req", 14),
    )


async def read_body(request: Request) -> bytes:
    """Return the body, and stop reading one that is larger than any real request."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise TooLarge("The request body is too large.")
    return bytes(body)


def authenticate(authorization: str | None, api_key: str) -> None:
    """Refuse a request without the account's key, sent as bearer or basic credentials."""
    given = _credentials(authorization)
    if not given:
        raise Unauthorized(
            "You did not provide an API key. You need to provide your API key in the "
            "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    if not hmac.compare_digest(given.encode(), api_key.encode()):
        raise Unauthorized(f"Invalid API Key provided: {given[:8]}****{given[-4:]}")


def _credentials(authorization: str | None) -> str:
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""

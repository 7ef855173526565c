"""How much a request may bring, decided while it is read and before anything else is looked up.

Django spools a whole body before a view can refuse it: without this, anybody could fill the disk.
A large body is read from those alone who have a key.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import close_old_connections
from django.http import parse_cookie

from common.database import service
from files.services import uploads
from gateway.errors import BodyTooLarge, GatewayError, InvalidKey
from gateway.exchange import Message, Receive, Send
from marketplace.tokenizing import checking
from tenants import keys
from tenants.models import ApiKey, User

LARGEST = 10_000_000
UPLOADS = "/v1/files"
#: A part of a file, and a dataset from its page.
PARTS = re.compile(r"/v1/uploads/[^/]+/parts")
DATASETS = re.compile(r"/o/[^/]+/studio/datasets/new/")
#: Where staff attaches tokenizers.
TOKENIZERS = "/staff/tokenizers/"
#: What the form around an uploaded file may take.
WRAPPING = 1_000_000

Application = Callable[[Message, Any, Any], Awaitable[None]]


class Bodies:
    """An ASGI application that stops reading where a body passes its limit."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass the request on with its body bounded."""
        by_key = _limit_by_key(scope)
        if by_key and not await sync_to_async(_has_key)(dict(scope["headers"])):
            await _refuse(scope, send, InvalidKey("The API key is missing or not valid."))
            return
        limit = by_key or await _limit(scope)
        body = _Body(scope, receive, send, limit)
        if not body.is_too_large:
            await self._app(scope, body.receive, body.send)
        if body.is_too_large:
            await _refuse(scope, send, BodyTooLarge(f"The body is larger than {limit:,} bytes."))


class _Body:
    """A body that is counted as it is read, from what its head declares on."""

    def __init__(self, scope: Message, receive: Receive, send: Send, limit: int) -> None:
        declared = dict(scope["headers"]).get(b"content-length", b"")
        self._receive = receive
        self._send = send
        self._left = limit
        self.is_too_large = declared.isdigit() and int(declared) > limit

    async def receive(self) -> Message:
        """Read on; past the limit the client is as good as gone."""
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        self.is_too_large = self._left < 0
        return {"type": "http.disconnect"} if self.is_too_large else message

    async def send(self, message: Message) -> None:
        """Send on, unless the body was cut off: then the answer is ours."""
        if not self.is_too_large:
            await self._send(message)


def _limit_by_key(scope: Message) -> int:
    """Return what a request may be that brings a file with a key; nought where it brings none."""
    if scope["method"] != "POST":
        return 0
    if scope["path"] == UPLOADS:
        return int(settings.FILES_LARGEST) + WRAPPING
    return uploads.LARGEST_PART + WRAPPING if PARTS.fullmatch(scope["path"]) else 0


async def _limit(scope: Message) -> int:
    """Return what any other request may be: more for those alone whose session may bring more."""
    path, headers = scope["path"], dict(scope["headers"])
    if scope["method"] != "POST":
        return LARGEST
    if path.startswith(TOKENIZERS) and await sync_to_async(_is_signed_in)(headers, is_staff=True):
        return checking.LARGEST + WRAPPING
    if DATASETS.fullmatch(path) and await sync_to_async(_is_signed_in)(headers):
        return int(settings.FILES_LARGEST) + WRAPPING
    return LARGEST


def _is_signed_in(headers: dict[bytes, bytes], **facts: bool) -> bool:
    cookies = parse_cookie(headers.get(b"cookie", b"").decode("latin-1"))
    session = cookies.get(settings.SESSION_COOKIE_NAME)
    close_old_connections()
    with service():
        user: str = SessionStore(session).get(SESSION_KEY, "") if session else ""
        people = User.objects.filter(is_active=True, **facts)
        return bool(user) and people.filter(pk=user).exists()


def _has_key(headers: dict[bytes, bytes]) -> bool:
    kind, _space, key = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if kind.lower() != "bearer" or not keys.is_well_formed(key):
        return False
    # Django looks after its connections when a request begins, and this one has not yet.
    close_old_connections()
    with service():
        return ApiKey.objects.usable().filter(digest=keys.digest(key)).exists()


async def _refuse(scope: Message, send: Send, error: GatewayError) -> None:
    """Answer in the words of the part that was asked, and end the connection."""
    body = error.body()
    if not scope["path"].startswith("/v1/"):
        body = msgspec.json.encode({"code": error.code, "detail": error.message})
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

"""The one door to servers that the operator named: one short question, one answer in bounds.

Such servers may stand on private addresses. Redirects are not followed, so that a credential goes
nowhere else; an answer that is large or slow is not waited for.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit, urlunsplit

PATIENCE = 5.0
LARGEST = 1_000_000
PIECE = 65_536


class Trouble(StrEnum):
    """Why a server gave no answer that could be used."""

    REFUSED = "refused"
    UNKNOWN_NAME = "unknown_name"
    SILENT = "silent"
    UNTRUSTED = "untrusted"
    BROKEN = "broken"
    FORBIDDEN = "forbidden"


class Unreachable(Exception):
    """The server gave no answer that can be used."""

    def __init__(self, trouble: Trouble) -> None:
        self.trouble = trouble
        super().__init__(trouble.value)


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a whole body."""

    status: int
    body: bytes
    #: When the server wants to be asked again, in its words; empty where it does not say.
    retry_after: str = ""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a server is waited for, how much it may say, whose certificates are believed."""

    #: In seconds, for a whole question: from the connection to the last byte of its answer.
    patience: float = PATIENCE
    largest: int = LARGEST
    #: A file of certificates, in place of those that this machine trusts.
    authorities: str = ""


USUAL = Bounds()


def get(url: str, *, bearer: str = "", bounds: Bounds = USUAL) -> Answer:
    """Return what the server answers to a GET, or raise ``Unreachable`` with the reason."""
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    return ask("GET", url, headers, bounds=bounds)


def ask(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None = None,
    *,
    bounds: Bounds = USUAL,
) -> Answer:
    """Return what the server answers to a question, or raise ``Unreachable`` with the reason."""
    with _asked(method, url, {"Accept": "application/json", **headers}, body, bounds) as response:
        later = response.getheader("Retry-After") or ""
        return Answer(response.status, read(response, bounds), later)


def hang_up_on(
    method: str, url: str, headers: Mapping[str, str], body: bytes, *, bounds: Bounds = USUAL
) -> None:
    """Ask, wait for the first piece of the answer, and go: what a caller does who lost interest."""
    with _asked(method, url, headers, body, bounds) as response:
        response.read1(1)


@contextmanager
def _asked(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None, bounds: Bounds
) -> Iterator[HTTPResponse]:
    """Yield an answer whose head has come; its line is cut when patience ends, wherever it drips."""
    end, is_late = time.monotonic() + bounds.patience, threading.Event()
    connection: HTTPConnection | None = None
    timer: threading.Timer | None = None
    try:
        parts = urlsplit(url)
        connection = _connection(parts.scheme, parts.hostname or "", parts.port, bounds)
        connection.connect()
        timer = threading.Timer(end - time.monotonic(), _cut, (connection.sock, is_late))
        timer.daemon = True
        timer.start()
        target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        connection.request(method, target, body, dict(headers))
        yield connection.getresponse()
    except (OSError, HTTPException, ValueError) as error:
        raise Unreachable(Trouble.SILENT if is_late.is_set() else trouble(error)) from error
    finally:
        if timer is not None:
            timer.cancel()
        if connection is not None:
            connection.close()
    # What was cut off reads like what has ended.
    if is_late.is_set():
        raise Unreachable(Trouble.SILENT)


def _cut(line: socket.socket, is_late: threading.Event) -> None:
    is_late.set()
    # It may have been closed in this very moment.
    with suppress(OSError):
        # Of the plain socket, also where it is encrypted: whoever reads from it wakes up.
        socket.socket.shutdown(line, socket.SHUT_RDWR)


def _connection(scheme: str, host: str, port: int | None, bounds: Bounds) -> HTTPConnection:
    if scheme != "https":
        return HTTPConnection(host, port, timeout=bounds.patience)
    trusted = ssl.create_default_context(cafile=bounds.authorities or None)
    return HTTPSConnection(host, port, timeout=bounds.patience, context=trusted)


def read(response: HTTPResponse, bounds: Bounds = USUAL) -> bytes:
    """Read the body; one that drips is cut off when patience ends."""
    end, body = time.monotonic() + bounds.patience, bytearray()
    while piece := response.read1(PIECE):
        body += piece
        if len(body) > bounds.largest:
            raise Unreachable(Trouble.BROKEN)
        if time.monotonic() > end:
            raise Unreachable(Trouble.SILENT)
    return bytes(body)


def trouble(error: Exception) -> Trouble:
    match error:
        case ConnectionRefusedError():
            return Trouble.REFUSED
        # A name that cannot be looked up at all is a UnicodeError.
        case socket.gaierror() | UnicodeError():
            return Trouble.UNKNOWN_NAME
        case TimeoutError():
            return Trouble.SILENT
        case ssl.SSLError():
            return Trouble.UNTRUSTED
        case _:
            return Trouble.BROKEN

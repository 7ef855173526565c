"""The one door to servers that the operator named: one short question, one small answer.

Such servers may stand on private addresses. Redirects are not followed, so that a credential goes
nowhere else; an answer that is large or slow is not waited for.
"""

import socket
import ssl
import time
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


def get(url: str, *, bearer: str = "") -> Answer:
    """Return what the server answers to a GET, or raise ``Unreachable`` with the reason."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE)
    target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    headers = {"Accept": "application/json"}
    if bearer:
        headers["Authorization"] = f"Bearer {bearer}"
    try:
        connection.request("GET", target, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, read(response))
    except (OSError, HTTPException, ValueError) as error:
        raise Unreachable(trouble(error)) from error
    finally:
        connection.close()


def read(response: HTTPResponse) -> bytes:
    """Read the body; one that drips is cut off when patience ends."""
    end, body = time.monotonic() + PATIENCE, b""
    while piece := response.read1(PIECE):
        body += piece
        if len(body) > LARGEST:
            raise Unreachable(Trouble.BROKEN)
        if time.monotonic() > end:
            raise Unreachable(Trouble.SILENT)
    return body


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

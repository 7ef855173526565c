"""The one door to addresses that customers gave: one POST, one small answer.

Such a name is looked up once, and the connection goes to the address that was checked: a name that
changes between check and call (DNS rebinding) leads nowhere else. Only addresses of the public
Internet are called, and only over TLS; the operator may name private networks
(``OUTSIDE_NETWORKS``), in which plain HTTP will do. Redirects are not followed.
"""

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from urllib.parse import SplitResult, urlsplit, urlunsplit

from django.conf import settings

from common.http import PATIENCE, Answer, Trouble, Unreachable, read, trouble

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
#: From the first byte sent to the last one read; one who drips longer is hung up on.
LONGEST = 3 * PATIENCE
#: Where the public Internet of version 6 is; beside it are old disguises of version 4, sites' own
#: addresses and translations that ``is_global`` takes for public.
_WORLD = ipaddress.ip_network("2000::/3")
#: Addresses within it that carry one of version 4, which the check would not see.
_DISGUISES = tuple(ipaddress.ip_network(it) for it in ("2002::/16", "2001::/32"))


class Forbidden(Unreachable):
    """The address leads into a network that customers may not reach, or would not be encrypted."""

    def __init__(self) -> None:
        super().__init__(Trouble.FORBIDDEN)


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Return what the server answers to a POST, or raise ``Unreachable`` with the reason."""
    parts = urlsplit(url)
    try:
        connection, line = _connection(parts)
    except (OSError, ValueError) as error:
        raise Unreachable(trouble(error)) from error
    clock = threading.Timer(LONGEST, _hang_up, [line])
    clock.daemon = True
    clock.start()
    try:
        target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        connection.request("POST", target, body, dict(headers))
        response = connection.getresponse()
        return Answer(response.status, read(response))
    except (OSError, HTTPException, ValueError) as error:
        raise Unreachable(trouble(error)) from error
    finally:
        clock.cancel()
        connection.close()
        line.close()


def refuses(url: str) -> bool:
    """Whether the address can be refused as it is written: nobody is asked what a name means."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    # This name is never asked for: it means the machine itself (RFC 6761, section 6.3).
    host = "127.0.0.1" if host == "localhost" or host.endswith(".localhost") else host
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return parts.scheme != "https" and not settings.OUTSIDE_NETWORKS
    return not _allowed(address, is_encrypted=parts.scheme == "https")


def tells_secret(url: str) -> bool:
    """Whether a name or a password stands in the address: all who see the address would see it."""
    return "@" in urlsplit(url).netloc


def _connection(parts: SplitResult) -> tuple[HTTPConnection, socket.socket]:
    """Return an open connection to an address that may be called, and its socket."""
    host, is_encrypted = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_encrypted else 80)
    address = _address(host, port, is_encrypted=is_encrypted)
    connected = socket.create_connection((str(address), port), PATIENCE)
    if is_encrypted:
        trust = ssl.create_default_context()
        connected = trust.wrap_socket(connected, server_hostname=host)
    connection = HTTPConnection(host, port, timeout=PATIENCE)
    # The connection is open already: it opens none of its own, to wherever the name leads then.
    connection.sock = connected
    return connection, connected


def _address(host: str, port: int, *, is_encrypted: bool) -> IPAddress:
    """Return the first address of the host, if all of them may be called."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(it[4][0]) for it in found]
    if not addresses or not all(_allowed(it, is_encrypted=is_encrypted) for it in addresses):
        raise Forbidden
    return addresses[0]


def _allowed(address: IPAddress, *, is_encrypted: bool) -> bool:
    plain = getattr(address, "ipv4_mapped", None) or address
    if any(plain in network for network in settings.OUTSIDE_NETWORKS):
        return True
    is_public = plain.is_global and not plain.is_multicast
    if plain.version == 6:
        is_public = is_public and plain in _WORLD
    return is_encrypted and is_public and not any(plain in it for it in _DISGUISES)


def _hang_up(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # Of the plain socket, also where it is encrypted: whoever reads from it wakes up.
        socket.socket.shutdown(line, socket.SHUT_RDWR)

"""The network is closed in tests: only this machine's loopback and sockets may be reached."""

import ipaddress
import sys
from typing import Any

_open = False


class NetworkClosed(BaseException):
    """A test tried to reach the world; nothing that catches an Exception may hide it."""


def set_open(is_open: bool) -> None:
    """Open or close the network for what follows."""
    global _open  # noqa: PLW0603 - one switch per process, like the hook it turns
    _open = is_open


def is_local(host: Any) -> bool:
    """Tell whether the host is this machine."""
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_number(host: Any) -> bool:
    """Tell whether looking up the host asks nobody, because it is an address already."""
    try:
        ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host)
    except ValueError:
        return False
    return True


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse what leaves the machine; Python tells every attempt to its audit hooks."""
    if _open or event not in ("socket.connect", "socket.sendto", "socket.getaddrinfo"):
        return
    if event == "socket.getaddrinfo":
        host = arguments[0]
        if is_local(host) or is_number(host):
            return
    else:
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None
        if is_local(host):
            return
    raise NetworkClosed(f"a test reached for {host!r}")


def close() -> None:
    """Close the network of this process for good; :func:`set_open` is the only way out."""
    sys.addaudithook(watch)

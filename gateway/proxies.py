"""Who the client is when a proxy stands before us."""

import ipaddress
from collections.abc import Mapping

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Proxies:
    """The addresses whose word on the client's own address is taken.

    ``trusted`` is what ``FORWARDED_ALLOW_IPS`` holds: addresses and networks with commas between,
    or ``*`` for everybody; uvicorn reads the same variable.
    """

    def __init__(self, trusted: str) -> None:
        names = [each.strip() for each in trusted.split(",") if each.strip()]
        self._all = "*" in names
        self._networks: list[Network] = [
            ipaddress.ip_network(each, strict=False) for each in names if each != "*"
        ]
        self._known: dict[str, bool] = {}

    def client(self, peer: str, headers: Mapping[bytes, bytes]) -> str:
        """Return the last address that no proxy of ours has: further back anybody may have lied."""
        passed_on = headers.get(b"x-forwarded-for")
        if passed_on is None or not self._trusts(peer):
            return peer
        hops = [each.strip() for each in passed_on.decode("latin-1").split(",")]
        for hop in reversed(hops):
            if hop and not self._trusts(hop):
                return hop
        return hops[0] or peer

    def _trusts(self, address: str) -> bool:
        if self._all:
            return True
        if address not in self._known:
            if len(self._known) > 1000:
                self._known.clear()
            self._known[address] = self._looks_up(address)
        return self._known[address]

    def _looks_up(self, address: str) -> bool:
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        ip = getattr(ip, "ipv4_mapped", None) or ip
        return any(ip in each for each in self._networks)

"""How often one machine may ask for what anybody may ask for."""

import ipaddress

import structlog
from django.core.cache import cache
from django.http import HttpRequest
from redis.exceptions import RedisError

from tenants import client

log = structlog.get_logger(__name__)

MINUTE = 60
#: Whoever has one address of version 6 has all of such a network.
NETWORK = 64


def allows(request: HttpRequest, what: str, *, a_minute: int) -> bool:
    """Count the request; whether its machine has asked for ``what`` no oftener than that.

    While nobody can count, everybody may: what is asked for in this way does no harm by itself.
    """
    name = f"pace:{what}:{_machine(client.address(request))}"
    try:
        cache.add(name, 0, MINUTE)
        return cache.incr(name) <= a_minute
    except ValueError:
        # The minute was over between the two.
        return True
    except RedisError as error:
        log.warning("pace_not_counted", what=what, reason=repr(error))
        return True


def _machine(address: str | None) -> str:
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if ip.version == 6:
        return str(ipaddress.ip_network((ip, NETWORK), strict=False))
    return str(ip)

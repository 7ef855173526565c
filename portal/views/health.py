"""Whether this process lives, and whether it can do its work."""

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connections
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from common.database import APP, SERVICE


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 while the process can answer at all; looks at nothing else."""
    return JsonResponse({"status": "ok"})


def _database(alias: str) -> str:
    try:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "unreachable"
    return "ok"


def _redis() -> str:
    try:
        cache.get("readyz")
    except (RedisError, OSError):
        return "unreachable"
    return "ok"


def parts() -> dict[str, str]:
    """Return the state of each part that the service stands on."""
    return {"database": _database(APP), "service": _database(SERVICE), "redis": _redis()}


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when both database roles and Redis answer, else 503 and which does not."""
    states = parts()
    ready = all(state == "ok" for state in states.values())
    facts = {"status": "ready" if ready else "not ready", **states}
    if settings.DEMO:
        facts["demo"] = "on"
    return JsonResponse(facts, status=200 if ready else 503)

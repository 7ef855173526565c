"""Where and when people are signed in: noted once a minute, and not with every page."""

import hashlib
from collections.abc import Callable

from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from redis.exceptions import RedisError

from tenants import client

MINUTE = 60


class ActivityMiddleware:
    """Keep the list of a person's sessions, which they can look at and end.

    Noting every request costs a page three queries and a write, open pages that ask for news included.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Note the session if that is news, and pass the request on."""
        key = request.session.session_key
        if key and request.user.is_authenticated and _is_news(request, key):
            UserSession.objects.create_from_request(request)
        return self.get_response(request)


def _is_news(request: HttpRequest, key: str) -> bool:
    """Whether the session was not seen in the last minute from this address with this program."""
    facts = f"{key} {client.address(request)} {request.headers.get('user-agent', '')}"
    try:
        return cache.add(f"seen:{hashlib.sha256(facts.encode()).hexdigest()}", 1, timeout=MINUTE)
    except (RedisError, OSError):
        return True

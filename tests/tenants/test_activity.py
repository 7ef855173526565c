"""The list of a person's sessions is kept, and not written with every page."""

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

PAGE = "/organizations/new/"


@pytest.fixture
def seen(alice_client):
    """Return when and from where Alice was last seen, once she has opened a page."""
    alice_client.get(PAGE)

    def seen():
        return UserSession.objects.values_list("last_seen_at", "ip", "user_agent").get()

    return seen


def test_a_session_is_noted_with_its_first_page(seen):
    at, ip, _program = seen()

    assert timezone.now() - at < timedelta(minutes=1)
    assert ip == "127.0.0.1"


def test_pages_within_a_minute_write_nothing(alice_client, seen):
    before = seen()

    with CaptureQueriesContext(connection) as queries:
        alice_client.get(PAGE)

    assert seen() == before
    assert "usersession" not in " ".join(query["sql"] for query in queries)


def test_another_address_is_noted_at_once(alice_client, seen):
    alice_client.get(PAGE, REMOTE_ADDR="192.0.2.7", headers={"user-agent": "Other/1.0"})

    assert seen()[1:] == ("192.0.2.7", "Other/1.0")


def test_after_a_minute_the_session_is_noted_again(alice_client, seen):
    before = seen()
    cache.clear()

    alice_client.get(PAGE)

    assert seen()[0] > before[0]


def test_without_redis_every_page_is_noted(alice_client, seen, settings):
    before = seen()
    settings.CACHES = {
        "default": {**settings.CACHES["default"], "LOCATION": "unix:///nowhere/at/all.sock"}
    }

    assert alice_client.get(PAGE).status_code == 200
    assert seen()[0] > before[0]

"""Every tenant address names its permission and does not exist for a stranger."""

import re
import uuid

import pytest
from django.urls import URLPattern, get_resolver


def tenant_patterns(resolver=None, prefix=""):
    """Yield (route, view) of every page that names an organization."""
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            if "<slug:org>" in route and not route.startswith("api/"):
                yield route, pattern.callback
        else:
            yield from tenant_patterns(pattern, route)


def address(route):
    """Return the route filled in for Acme, with ids that belong to nobody."""
    filled = route.replace("<slug:org>", "acme")
    filled = re.sub(r"<uuid:\w+>", str(uuid.uuid4()), filled)
    return "/" + re.sub(r"<(\w+:)?\w+>", "1", filled)


ROUTES = sorted(dict(tenant_patterns()).items())


def test_there_are_tenant_pages():
    assert len(ROUTES) > 10


@pytest.mark.parametrize(("route", "view"), ROUTES)
def test_a_tenant_page_names_its_permission(route, view):
    assert hasattr(view, "permission")


@pytest.mark.parametrize("route", [route for route, _view in ROUTES])
def test_a_tenant_page_does_not_exist_for_a_stranger(db, acme, charlie_client, route):
    assert charlie_client.get(address(route)).status_code == 404
    assert charlie_client.post(address(route)).status_code == 404


@pytest.mark.parametrize("route", [route for route, _view in ROUTES])
def test_a_tenant_page_asks_the_unknown_to_sign_in(db, acme, client, route):
    response = client.get(address(route))

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")

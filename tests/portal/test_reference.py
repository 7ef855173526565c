"""The page about ``/v1`` tells what is there."""

import re
from pathlib import Path

import pytest
from django.urls import resolve

import gateway
from gateway import account
from gateway.app import ENDPOINTS
from gateway.errors import GatewayError
from marketplace import demo
from portal import reference
from portal.asgi import is_gateways
from tenants.key_api import Nothing

NAMED = [endpoint for group in reference.GROUPS for endpoint in group.endpoints]
TOLD = {code: refusal.status for refusal in reference.REFUSALS for code in refusal.codes}
HOME = Path(gateway.__file__).parent
SPELLED = re.compile(r'code="([a-z_]+)"')


def is_served(path):
    """Tell whether the gateway or Django has something at a path."""
    if is_gateways(path):
        known = {*ENDPOINTS, *account.PAGES}
        return path in known or path.startswith(tuple(account.UNDER))
    return resolve(path).func.view_class is not Nothing


@pytest.mark.parametrize("endpoint", NAMED, ids=lambda it: f"{it.method} {it.path}")
def test_what_is_named_is_there(endpoint):
    assert is_served("/v1" + re.sub(r"\{\w+\}", "x", endpoint.path))


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/files/x/nothing"])
def test_what_is_not_there_would_be_seen(path):
    assert not is_served(path)


@pytest.mark.parametrize("kind", GatewayError.__subclasses__(), ids=lambda it: it.__name__)
def test_every_refusal_is_told_with_its_status(kind):
    assert TOLD[kind.code] == kind.status


def test_every_code_of_the_gateway_is_told():
    # The simulator speaks as engines do; what it says is not ours.
    sources = set(HOME.rglob("*.py")) - set(HOME.rglob("demo/*.py"))
    spelled = {code for source in sources for code in SPELLED.findall(source.read_text())}

    assert spelled - set(TOLD) == set()


def test_the_page_stands_before_anything_is_on_sale(client, db):
    page = client.get("/docs/").content.decode()

    assert "The first call stands here as soon as a model is on sale" in page
    assert "insufficient_funds" in page


def test_the_first_call_is_one_of_a_chat_model(client, db):
    demo.seed()

    page = client.get("/docs/")

    assert '"messages"' in page.context["snippets"][0].code
    assert 'href="/api/docs/"' in page.content.decode()


def test_the_page_asks_no_more_for_more_models(client, db, django_assert_max_num_queries):
    demo.seed()

    with django_assert_max_num_queries(2):
        client.get("/docs/")

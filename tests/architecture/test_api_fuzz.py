"""The management API under whatever its own description allows, and does not: never a 500."""

import os

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from tenants.models import ApiKey
from tenants.scope import scope
from tenants.services import api_keys

PREFIX = "/api/v1/"
#: Together these take some twenty seconds.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "25"))
CHECKED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)

PATHS = {
    (method.upper(), path)
    for path, methods in SchemaGenerator().get_schema(request=None, public=True)["paths"].items()
    for method in methods
    if path.startswith(PREFIX)
}


@pytest.fixture(scope="module")
def operations(django_db_blocker):
    """What the API says it can do, each callable without a server."""
    with django_db_blocker.unblock():
        address = "/api/schema/?format=json"
        schema = schemathesis.openapi.from_wsgi(address, get_wsgi_application())
    found = (each.ok() for each in schema.get_all_operations())
    return {(each.method.upper(), each.path): each for each in found}


@pytest.fixture
def robot(acme, alice):
    """The headers of a key that may do all that Alice may."""
    with scope(acme):
        minted = api_keys.create(acme, name="robot", by=alice)
        ApiKey.objects.update(scopes=["management", "metering"])
    return {"Authorization": f"Bearer {minted.text}"}


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("operation", sorted(PATHS), ids=" ".join)
def test_no_request_makes_the_api_fail(acme, robot, operations, operation, mode):
    @CHECKED
    @given(case=operations[operation].as_strategy(generation_mode=mode))
    def try_it(case):
        if "org" in case.path_parameters:
            case.path_parameters["org"] = "acme"
        reply = case.call(headers=robot)
        assert reply.status_code < 500, (case.as_curl_command(), reply.text[:500])
        if reply.status_code >= 400:
            assert {"code", "detail"} <= reply.json().keys()

    try_it()

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
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "15"))
CHECKED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)

#: What each operation takes; where it takes nothing, nothing can be wrong.
TAKES = {
    (method.upper(), path): "parameters" in operation or "requestBody" in operation
    for path, methods in SchemaGenerator().get_schema(request=None, public=True)["paths"].items()
    for method, operation in methods.items()
    if path.startswith(PREFIX)
}
PATHS = set(TAKES)
CASES = [
    (*operation, mode)
    for operation in sorted(PATHS)
    for mode in GenerationMode
    if TAKES[operation] or mode is GenerationMode.POSITIVE
]


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
    # What calls it here reads no compressed answers.
    return {"Authorization": f"Bearer {minted.text}", "Accept-Encoding": "identity"}


@pytest.mark.parametrize(("method", "path", "mode"), CASES)
def test_no_request_makes_the_api_fail(acme, robot, operations, method, path, mode):
    @CHECKED
    @given(case=operations[method, path].as_strategy(generation_mode=mode))
    def try_it(case):
        if "org" in case.path_parameters:
            case.path_parameters["org"] = "acme"
        reply = case.call(headers=robot)
        assert reply.status_code < 500, (case.as_curl_command(), reply.text[:500])
        if reply.status_code >= 400:
            assert {"code", "detail"} <= reply.json().keys()

    try_it()

"""The operator's meters get their keys from the command line."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from common.database import service
from tenants.models import ApiKey


@pytest.fixture
def sam(person):
    """A member of staff."""
    return person("sam@operator.example", is_staff=True)


def run(*arguments):
    """Return what the command said."""
    out = StringIO()
    call_command("meter_key", *arguments, stdout=out)
    return out.getvalue()


def test_a_key_reports_usage_and_nothing_else(acme, sam):
    said = run("acme", "--by", "Sam@operator.example", "--name", "Envoy")

    with service():
        key = ApiKey.objects.get()
    assert (key.name, key.created_by) == ("Envoy", sam)
    assert key.scopes == ["metering", "metering.any"]
    assert said.startswith(key.prefix)


@pytest.mark.parametrize(
    ("slug", "by", "named"), [("globex", "sam", "globex"), ("acme", "alice", "alice")]
)
def test_who_is_not_there_or_not_staff_gets_none(acme, sam, slug, by, named):
    address = {"sam": sam.email, "alice": "alice@acme.example"}[by]

    with pytest.raises(CommandError, match=named):
        run(slug, "--by", address)

    with service():
        assert not ApiKey.objects.exists()

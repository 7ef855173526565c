"""Limits that many keys share: their project's, their organization's."""

import openai
import pytest
from django.db import connections

from common.database import SERVICE, service
from common.ids import uuid7
from gateway.keys import LOOK_UP
from tenants import keys
from tenants.models import Organization, Project
from tests.gateway.conftest import hello


@pytest.fixture
def project(acme):
    """A second project of Acme that may call once a minute."""
    with service():
        return Project.objects.create(
            organization=acme, name="Shop", slug=f"shop-{uuid7().hex}", rpm_limit=1
        )


def test_the_keys_of_a_project_share_its_limit(gateway, make_key, pay, model, project):
    pay("10")
    first, second = (gateway.client(make_key(project=project)) for _ in range(2))
    beside = gateway.client(make_key())

    first.chat.completions.create(model=model, **hello())
    with pytest.raises(openai.RateLimitError) as caught:
        second.chat.completions.create(model=model, **hello())

    assert caught.value.code == "rate_limit_exceeded"
    assert "The project's limit of requests a minute" in caught.value.message
    assert caught.value.response.headers["x-ratelimit-limit-requests"] == "1"
    assert beside.chat.completions.create(model=model, **hello()).usage.completion_tokens == 5


@pytest.mark.parametrize(
    "limits",
    [
        {"rpm_limit": 1},
        {"restricted_rpm": 1},
        {"rpm_limit": 600, "restricted_rpm": 1},
        {"rpm_limit": 600, "restricted_rpm": 600, "first_rpm": 1},
    ],
)
def test_the_projects_of_an_organization_share_its_limit(
    gateway, make_key, pay, model, project, limits
):
    pay("10")
    with service():
        Organization.objects.update(**limits)
    first, second = gateway.client(make_key()), gateway.client(make_key(project=project))

    first.chat.completions.create(model=model, **hello())
    with pytest.raises(openai.RateLimitError) as caught:
        second.chat.completions.create(model=model, **hello())

    assert "The organization's limit of requests a minute" in caught.value.message


@pytest.mark.parametrize("own", [None, 1_000_000])
def test_no_limit_of_a_customers_own_loosens_the_operators(make_key, own):
    key = make_key()
    own_limits = {"tpm_limit": own, "concurrency_limit": own}

    with service(), connections[SERVICE].cursor() as cursor:
        Organization.objects.update(**own_limits, restricted_tpm=7, restricted_concurrency=3)
        cursor.execute(LOOK_UP, {"digest": keys.digest(key)})
        names = [column.name for column in cursor.description]
        found = dict(zip(names, cursor.fetchone(), strict=True))

    assert found["organization_limits"] == [None, 7, 3]


def test_first_limits_hold_beside_the_others(make_key):
    key = make_key()

    with service(), connections[SERVICE].cursor() as cursor:
        Organization.objects.update(
            tpm_limit=9, restricted_concurrency=3, first_rpm=5, first_tpm=8, first_concurrency=2
        )
        cursor.execute(LOOK_UP, {"digest": keys.digest(key)})
        names = [column.name for column in cursor.description]
        found = dict(zip(names, cursor.fetchone(), strict=True))

    assert found["organization_limits"] == [5, 8, 2]


@pytest.mark.parametrize("admission", ["waiting", "refused"])
def test_who_is_not_let_in_calls_nothing(gateway, make_key, pay, model, admission):
    pay("10")
    key = make_key()
    with service():
        Organization.objects.update(admission=admission)

    with pytest.raises(openai.PermissionDeniedError) as caught:
        gateway.client(key).chat.completions.create(model=model, **hello())

    assert caught.value.code == f"organization_{admission}"

"""Keys, as the people of an organization see them."""

from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from common.database import service
from common.ids import uuid7
from marketplace import demo
from metering.models import UsageBucket
from tenants.models import ApiKey, AuditEntry, Membership, Organization, Project
from tenants.scope import scope
from tenants.services import api_keys

LIST, NEW = "/o/acme/keys/", "/o/acme/keys/new/"


@pytest.fixture
def catalogue(db):
    demo.seed()


@pytest.fixture
def key(acme, alice):
    with scope(acme):
        return api_keys.create(acme, name="ci", by=alice).api_key


@pytest.fixture
def used(acme):
    """Say that a key was used so many times, so long ago."""

    def used(key, requests, ago):
        with service():
            UsageBucket.objects.create(
                organization=acme,
                project=Project.objects.get(),
                api_key=key,
                offer_name="atlas-mini",
                region="eu-paris",
                starts_at=timezone.now() - ago,
                requests=requests,
            )

    return used


@pytest.mark.parametrize(
    ("admission", "told"),
    [
        ("waiting", "Keys can be made as soon as it is given; you get an e-mail then."),
        ("refused", "The operator has not approved this organization: no keys can be made."),
    ],
)
def test_who_is_not_let_in_is_told_so_and_offered_no_key(acme, alice_client, admission, told):
    with service():
        Organization.objects.update(admission=admission)

    page = alice_client.get(LIST).content.decode()

    assert told in page
    assert NEW not in page
    assert alice_client.get(NEW)["Location"] == LIST
    assert alice_client.post(NEW, {"name": "ci"}).status_code == 403
    with scope(acme):
        assert not ApiKey.objects.exists()


def test_the_form_offers_the_models_that_may_be_called(catalogue, acme, alice_client):
    page = alice_client.get(NEW).content.decode()

    assert page.count('name="allowed_models"') == 5
    assert 'value="atlas-mini"' in page


def test_a_model_outside_the_policy_is_not_offered_and_refused(catalogue, acme, alice_client):
    with service():
        Organization.objects.update(allowed_jurisdictions=["US"])

    offered = alice_client.get(NEW).content.decode()
    refused = alice_client.post(NEW, {"name": "ci", "allowed_models": ["atlas-mini"]})

    assert "atlas-mini" not in offered
    assert refused.status_code == 422
    with service():
        assert not ApiKey.objects.exists()


def test_an_unknown_model_is_named(catalogue, acme, alice_client):
    response = alice_client.post(NEW, {"name": "ci", "allowed_models": ["atlas-mini", "gpt-9"]})

    assert response.status_code == 422
    assert "“gpt-9” is not a model that your organization may use." in response.content.decode()
    with service():
        assert not ApiKey.objects.exists()


def test_a_new_key_comes_with_the_first_call(catalogue, acme, alice_client):
    response = alice_client.post(NEW, {"name": "ci", "allowed_models": ["atlas-large"]})

    text = response.context["minted"].text
    samples = {sample.name: sample.code for sample in response.context["samples"]}
    assert f"TESSERA_API_KEY={text}" in response.content.decode()
    assert list(samples) == ["curl", "python", "javascript", "langchain"]
    assert all(text in code and '"atlas-large"' in code for code in samples.values())
    assert all("/v1" in code for code in samples.values())


def test_the_first_call_is_one_that_a_token_bundle_pays_for(catalogue, acme, alice_client):
    response = alice_client.post(NEW, {"name": "ci"})

    assert all('"atlas-mini"' in sample.code for sample in response.context["samples"])


def test_the_python_sample_is_python(catalogue, acme, alice_client):
    response = alice_client.post(NEW, {"name": "ci"})

    code = response.context["samples"][1].code
    compile(code, "sample", "exec")
    assert "import os" not in code


def test_sending_the_form_twice_makes_one_key(acme, alice_client):
    form = {"name": "ci", "key_id": str(uuid7())}

    first = alice_client.post(NEW, form)
    second = alice_client.post(NEW, form, follow=True)

    assert first.status_code == 201
    assert second.redirect_chain == [(LIST, 302)]
    assert "This key was made already" in second.content.decode()
    assert first.context["minted"].text not in second.content.decode()
    with service():
        assert ApiKey.objects.count() == 1
        assert AuditEntry.objects.filter(action="api_key.created").count() == 1


def test_a_key_that_was_never_used_says_since_when_that_is_known(acme, key, alice_client):
    new = alice_client.get(LIST).content.decode()
    with service():
        ApiKey.objects.update(created_at=timezone.now() - timedelta(days=91))
    old = alice_client.get(LIST).content.decode()

    assert ("Not yet" in new, "Not in the last 90 days" in new) == (True, False)
    assert "Not in the last 90 days" in old


def test_a_key_that_only_manages_was_used_all_the_same(acme, key, alice_client):
    with service():
        ApiKey.objects.update(last_used_at=timezone.now())

    page = alice_client.get(LIST).content.decode()

    assert "No request came with it" not in page
    assert "No model was called with it in the last 24 hours." in page
    assert "The management API or a meter last used it on" in page


def test_list_and_page_say_what_a_key_may_do(acme, alice, alice_client):
    with scope(acme):
        scopes = ["management", "metering"]
        made = api_keys.create(acme, name="robot", by=alice, scopes=scopes).api_key

    for path in (LIST, f"{LIST}{made.pk}/"):
        page = alice_client.get(path).content.decode()
        assert "Manages the organization" in page
        assert "Reports usage" in page
    assert "Every model" not in alice_client.get(LIST).content.decode()


def test_the_list_tells_the_last_use(acme, key, used, alice_client):
    assert "Not yet" in alice_client.get(LIST).content.decode()

    used(key, 7, timedelta(hours=30))
    used(key, 12, timedelta(hours=2))
    (row,) = alice_client.get(LIST).context["keys"]

    assert (row.use.last_model, row.requests_last_day) == ("atlas-mini", 12)
    # The quarter of an hour began before the key was made.
    assert row.last_used == key.created_at


def test_revoking_asks_first_and_says_what_breaks(acme, key, used, alice_client):
    used(key, 1200, timedelta(hours=2))

    page = alice_client.get(LIST).content.decode()

    assert f'data-dialog-open="revoke-{key.pk}"' in page
    assert f'<dialog class="dialog"\n        id="revoke-{key.pk}"' in page
    assert "1200 requests came with it in the last 24 hours." in page


def test_what_a_key_is_called_is_text(acme, alice, alice_client):
    with scope(acme):
        api_keys.create(acme, name="<script>&", by=alice)

    page = alice_client.get(LIST).content.decode()

    assert "<script>&" not in page
    assert "&amp;lt;" not in page
    assert "Revoke “&lt;script&gt;&amp;”?" in page
    assert "No model was called with it in the last 24 hours." in page


def test_a_revoked_key_stands_among_the_closed_ones(acme, key, alice_client):
    response = alice_client.post(f"/o/acme/keys/{key.pk}/revoke/", follow=True)
    again = alice_client.post(f"/o/acme/keys/{key.pk}/revoke/", follow=True)
    closed = alice_client.get(LIST, {"state": "closed"})

    assert "“ci” is revoked." in response.content.decode()
    assert again.status_code == 200
    assert [row.key for row in response.context["keys"]] == []
    assert [row.key for row in closed.context["keys"]] == [key]


def test_a_key_of_another_organization_cannot_be_revoked(acme, key, charlie_client, charlie):
    charlie_client.post(
        "/organizations/new/", {"name": "Other", "kind": "startup", "country": "CZ"}
    )

    assert charlie_client.post(f"/o/other/keys/{key.pk}/revoke/").status_code == 404
    with service():
        assert ApiKey.objects.get().revoked_at is None


def test_the_api_refuses_an_unknown_model_too(catalogue, acme, alice_client):
    response = alice_client.post(
        "/api/v1/organizations/acme/keys",
        {"name": "ci", "allowed_models": ["atlas-mini", "gpt-9"]},
        content_type="application/json",
    )

    assert response.status_code == 400
    assert response.json()["code"] == "unknown_model"
    assert response.json()["field_errors"] == {
        "allowed_models": ["“gpt-9” is not a model that your organization may use."]
    }
    with service():
        assert not ApiKey.objects.exists()


def test_a_key_made_through_a_key_names_that_key(acme, alice, client):
    with scope(acme):
        robot = api_keys.create(acme, name="robot", by=alice)
        ApiKey.objects.update(scopes=["management"])

    made = client.post(
        "/api/v1/organizations/acme/keys",
        {"name": "ci"},
        content_type="application/json",
        headers={"Authorization": f"Bearer {robot.text}"},
    )

    assert made.status_code == 201
    with scope(acme):
        entry = AuditEntry.objects.get(action="api_key.created", after__name="ci")
    assert (entry.actor_kind, entry.actor_label) == ("key", str(robot.api_key))


def test_the_list_marks_keys_whose_maker_has_left(acme, bob, alice_client):
    with scope(acme):
        api_keys.create(acme, name="bobs", by=bob)
    assert "Has left" not in alice_client.get(LIST).content.decode()

    with scope(acme):
        Membership.objects.get(user=bob).delete()

    assert "Has left" in alice_client.get(LIST).content.decode()


def test_the_list_asks_the_database_as_often_for_ten_keys_as_for_one(
    acme, alice, key, alice_client
):
    def queries():
        with CaptureQueriesContext(connections["default"]) as found:
            alice_client.get(LIST)
        return len(found)

    queries()  # the first one of a session writes down that it began
    one = queries()
    with scope(acme):
        for number in range(9):
            api_keys.create(acme, name=f"ci-{number}", by=alice)

    assert queries() == one

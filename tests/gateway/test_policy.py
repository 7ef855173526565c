"""What policy lets through: no data reaches a model that is not cleared for it."""

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.database import service
from marketplace.models import AIModel
from tenants.models import Classification, Organization, Project
from tenants.models.classification import cleared_for, is_cleared, strictest
from tests.gateway.conftest import hello, recorded

LEVELS = st.sampled_from(Classification.values)


@given(levels=st.lists(LEVELS), clearance=LEVELS)
def test_what_is_cleared_for_the_strictest_is_cleared_for_all(levels, clearance):
    cleared = is_cleared(clearance, strictest(*levels))

    assert cleared == all(is_cleared(clearance, level) for level in levels)
    assert cleared == (clearance in cleared_for(strictest(*levels)))


def refused(client, kind, **facts):
    """Return the error of a call."""
    with pytest.raises(kind) as caught:
        client.chat.completions.create(**facts)
    return caught.value


def classify(organization="public", project="public", model="internal"):
    with service():
        Organization.objects.update(classification=organization)
        Project.objects.update(classification=project)
        AIModel.objects.update(clearance=model)


@pytest.mark.parametrize("said", ["organization", "project", "header"])
def test_data_above_a_models_clearance_is_refused_before_the_engine_is_asked(
    gateway, make_key, pay, model, engine, said
):
    pay("10")
    classify(**({} if said == "header" else {said: "confidential"}))
    headers = {"x-tessera-classification": "confidential"} if said == "header" else {}
    client = gateway.client(make_key())

    error = refused(
        client, openai.PermissionDeniedError, model=model, extra_headers=headers, **hello()
    )

    assert (error.code, error.param) == ("classification_not_cleared", "model")
    assert ("in the settings" in error.message) == (said != "header")
    assert ("the request's own header" in error.message) == (said == "header")
    assert "cleared for internal data; this request's is confidential" in error.message
    assert engine.requests == []
    assert [it.id for it in client.models.list().data] == ([model] if said == "header" else [])


def test_a_request_cannot_say_that_its_data_is_less_confidential(gateway, make_key, pay, model):
    pay("10")
    classify(organization="restricted", model="confidential")
    headers = {"x-tessera-classification": "public"}

    error = refused(
        gateway.client(make_key()),
        openai.PermissionDeniedError,
        model=model,
        extra_headers=headers,
        **hello(),
    )

    assert error.code == "classification_not_cleared"


def test_a_level_that_is_none_is_named(gateway, make_key, pay, model):
    pay("10")

    error = refused(
        gateway.client(make_key()),
        openai.BadRequestError,
        model=model,
        extra_headers={"x-tessera-classification": "cosmic"},
        **hello(),
    )

    assert (error.code, error.param) == ("invalid_value", "x-tessera-classification")


def test_the_receipt_says_how_confidential_the_data_was(gateway, make_key, pay, model):
    pay("10")
    classify(project="internal", model="confidential")
    client = gateway.client(make_key())

    client.chat.completions.create(
        model=model, extra_headers={"x-tessera-classification": "Confidential"}, **hello()
    )

    (event,) = recorded()
    assert event.policy["classification"] == "confidential"

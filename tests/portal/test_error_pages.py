"""What people and programs read when something goes wrong."""

import logging

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client, override_settings
from django.urls import include, path


def broken(request):
    raise RuntimeError("a secret detail")


def away(request):
    raise OperationalError("connection to server failed: the password is hunter2")


class WithFaults:
    """Our addresses, and two that go wrong."""

    urlpatterns = [
        path("broken/", broken),
        path("away/", away),
        path("api/v1/broken/", broken),
        path("", include("portal.urls")),
    ]
    handler400 = "portal.views.errors.bad_request"
    handler404 = "portal.views.errors.not_found"
    handler500 = "portal.views.errors.server_error"


@pytest.fixture
def faulty(db):
    """A browser that is shown error pages, not exceptions."""
    with override_settings(ROOT_URLCONF=WithFaults):
        yield Client(raise_request_exception=False)


def test_a_mistake_of_ours_tells_nothing_but_its_number(faulty):
    response = faulty.get("/broken/")

    page = response.content.decode()
    assert response.status_code == 500
    assert "Something broke on our side" in page
    assert "name this request" in page
    assert "a secret detail" not in page
    assert "Traceback" not in page


def test_a_part_that_is_away_is_not_called_a_mistake(faulty):
    response = faulty.get("/away/")

    assert (response.status_code, response.headers["Retry-After"]) == (503, "30")
    assert "Back in a moment" in response.content.decode()
    assert "hunter2" not in response.content.decode()


def test_programs_get_json(faulty):
    missing, failed = faulty.get("/api/v1/nowhere/"), faulty.get("/api/v1/broken/")

    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert (failed.status_code, failed.json()["code"]) == (500, "internal_error")


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_a_method_that_is_not_for_the_address_is_explained(client, db, method):
    response = getattr(client, method)("/models/")

    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD"
    assert "This cannot be opened like that" in response.content.decode()


def test_a_program_gets_the_bare_refusal(client, db):
    response = client.post("/models/", headers={"Accept": "application/json"})

    assert (response.status_code, response.content) == (405, b"")


def test_what_is_not_there_leads_on(client, alice_client):
    stranger = client.get("/nowhere/").content.decode()
    member = alice_client.get("/o/elsewhere/").content.decode()

    assert "There is nothing here" in stranger
    assert 'href="/models/"' in stranger
    assert 'href="/organizations/?all"' in member


def test_a_host_that_is_not_ours_is_a_bad_request(client, db):
    response = client.get("/", headers={"Host": "evil.example"})

    assert response.status_code == 400
    assert settings.OPERATOR["name"] in response.content.decode()


def test_a_form_from_elsewhere_is_refused_in_words(alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)

    response = client.post("/i18n/setlang/", {"language": "fr"})

    assert response.status_code == 403
    assert "This form was too old" in response.content.decode()


def test_the_console_shows_tracebacks_of_our_mistakes_alone():
    console = logging.getLogger().manager.root.handlers
    ours = next(handler for handler in console if handler.filters)
    refused, failed = (
        logging.makeLogRecord({"status_code": status, "exc_info": (ValueError, ValueError(), None)})
        for status in (403, 500)
    )

    assert ours.filter(refused)
    assert ours.filter(failed)
    assert "ValueError" not in ours.format(refused)
    assert "ValueError" in ours.format(failed)


@pytest.mark.parametrize("address", ["/chat/completions", "/embeddings", "/responses", "/files"])
def test_who_left_v1_out_is_told_in_openais_envelope(db, client, address):
    response = client.post(address, {}, "application/json")

    assert response.status_code == 404
    assert response.json()["error"]["message"] == (
        f"There is nothing at {address}. The base URL ends in /v1."
    )

"""The operator's desk over servers, regions and the routes that lead to them."""

import pytest
from django.db import IntegrityError, connections

from common.database import service
from marketplace import queries
from marketplace.errors import RouteElsewhere
from marketplace.models import Reachability, Route, ServerChange, TrialTally, Upstream
from marketplace.services import catalogue
from tenants.models import AuditEntry, Region

SECRET = "sk-of-the-engine"


@pytest.fixture
def facts(catalogue):
    return {
        "name": "Second engine",
        "base_url": "http://vllm:8000/v1/",
        "credential": SECRET,
        "region": "eu-paris",
    }


@pytest.fixture
def server(engine):
    return Upstream.objects.get()


def pages(client, server):
    addresses = ["/staff/servers/", f"/staff/servers/{server.pk}/", "/staff/models/new/"]
    return "".join(client.get(address).content.decode() for address in addresses)


def test_a_server_is_added_with_a_bare_host_of_the_own_network(staff_client, facts):
    response = staff_client.post("/staff/servers/new/", facts)

    assert response.status_code == 302
    server = Upstream.objects.get(name="Second engine")
    assert (server.base_url, server.credential) == ("http://vllm:8000/v1", SECRET)


def test_a_credential_is_never_shown_logged_or_audited(staff_client, facts, owner_connection):
    staff_client.post("/staff/servers/new/", facts)
    server = Upstream.objects.get(name="Second engine")

    assert SECRET not in pages(staff_client, server)
    with service():
        (entry,) = AuditEntry.objects.filter(action="server.added")
        assert SECRET not in f"{entry.before} {entry.after}"
        assert entry.after["has_credential"] is True
    stored = owner_connection.execute("SELECT credential FROM marketplace_upstream").fetchall()
    assert all(SECRET not in row[0] for row in stored)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", "javascript:alert(1)"),
        ("base_url", "ftp://engine/v1"),
        ("base_url", "file:///etc/passwd"),
        ("base_url", "engine:8000"),
        ("base_url", "http://"),
        ("base_url", "http://[::1"),
        ("base_url", "http://engine:99999999/v1"),
        ("base_url", "http://user:secret@engine/v1"),
        ("base_url", "http://engine/v1?key=1"),
        ("base_url", "http://engine/v1#x"),
        ("base_url", "http://engine /v1"),
        ("base_url", ""),
        ("base_url", "http://" + "x" * 400),
        ("name", "!!!"),
        ("name", "Demo engine"),
        ("credential", "two words"),
        ("credential", "line\r\nInjected: yes"),
        ("credential", "x" * 501),
        ("region", "moon"),
    ],
)
def test_a_bad_field_is_named_and_no_server_is_added(staff_client, facts, field, value):
    response = staff_client.post("/staff/servers/new/", {**facts, field: value})

    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert SECRET not in response.content.decode()
    assert Upstream.objects.count() == 1


def change(client, server, **facts):
    present = {"name": server.name, "base_url": server.base_url, "is_enabled": "on"}
    return client.post(f"/staff/servers/{server.pk}/", {**present, **facts})


def free(server):
    """Let nothing on sale stand on the server: one person changes where it is."""
    with service():
        Route.objects.filter(upstream=server).delete()


def hold(server):
    """Let the server have a credential that two people agreed on."""
    with service():
        Upstream.objects.filter(pk=server.pk).update(credential=SECRET)


def test_an_empty_credential_keeps_the_stored_one(staff_client, server):
    free(server)
    change(staff_client, server, credential=SECRET)

    change(staff_client, server, name="Renamed")

    server.refresh_from_db()
    assert (server.name, server.credential) == ("Renamed", SECRET)


def test_a_stored_credential_can_be_removed(staff_client, server):
    free(server)
    change(staff_client, server, credential=SECRET)

    change(staff_client, server, forget_credential="on")

    server.refresh_from_db()
    assert server.credential == ""


def test_to_store_and_to_remove_at_once_is_refused(staff_client, server):
    response = change(staff_client, server, credential=SECRET, forget_credential="on")

    assert "forget_credential" in response.context["form"].errors


def test_a_server_that_is_switched_off_gets_no_requests(staff_client, server):
    change(staff_client, server, is_enabled="")

    assert all(offer.routes == () for offer in queries.snapshot())


def test_a_draining_server_stays_in_the_gateways_sight_and_the_audit_log(staff_client, server):
    change(staff_client, server, is_draining="on")

    routes = [route for offer in queries.snapshot() for route in offer.routes]
    assert {route.is_draining for route in routes} == {True}
    assert "Draining" in staff_client.get("/staff/servers/").content.decode()
    with service():
        (entry,) = AuditEntry.objects.filter(action="server.changed")
    assert (entry.before["is_draining"], entry.after["is_draining"]) == (False, True)


def test_staff_sets_how_long_a_server_is_waited_for(staff_client, server):
    change(staff_client, server, connect_seconds="2", first_byte_seconds="600", idle_seconds="")

    (route,) = next(offer.routes for offer in queries.snapshot() if offer.routes)
    assert (route.connect_seconds, route.first_byte_seconds, route.idle_seconds) == (2, 600, 120)


@pytest.mark.parametrize("seconds", ["0", "-1", "3601", "soon", "1.5"])
def test_no_server_is_waited_for_without_end_or_not_at_all(staff_client, server, seconds):
    response = change(staff_client, server, first_byte_seconds=seconds)

    assert "first_byte_seconds" in response.context["form"].errors


def check(client, server):
    client.post(f"/staff/servers/{server.pk}/check/")
    server.refresh_from_db()
    return server.reachability


def test_a_server_is_asked_with_its_credential_and_says_what_it_serves(
    staff_client, engine, server
):
    hold(server)

    assert check(staff_client, server) == Reachability.ANSWERS
    # First what it serves, then whether it speaks as it should.
    assert engine.asked[0][0] == "/v1/models"
    assert {credential for _path, credential in engine.asked} == {f"Bearer {SECRET}"}
    assert server.served_models == ["nova-instruct"]
    assert server.checked_at is not None


@pytest.mark.parametrize(
    ("status", "raw", "found"),
    [
        (401, b"", Reachability.CREDENTIAL),
        (403, b"", Reachability.CREDENTIAL),
        (500, b"", Reachability.BROKEN),
        (200, b"<html>", Reachability.BROKEN),
        (200, b'{"data": 5}', Reachability.BROKEN),
        (200, b'{"data": ["x"]}', Reachability.BROKEN),
        (200, b"[" * 100_000, Reachability.BROKEN),
        (200, b'{"data": []' + b" " * 1_100_000 + b"}", Reachability.BROKEN),
    ],
)
def test_an_answer_that_is_none_is_told_as_such(staff_client, engine, server, status, raw, found):
    engine.status, engine.raw = status, raw

    assert check(staff_client, server) == found
    assert server.is_in_trouble


def test_a_redirect_is_not_followed_with_the_credential(staff_client, engine, server):
    engine.status, engine.location = 302, "http://127.0.0.1:9/elsewhere"

    assert check(staff_client, server) == Reachability.BROKEN
    assert len(engine.asked) == 1


def test_a_server_that_is_not_there_refuses(staff_client, engine, server):
    engine.stop()

    assert check(staff_client, server) == Reachability.REFUSED


def test_a_new_address_has_not_been_asked_yet(staff_client, server):
    check(staff_client, server)
    free(server)

    change(staff_client, server, base_url="http://vllm:8000/v1")

    server.refresh_from_db()
    assert (server.reachability, server.checked_at) == (Reachability.UNKNOWN, None)


def test_one_comes_back_to_where_one_was_but_not_elsewhere(staff_client, facts):
    home = staff_client.post("/staff/servers/new/?next=/staff/models/new/", facts)
    away = staff_client.post(
        "/staff/servers/new/?next=https://evil.example/", {**facts, "name": "Third"}
    )

    assert home.headers["Location"] == "/staff/models/new/"
    assert away.headers["Location"] == "/staff/servers/"


REGION = {"name": "Astana", "code": "kz-astana", "country": "KZ", "jurisdiction": "kz"}


def test_a_region_is_added_and_audited(staff_client, catalogue):
    response = staff_client.post("/staff/regions/new/", REGION)

    assert response.status_code == 302
    region = Region.objects.get(code="kz-astana")
    assert (region.jurisdiction, str(region.country)) == ("KZ", "KZ")
    with service():
        assert AuditEntry.objects.filter(action="region.added").count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("code", "eu-paris"),
        ("code", "two words"),
        ("country", "ZZ"),
        ("jurisdiction", "MOON"),
        ("name", ""),
    ],
)
def test_a_bad_region_is_named_and_not_added(staff_client, catalogue, field, value):
    response = staff_client.post("/staff/regions/new/", {**REGION, field: value})

    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert Region.objects.count() == 1


def add_route(client, offer, upstream, **facts):
    route = {"upstream": str(upstream.pk), "upstream_model": "mini-b", "priority": 1, "weight": 1}
    return client.post(f"/staff/offers/{offer.pk}/routes/", {**route, **facts})


def agree(client):
    """Approve what waits, as somebody else than who proposed it."""
    with service():
        (change,) = ServerChange.objects.waiting()
    page = client.post(f"/staff/server-changes/{change.pk}/approve/", follow=True)
    assert "Requests go there within five seconds." in page.content.decode()


def test_a_second_server_answers_when_the_first_does_not(
    staff_client, colleague_client, mini, second
):
    add_route(staff_client, mini, second)
    agree(colleague_client)

    (offer,) = [it for it in queries.snapshot() if it.name == "atlas-mini"]
    assert [route.upstream_model for route in offer.routes] == ["atlas-mini", "mini-b"]


def test_a_route_never_leads_out_of_the_region(staff_client, facts, mini):
    staff_client.post("/staff/regions/new/", REGION)
    staff_client.post("/staff/servers/new/", {**facts, "region": "kz-astana"})
    abroad = Upstream.objects.get(name="Second engine")

    response = add_route(staff_client, mini, abroad)

    assert response.status_code == 422
    assert "upstream" in response.context["route_form"].errors
    assert mini.routes.count() == 1


def test_no_program_routes_out_of_the_region_either(staff_client, facts, mini):
    staff_client.post("/staff/regions/new/", REGION)
    staff_client.post("/staff/servers/new/", {**facts, "region": "kz-astana"})
    abroad = Upstream.objects.get(name="Second engine")

    with pytest.raises(RouteElsewhere), service():
        catalogue.add_route(mini, {"upstream": abroad, "upstream_model": "mini-b"}, by=None)

    assert mini.routes.count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("upstream_model", "atlas-mini"), ("upstream_model", ""), ("weight", "0"), ("priority", "-1")],
)
def test_a_bad_route_is_named_and_not_added(staff_client, server, mini, field, value):
    response = add_route(staff_client, mini, server, **{field: value})

    assert response.status_code == 422
    assert field in response.context["route_form"].errors
    assert mini.routes.count() == 1


def test_the_last_server_of_an_offer_on_sale_stays(staff_client, server, mini):
    route = mini.routes.get()

    response = staff_client.post(f"/staff/offers/{mini.pk}/routes/{route.pk}/remove/")

    assert response.status_code == 409
    assert Route.objects.filter(pk=route.pk).exists()


def test_a_server_is_asked_no_longer_for_an_offer(staff_client, colleague_client, server, mini):
    first = mini.routes.get()
    add_route(staff_client, mini, server)
    agree(colleague_client)

    staff_client.post(f"/staff/offers/{mini.pk}/routes/{first.pk}/remove/")

    assert [route.upstream_model for route in mini.routes.all()] == ["mini-b"]
    with service():
        assert (
            AuditEntry.objects.get(action="route.removed").before["upstream_model"] == "atlas-mini"
        )


def test_limits_and_class_are_changed_and_audited(staff_client, colleague_client, mini):
    terms = {"default_rpm": "5", "default_tpm": "500", "default_concurrency": "2"}

    response = staff_client.post(f"/staff/offers/{mini.pk}/", terms)

    assert response.status_code == 302
    colleague_client.post(f"{response['Location']}approve/")
    mini.refresh_from_db()
    assert (mini.default_rpm, mini.token_class) == (5, None)
    with service():
        assert AuditEntry.objects.get(action="offer.changed").before["default_rpm"] == 600


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("default_rpm", "0"),
        ("default_tpm", "-5"),
        ("default_concurrency", ""),
        ("token_class", "x"),
    ],
)
def test_bad_limits_are_named_and_change_nothing(staff_client, mini, field, value):
    terms = {"default_rpm": "5", "default_tpm": "500", "default_concurrency": "2", field: value}

    response = staff_client.post(f"/staff/offers/{mini.pk}/", terms)

    assert response.status_code == 422
    assert field in response.context["form"].errors
    mini.refresh_from_db()
    assert mini.default_rpm == 600


def test_the_list_asks_no_more_for_more_servers(staff_client, facts, django_assert_max_num_queries):
    staff_client.post("/staff/servers/new/", facts)

    # What every page shows of the operator is known by then.
    staff_client.get("/staff/servers/")
    with django_assert_max_num_queries(6, connection=connections["service"]):
        staff_client.get("/staff/servers/")


@pytest.fixture
def second(staff_client, facts, engine):
    """A server beside the usual one."""
    staff_client.post("/staff/servers/new/", {**facts, "base_url": engine.base_url})
    return Upstream.objects.get(name="Second engine")


def trial(offer, role="canary"):
    return offer.routes.get(role=role)


def counted():
    with service():
        return TrialTally.objects.count()


def test_a_way_is_tried_out_changed_and_promoted(staff_client, colleague_client, mini, second):
    add_route(staff_client, mini, second, role="canary", share="5")
    agree(colleague_client)
    way = trial(mini)
    page = f"/staff/offers/{mini.pk}/routes/{way.pk}/"
    with service():
        for outcome, within in (("good", 0.25), ("failed", 0)):
            TrialTally.objects.create(
                route=way, arm="new", outcome=outcome, within=within, amount=10
            )

    shown = staff_client.get(f"/staff/offers/{mini.pk}/").content.decode()
    staff_client.post(f"{page}share/", {"share": "20"})
    assert trial(mini).share == 5
    agree(colleague_client)
    assert (trial(mini).share, "50.0 %" in shown, "0.25 s" in shown) == (20, True, True)
    assert counted() == 2
    staff_client.post(f"{page}promote/")
    assert trial(mini).share == 20
    agree(colleague_client)

    assert [it.upstream_model for it in mini.routes.all()] == ["mini-b", "atlas-mini"]
    assert [(it.role, it.priority) for it in mini.routes.all()] == [("serves", 0), ("serves", 1)]
    assert counted() == 0
    assert staff_client.post(f"{page}promote/").status_code == 409


def test_a_trial_that_begins_again_counts_anew(staff_client, colleague_client, mini, second):
    add_route(staff_client, mini, second, role="shadow", share="5")
    agree(colleague_client)
    way = trial(mini, "shadow")
    page = f"/staff/offers/{mini.pk}/routes/{way.pk}/"
    with service():
        TrialTally.objects.create(route=way, arm="new", outcome="good", amount=1)

    staff_client.post(f"{page}share/", {"share": "0"})
    assert (counted(), trial(mini, "shadow").share) == (1, 0)
    staff_client.post(f"{page}share/", {"share": "101"})
    assert trial(mini, "shadow").share == 0
    staff_client.post(f"{page}share/", {"share": "5"})

    assert counted() == 0
    assert staff_client.post(f"{page}promote/").status_code == 409


def test_an_offer_does_not_stand_on_what_is_tried(staff_client, colleague_client, mini, second):
    add_route(staff_client, mini, second, role="canary", share="5")
    agree(colleague_client)
    way = mini.routes.get(role="serves")

    refused = staff_client.post(f"/staff/offers/{mini.pk}/routes/{way.pk}/remove/")

    assert (refused.status_code, mini.routes.count()) == (409, 2)


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"role": "canary"}, "share"),
        ({"role": "canary", "share": "101"}, "share"),
        ({"share": "5"}, "share"),
        ({"role": "nothing"}, "role"),
    ],
)
def test_a_trial_that_makes_no_sense_is_named(staff_client, mini, second, wanted, field):
    response = add_route(staff_client, mini, second, **wanted)

    assert response.status_code == 422
    assert field in response.context["route_form"].errors
    assert mini.routes.count() == 1


def test_one_canary_at_a_time(staff_client, colleague_client, mini, second):
    add_route(staff_client, mini, second, role="canary", share="5")
    agree(colleague_client)

    response = add_route(
        staff_client, mini, second, role="canary", share="5", upstream_model="other"
    )

    assert "Another way is tried out so" in response.content.decode()
    with pytest.raises(IntegrityError, match="share_of_trials"), service():
        mini.routes.filter(role="serves").update(share=5)


@pytest.mark.parametrize(
    ("preset", "first_byte"), [("vllm", 120), ("nim", 300), ("transformers", 600), ("", 120)]
)
def test_a_preset_fills_what_was_left_empty(staff_client, facts, preset, first_byte):
    staff_client.post("/staff/servers/new/", {**facts, "preset": preset, "idle_seconds": "7"})

    server = Upstream.objects.get(name="Second engine")
    assert (server.first_byte_seconds, server.idle_seconds) == (first_byte, 7)


def test_a_preset_that_is_none_is_named(staff_client, facts):
    response = staff_client.post("/staff/servers/new/", {**facts, "preset": "nothing"})

    assert response.status_code == 422
    assert "preset" in response.context["form"].errors


def edit(client, server, **facts):
    """Send the page of a server as a browser does: every field, those that are given changed."""
    form = client.get(f"/staff/servers/{server.pk}/").context["form"]
    sent = {it.html_name: "" if it.value() is None else it.value() for it in form}
    sent = {name: value for name, value in sent.items() if value is not False or name in YES_OR_NO}
    response = client.post(f"/staff/servers/{server.pk}/", {**sent, **facts}, follow=True)
    server.refresh_from_db()
    return response


YES_OR_NO = ("tells_usage", "stops_on_hang_up")


@pytest.mark.parametrize(
    ("preset", "health", "tells", "stops"),
    [
        ("generic", "", True, True),
        ("vllm", "/health", True, True),
        ("nim", "/v1/health/ready", True, True),
        ("transformers", "/health", False, False),
    ],
)
def test_a_preset_says_how_a_server_is_asked(staff_client, facts, preset, health, tells, stops):
    staff_client.post("/staff/servers/new/", {**facts, "preset": preset})

    server = Upstream.objects.get(name="Second engine")
    assert (server.preset, server.health_path) == (preset, health)
    assert (server.tells_usage, server.stops_on_hang_up) == (tells, stops)


def test_what_was_written_stays_beside_a_preset(staff_client, facts):
    written = {"health_path": "/up", "tells_usage": "False", "stops_on_hang_up": "False"}
    staff_client.post("/staff/servers/new/", {**facts, "preset": "nim", **written})

    server = Upstream.objects.get(name="Second engine")
    assert (server.health_path, server.tells_usage, server.stops_on_hang_up) == (
        "/up",
        False,
        False,
    )
    page = staff_client.get(f"/staff/servers/{server.pk}/").content.decode()
    assert page.count("edited; the preset says") == 3


def test_another_preset_sets_what_nobody_edited_and_names_what_it_left(staff_client, facts):
    staff_client.post("/staff/servers/new/", {**facts, "preset": "vllm", "idle_seconds": "7"})
    server = Upstream.objects.get(name="Second engine")

    page = edit(staff_client, server, preset="transformers", connect_seconds="9").content.decode()

    assert (server.preset, server.health_path, server.tells_usage) == (
        "transformers",
        "/health",
        False,
    )
    assert (server.connect_seconds, server.first_byte_seconds, server.idle_seconds) == (9, 600, 7)
    kept = "Kept as edited, not as the new preset says: Seconds to connect and Seconds of silence."
    assert kept in page


def test_a_server_that_is_saved_as_it_is_stays_so(staff_client, facts):
    staff_client.post("/staff/servers/new/", {**facts, "preset": "transformers"})
    server = Upstream.objects.get(name="Second engine")

    page = edit(staff_client, server).content.decode()

    assert (server.tells_usage, server.first_byte_seconds) == (False, 600)
    assert "Kept as edited" not in page
    with service():
        assert not AuditEntry.objects.filter(action="server.changed").exists()


@pytest.mark.parametrize("path", ["health", "/two words", "/x#y", "/\u00e9", "http://elsewhere/"])
def test_a_path_of_health_that_is_none_is_named(staff_client, server, path):
    response = change(staff_client, server, health_path=path)

    assert "health_path" in response.context["form"].errors


@pytest.mark.parametrize(
    ("status", "found"),
    [(200, Reachability.ANSWERS), (503, Reachability.UNREADY), (401, Reachability.CREDENTIAL)],
)
def test_a_server_is_asked_first_whether_it_is_ready(staff_client, engine, server, status, found):
    hold(server)
    change(staff_client, server, preset="nim")
    engine.statuses["/v1/health/ready"] = status

    assert check(staff_client, server) == found
    assert engine.asked[0] == ("/v1/health/ready", f"Bearer {SECRET}")
    assert server.is_in_trouble == (status != 200)


def test_where_health_is_the_list_of_models_it_is_asked_once(staff_client, engine, server):
    with service():
        Route.objects.filter(upstream=server).delete()
    change(staff_client, server, health_path="/v1/models")

    assert check(staff_client, server) == Reachability.ANSWERS
    assert [path for path, _credential in engine.asked] == ["/v1/models"]


def test_another_path_of_health_has_not_been_asked_yet(staff_client, engine, server):
    check(staff_client, server)

    change(staff_client, server, health_path="/up")

    server.refresh_from_db()
    assert server.reachability == Reachability.UNKNOWN

"""Servers, ways and regions over the staff's API: the desk's forms, services and four eyes."""

import pytest
from django.test import Client

from common.database import service
from marketplace.models import Route, ServerChange, Upstream
from tenants.models import AuditEntry, Region
from tests.support.people import signed_in

pytestmark = pytest.mark.usefixtures("catalogue")
API = "/api/v1/staff"
SERVERS, ROUTES, CHANGES = f"{API}/servers", f"{API}/routes", f"{API}/server-changes"
JSON = {"content_type": "application/json"}
SECRET = "sk-of-the-engine"
FACTS = {
    "name": "Second engine",
    "region": "eu-paris",
    "base_url": "http://vllm:8000/v1/",
    "credential": SECRET,
    "preset": "vllm",
}
REGION = {"name": "Astana", "code": "kz-astana", "country": "KZ", "jurisdiction": "KZ"}


def send(client, address, facts, method="post"):
    return getattr(client, method)(address, {"facts": facts}, **JSON)


def add(client, **others):
    return send(client, SERVERS, {**FACTS, **others})


def decide(client, change, act, body=None):
    return client.post(f"{CHANGES}/{change['id']}/{act}", body or {}, **JSON)


@pytest.fixture
def live(engine):
    """The server that models on sale stand on."""
    engine.models = ["atlas-mini"]
    return Upstream.objects.get()


@pytest.fixture
def way(mini):
    """The way that answers for an offer on sale."""
    return mini.routes.get()


def test_a_server_is_added_read_and_switched_off_and_never_tells_its_credential(staff_client):
    added = add(staff_client)

    assert added.status_code == 201, added.json()
    told = added.json()
    assert (told["base_url"], told["region"], told["preset"]) == (
        "http://vllm:8000/v1", "eu-paris", "vllm",
    )  # fmt: skip
    assert (told["has_credential"], told["health_path"]) == (True, "/health")
    address = f"{SERVERS}/{told['id']}"
    off = send(staff_client, address, {"is_enabled": False}, "patch")
    assert (off.status_code, off.json()["change"]) == (200, None)
    read = staff_client.get(address).json()
    assert (read["is_enabled"], read["name"], read["has_credential"]) == (
        False, "Second engine", True,
    )  # fmt: skip
    on = send(staff_client, address, {"is_enabled": True, "idle_seconds": 7}, "patch").json()
    assert (on["server"]["is_enabled"], on["server"]["idle_seconds"]) == (True, 7)
    listed = staff_client.get(SERVERS)
    assert listed.json()["results"][0]["name"] == "Second engine"
    health = staff_client.get(f"{address}/health")
    assert health.json() == {"made": 0, "answered": 0, "looks": []}
    everything = b"".join(it.content for it in (added, off, listed, health))
    assert SECRET.encode() not in everything
    with service():
        entries = list(AuditEntry.objects.filter(action__startswith="server."))
        assert [it.action for it in entries].count("server.changed") == 2
        assert SECRET not in str([(it.before, it.after) for it in entries])


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"name": "Demo engine"}, "name"),
        ({"name": "!!!"}, "name"),
        ({"name": "\0"}, "name"),
        ({"region": "moon"}, "region"),
        ({"region": {"a": 1}}, "region"),
        ({"region": "\0"}, "region"),
        ({"base_url": "ftp://engine/v1"}, "base_url"),
        ({"base_url": ""}, "base_url"),
        ({"credential": "two words"}, "credential"),
        ({"preset": "toy"}, "preset"),
        ({"idle_seconds": 0}, "idle_seconds"),
        ({"is_enabled": False}, "is_enabled"),
    ],
)
def test_a_bad_server_is_refused_by_its_field(staff_client, facts, field):
    answer = add(staff_client, **facts)

    assert answer.status_code in {409, 422}, answer.json()
    assert field in answer.json()["field_errors"]
    with service():
        assert Upstream.objects.count() == 1


def test_another_address_of_a_live_server_waits_for_a_colleague(
    staff_client, colleague_client, live, engine
):
    address = f"{SERVERS}/{live.pk}"
    saved = send(staff_client, address, {"name": "Renamed", "credential": SECRET}, "patch").json()

    change = saved["change"]
    assert (saved["server"]["name"], saved["server"]["has_credential"]) == ("Renamed", False)
    assert (change["status"], change["sets_credential"]) == ("proposed", True)
    again = send(colleague_client, address, {"credential": "sk-other"}, "patch")
    assert (again.status_code, again.json()["code"]) == (409, "server_change_proposed")
    assert decide(staff_client, change, "probe").status_code == 403
    assert decide(staff_client, change, "approve").status_code == 403
    assert engine.asked == []

    probed = decide(colleague_client, change, "probe").json()
    assert (probed["reachability"], probed["status"]) == ("answers", "proposed")
    approved = decide(colleague_client, change, "approve")

    assert (approved.status_code, approved.json()["status"]) == (200, "applied")
    assert approved.json()["decided_by"] == "kim@operator.example"
    assert staff_client.get(address).json()["has_credential"] is True
    assert decide(colleague_client, change, "approve").status_code == 409
    listed = staff_client.get(f"{CHANGES}?status=applied")
    assert [it["id"] for it in listed.json()["results"]] == [change["id"]]
    assert staff_client.get(f"{CHANGES}?status=proposed").json()["results"] == []
    assert SECRET.encode() not in listed.content + approved.content


def test_a_proposal_is_refused_with_words_or_taken_back(
    staff_client, colleague_client, live, engine
):
    wanted = {"base_url": "http://elsewhere:8000/v1"}
    first = send(staff_client, f"{SERVERS}/{live.pk}", wanted, "patch").json()["change"]
    assert decide(colleague_client, first, "refuse").status_code == 400
    refused = decide(colleague_client, first, "refuse", {"answer": "Not tonight."}).json()
    second = send(staff_client, f"{SERVERS}/{live.pk}", wanted, "patch").json()["change"]
    taken = decide(staff_client, second, "withdraw").json()

    assert (refused["status"], refused["answer"]) == ("refused", "Not tonight.")
    assert taken["status"] == "withdrawn"
    assert staff_client.get(f"{CHANGES}/{second['id']}").json()["status"] == "withdrawn"
    assert Upstream.objects.get().base_url == engine.base_url


def test_a_server_is_looked_at_on_demand(staff_client, live, engine):
    probed = staff_client.post(f"{SERVERS}/{live.pk}/probe").json()

    assert (probed["reachability"], probed["served_models"]) == ("answers", ["atlas-mini"])
    looks = staff_client.get(f"{SERVERS}/{live.pk}/health").json()
    assert (looks["made"], looks["answered"]) == (1, 1)


def test_regions_are_listed_and_added_once(staff_client):
    assert send(staff_client, f"{API}/regions", REGION).json() == REGION
    twice = send(staff_client, f"{API}/regions", REGION)
    bad = send(staff_client, f"{API}/regions", {**REGION, "code": "x", "jurisdiction": "MOON"})

    assert (twice.status_code, twice.json()["code"]) == (409, "region_taken")
    assert "jurisdiction" in bad.json()["field_errors"]
    listed = staff_client.get(f"{API}/regions").json()
    assert [it["code"] for it in listed] == ["eu-paris", "kz-astana"]


def test_what_adds_something_does_so_once_for_a_key(staff_client):
    key = {"HTTP_IDEMPOTENCY_KEY": "once"}
    both = [staff_client.post(SERVERS, {"facts": FACTS}, **JSON, **key) for _ in range(2)]

    assert [it.status_code for it in both] == [201, 201]
    assert both[0].json() == both[1].json()
    with service():
        assert Upstream.objects.filter(name="Second engine").count() == 1


def test_another_name_of_a_model_on_sale_waits(staff_client, colleague_client, live, way):
    saved = send(staff_client, f"{ROUTES}/{way.pk}", {"upstream_model": "other"}, "patch").json()

    assert saved["route"]["upstream_model"] == "atlas-mini"
    assert (saved["change"]["route"], saved["change"]["upstream_model"]) == (str(way.pk), "other")
    decide(colleague_client, saved["change"], "approve")
    assert staff_client.get(f"{ROUTES}/{way.pk}").json()["upstream_model"] == "other"


def test_the_last_way_of_an_offer_on_sale_stays(staff_client, way):
    refused = staff_client.delete(f"{ROUTES}/{way.pk}")

    assert (refused.status_code, refused.json()["code"]) == (409, "last_route")
    with service():
        assert Route.objects.filter(pk=way.pk).exists()


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"offer": "nobody"}, "offer"),
        ({"offer": {"a": 1}}, "offer"),
        ({"offer": "\0"}, "offer"),
        ({"upstream": "moon"}, "upstream"),
        ({"upstream": "\0"}, "upstream"),
        ({"upstream_model": ""}, "upstream_model"),
        ({"upstream_model": "atlas-mini"}, "upstream_model"),
        ({"priority": -1}, "priority"),
        ({"weight": "many"}, "weight"),
        ({"role": "nothing"}, "role"),
        ({"role": "canary"}, "share"),
        ({"smell": "sweet"}, "smell"),
    ],
)
def test_a_bad_way_is_refused_by_its_field(staff_client, way, facts, field):
    wanted = {"offer": "atlas-mini", "upstream": str(way.upstream_id), "upstream_model": "b"}

    answer = send(staff_client, ROUTES, {**wanted, **facts})

    assert answer.status_code in {409, 422}, answer.json()
    assert field in answer.json()["field_errors"]
    with service():
        assert Route.objects.filter(offer=way.offer_id).count() == 1


def test_ways_are_listed_by_offer_and_by_server(staff_client, live, way):
    by_offer = staff_client.get(f"{ROUTES}?offer=atlas-mini").json()["results"]
    by_server = staff_client.get(f"{ROUTES}?server={live.pk}").json()["results"]

    assert [it["id"] for it in by_offer] == [str(way.pk)]
    assert str(way.pk) in {it["id"] for it in by_server}
    assert staff_client.get(f"{ROUTES}?offer=nobody").json()["results"] == []
    assert staff_client.get(f"{ROUTES}?server=moon").status_code == 400


@pytest.mark.parametrize(
    "address", ["regions", "servers", "servers/{server}", "servers/{server}/health", "routes",
                "routes/{way}", "server-changes", "server-changes/{change}"]
)  # fmt: skip
def test_to_others_it_does_not_exist(alice_client, staff_client, acme, live, way, sam, address):
    with service():
        change = ServerChange.objects.create(upstream=live, base_url="http://x/v1", proposed_by=sam)
    path = f"{API}/{address.format(server=live.pk, way=way.pk, change=change.pk)}"

    assert staff_client.get(path).status_code == 200
    assert alice_client.get(path).status_code == 404
    assert Client().get(path).status_code == 404
    for method in ("post", "patch", "delete"):
        assert getattr(alice_client, method)(path, {"facts": FACTS}, **JSON).status_code in {
            404, 405,
        }  # fmt: skip
    with service():
        assert (Upstream.objects.count(), Region.objects.count()) == (1, 1)


def test_a_member_of_staff_without_a_second_factor_gets_nothing(person, live, way):
    client = signed_in(person("lee@operator.example", is_staff=True))

    assert client.get(SERVERS).status_code == 404
    for act in (f"servers/{live.pk}/probe", f"routes/{way.pk}/promote", "servers", "regions"):
        assert send(client, f"{API}/{act}", FACTS).status_code == 404


def test_a_way_is_added_and_promoted_by_two_people(
    staff_client, colleague_client, live, engine, way
):
    beside = add(staff_client, base_url=engine.base_url).json()["id"]
    facts = {"offer": "atlas-mini", "upstream": beside, "upstream_model": "b"}
    added = send(staff_client, ROUTES, {**facts, "role": "canary", "share": 5})

    saved = added.json()
    change = saved["change"]
    assert (added.status_code, saved["route"], change["kind"]) == (201, None, "add")
    assert (change["offer"], change["facts"]["share"]) == ("atlas-mini", 5)
    assert decide(staff_client, change, "approve").status_code == 403
    applied = decide(colleague_client, change, "approve").json()
    address = f"{ROUTES}/{applied['route']}"
    assert staff_client.get(address).json()["role"] == "canary"

    more = send(staff_client, address, {"share": 50}, "patch").json()
    assert (more["route"]["share"], more["change"]["facts"]) == (5, {"share": 50})
    decide(colleague_client, more["change"], "withdraw")
    stopped = send(staff_client, address, {"share": 0}, "patch").json()
    assert (stopped["route"]["share"], stopped["change"]) == (0, None)
    everything = staff_client.post(f"{address}/promote").json()
    assert (everything["route"]["role"], everything["change"]["kind"]) == ("canary", "promote")
    decide(colleague_client, everything["change"], "approve")

    assert staff_client.get(address).json()["role"] == "serves"
    assert staff_client.post(f"{address}/promote").json()["code"] == "route_not_on_trial"
    assert staff_client.delete(address).status_code == 204

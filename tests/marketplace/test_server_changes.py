"""Where customers' requests go changes when a second person has agreed, after a probe."""

import threading

import pytest
from django.db import IntegrityError

from common.database import service
from common.errors import Conflict, Forbidden
from marketplace import due, queries
from marketplace.models import Route, ServerChange, Status, Upstream
from marketplace.services import server_changes, upstreams
from tenants.models import AuditEntry
from tests.marketplace.engine import ListingEngine

SECRET, OTHER = "sk-stored", "sk-another"


@pytest.fixture
def server(engine):
    """A server that models on sale stand on, with a credential."""
    engine.models = ["atlas-mini"]
    with service():
        Upstream.objects.update(credential=SECRET)
        return Upstream.objects.get()


@pytest.fixture
def elsewhere():
    """Another engine that lists models, where nobody's requests go yet."""
    engine = ListingEngine()
    yield engine
    engine.stop()


def send(client, server, **facts):
    present = {"name": server.name, "base_url": server.base_url, "is_enabled": "on"}
    return client.post(f"/staff/servers/{server.pk}/", {**present, **facts}, follow=True)


def waiting():
    with service():
        return list(ServerChange.objects.waiting().select_related("upstream", "route"))


def decide(client, change, act, **facts):
    return client.post(f"/staff/server-changes/{change.pk}/{act}/", facts, follow=True)


def addresses():
    with service():
        routes = [it for offer in queries.snapshot() for it in offer.routes]
    return {(it.base_url, it.credential) for it in routes}


def race(change, by):
    """Let two colleagues approve at once; returns how it went for each, in order."""
    outcomes = []

    def approve():
        try:
            with service():
                server_changes.approve(ServerChange.objects.get(pk=change.pk), by=by)
        except Conflict:
            outcomes.append("refused")
        else:
            outcomes.append("done")

    threads = [threading.Thread(target=approve) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


def test_a_live_address_changes_when_a_colleague_agrees(
    staff_client, colleague_client, server, engine, elsewhere
):
    page = send(staff_client, server, base_url=elsewhere.base_url, name="Renamed").content.decode()
    (change,) = waiting()

    assert addresses() == {(engine.base_url, SECRET)}
    assert engine.base_url in page
    assert elsewhere.base_url in page
    assert Upstream.objects.get().name == "Renamed"
    decide(colleague_client, change, "approve")

    assert addresses() == {(elsewhere.base_url, SECRET)}
    assert waiting() == []
    with service():
        actions = AuditEntry.objects.filter(action__startswith="server_change.")
        assert sorted(actions.values_list("action", flat=True)) == [
            "server_change.applied",
            "server_change.proposed",
        ]


def test_who_proposed_it_neither_probes_nor_approves(staff_client, server, engine, elsewhere):
    send(staff_client, server, base_url=elsewhere.base_url)
    (change,) = waiting()

    decide(staff_client, change, "probe")
    refusal = decide(staff_client, change, "approve").content.decode()

    assert "Somebody else has to probe and approve what you proposed." in refusal
    # The stored credential went nowhere.
    assert elsewhere.asked == []
    assert addresses() == {(engine.base_url, SECRET)}


def test_the_database_wants_two_people_and_a_probe(server, sam, kim):
    with service():
        change = ServerChange.objects.create(
            upstream=server, base_url="http://x/v1", proposed_by=sam
        )
    closed = ServerChange.objects.filter(pk=change.pk)

    for facts in ({"decided_by": sam}, {"decided_by": None}, {"decided_by": kim}):
        with pytest.raises(IntegrityError, match="server_change_under_four_eyes"), service():
            closed.update(status="applied", **facts)


def test_a_new_way_that_does_not_answer_is_not_taken(
    staff_client, colleague_client, server, engine, elsewhere
):
    send(staff_client, server, base_url=elsewhere.base_url)
    (change,) = waiting()
    elsewhere.stop()

    page = decide(colleague_client, change, "approve").content.decode()

    assert "refuses connections" in page
    assert len(waiting()) == 1
    assert addresses() == {(engine.base_url, SECRET)}


def test_a_new_way_that_fails_the_probe_is_not_taken(
    staff_client, colleague_client, server, engine, elsewhere, settings
):
    settings.CONFORMANCE_NEEDED = True
    send(staff_client, server, base_url=elsewhere.base_url)
    (change,) = waiting()

    page = decide(colleague_client, change, "approve").content.decode()

    assert "The probe of the new way failed for:" in page
    assert addresses() == {(engine.base_url, SECRET)}


def test_another_credential_is_probed_with_and_shown_to_nobody(
    staff_client, colleague_client, server, engine, owner_connection
):
    page = send(staff_client, server, credential=OTHER).content.decode()
    (change,) = waiting()
    page += colleague_client.get(f"/staff/server-changes/{change.pk}/").content.decode()
    stored = owner_connection.execute("SELECT credential FROM marketplace_serverchange").fetchall()

    decide(colleague_client, change, "probe")
    assert {bearer for _path, bearer in engine.asked} == {f"Bearer {OTHER}"}
    decide(colleague_client, change, "approve")

    assert addresses() == {(engine.base_url, OTHER)}
    assert OTHER not in page + str(stored)
    with service():
        change.refresh_from_db()
        assert (change.credential, change.sets_credential) == ("", True)
        entries = AuditEntry.objects.filter(action__startswith="server")
        assert OTHER not in str([(it.before, it.after) for it in entries])


def test_a_credential_is_removed_under_four_eyes(staff_client, colleague_client, server, engine):
    send(staff_client, server, forget_credential="on")
    (change,) = waiting()

    assert addresses() == {(engine.base_url, SECRET)}
    decide(colleague_client, change, "approve")

    assert addresses() == {(engine.base_url, "")}


def test_another_name_of_a_model_on_sale_waits(staff_client, colleague_client, server, mini):
    route = mini.routes.get()
    path = f"/staff/offers/{mini.pk}/routes/{route.pk}/name/"

    staff_client.post(path, {"upstream_model": "atlas-mini-2"})
    (change,) = waiting()
    route.refresh_from_db()
    assert (route.upstream_model, change.route) == ("atlas-mini", route)
    decide(colleague_client, change, "approve")

    route.refresh_from_db()
    assert route.upstream_model == "atlas-mini-2"


def test_what_nothing_on_sale_stands_on_is_one_persons_to_change(staff_client, server, mini):
    with service():
        Route.objects.exclude(offer=mini).delete()
        model = mini.model_version.model
        model.__class__.objects.filter(pk=model.pk).update(status=Status.DRAFT)
        mini.__class__.objects.filter(pk=mini.pk).update(status=Status.DRAFT)

    send(staff_client, server, base_url="http://vllm:8000/v1")

    assert waiting() == []
    assert Upstream.objects.get().base_url == "http://vllm:8000/v1"


def test_one_change_of_a_server_waits_at_a_time(staff_client, colleague_client, server):
    send(staff_client, server, base_url="http://one:8000/v1")

    page = send(colleague_client, server, base_url="http://two:8000/v1", name="Other")

    assert "Another change of this waits for a second person." in page.content.decode()
    assert [it.base_url for it in waiting()] == ["http://one:8000/v1"]
    assert Upstream.objects.get().name == server.name


def test_a_proposal_is_refused_or_taken_back_without_effect(
    staff_client, colleague_client, server, engine
):
    send(staff_client, server, credential=OTHER)
    (first,) = waiting()
    nameless = decide(colleague_client, first, "refuse", answer="")
    decide(colleague_client, first, "refuse", answer="Not tonight.")
    send(staff_client, server, credential=OTHER)
    (second,) = waiting()
    decide(staff_client, second, "take-back")

    assert nameless.status_code == 422
    assert waiting() == []
    assert addresses() == {(engine.base_url, SECRET)}
    with service():
        assert {it.credential for it in ServerChange.objects.all()} == {""}
    decide(colleague_client, second, "approve")
    assert addresses() == {(engine.base_url, SECRET)}


def test_two_colleagues_approve_at_once_and_one_does_it(server, sam, kim, engine):
    with service():
        facts = {name: getattr(server, name) for name in upstreams.CHANGEABLE}
        change = server_changes.change(server, {**facts, "credential": OTHER}, by=sam)
    due.probe_change(change.pk, by=kim)
    assert race(change, kim) == ["done", "refused"]


def test_who_proposed_it_is_refused_by_the_service_too(server, sam):
    with service():
        change = ServerChange.objects.create(
            upstream=server, credential=OTHER, sets_credential=True, proposed_by=sam
        )

    with pytest.raises(Forbidden), service():
        server_changes.approve(change, by=sam)


def test_the_desk_tells_that_one_waits(staff_client, server):
    send(staff_client, server, base_url="http://one:8000/v1")

    assert "Changes of servers to approve: 1" in staff_client.get("/staff/").content.decode()
    assert "Another way to a server" in staff_client.get("/staff/servers/").content.decode()


@pytest.fixture
def beside(server):
    """A second server of the region, that answers at the same engine."""
    with service():
        facts = {"base_url": server.base_url, "region_id": server.region_id}
        return Upstream.objects.create(name="Beside", slug="beside", **facts)


def wanted(server, **facts):
    serves = {"priority": 1, "weight": 1, "role": "serves", "share": 0}
    return {"upstream": server, "upstream_model": "mini-b", **serves, **facts}


def propose_way(offer, server, by, **facts):
    with service():
        return server_changes.add_way(offer, wanted(server, **facts), by=by)


def agree(change, by):
    due.probe_change(change.pk, by=by)
    with service():
        return server_changes.approve(ServerChange.objects.get(pk=change.pk), by=by)


def ways(offer):
    with service():
        (found,) = [it for it in queries.snapshot() if it.name == offer.name]
    return [it.upstream_model for it in found.routes]


def move(server, by, **facts):
    with service():
        present = {name: getattr(server, name) for name in upstreams.CHANGEABLE}
        return server_changes.change(server, {**present, "credential": "", **facts}, by=by)


def set_status(offer, status):
    with service():
        type(offer).objects.filter(pk=offer.pk).update(status=status)


def test_one_more_server_of_an_offer_on_sale_waits_for_a_colleague(
    staff_client, colleague_client, mini, beside
):
    facts = {"upstream": beside.pk, "upstream_model": "mini-b", "priority": 1, "weight": 1}
    page = staff_client.post(f"/staff/offers/{mini.pk}/routes/", facts, follow=True)
    (change,) = waiting()

    assert ways(mini) == ["atlas-mini"]
    assert "One more server for an offer" in page.content.decode()
    assert "mini-b" in page.content.decode()
    offer_page = staff_client.get(f"/staff/offers/{mini.pk}/").content.decode()
    assert f"/staff/server-changes/{change.pk}/" in offer_page
    own = decide(staff_client, change, "approve").content.decode()
    assert "Somebody else has to probe and approve" in own
    assert ways(mini) == ["atlas-mini"]

    decide(colleague_client, change, "approve")

    assert ways(mini) == ["atlas-mini", "mini-b"]
    with service():
        route = Route.objects.get(upstream=beside)
        change = ServerChange.objects.get(pk=change.pk)
        assert (change.route, change.status, route.conformed_at) == (
            route, "applied", change.probed_at,
        )  # fmt: skip
        entries = AuditEntry.objects.filter(action__in=("server_change.applied", "route.added"))
        assert {it.actor_user_id for it in entries} == {change.decided_by_id}


def test_what_is_in_review_waits_too_and_a_draft_is_free(sam, mini, beside):
    set_status(mini, Status.DRAFT)
    added = propose_way(mini, beside, sam)
    set_status(mini, Status.IN_REVIEW)
    waits = propose_way(mini, beside, sam, upstream_model="mini-c")

    assert (type(added), type(waits)) == (Route, ServerChange)
    with service():
        assert set(mini.routes.values_list("upstream_model", flat=True)) == {
            "atlas-mini", "mini-b",
        }  # fmt: skip


def test_a_canary_gets_more_and_everything_by_two_people(sam, kim, mini, beside):
    change = agree(propose_way(mini, beside, sam, role="canary", share=5), kim)
    with service():
        way = mini.routes.get(role="canary")
        assert server_changes.give(way, 0, by=sam) is None
        assert server_changes.give(way, 5, by=sam) is None
        more = server_changes.give(way, 50, by=sam)
    assert (change.kind, more.kind) == ("add", "share")

    with pytest.raises(Conflict), service():
        server_changes.promote(way, by=kim)
    agree(more, kim)
    with service():
        way.refresh_from_db()
        assert way.share == 50
        everything = server_changes.promote(way, by=kim)
        way.refresh_from_db()
        assert (way.role, everything.kind) == ("canary", "promote")
    agree(everything, sam)

    assert ways(mini) == ["mini-b", "atlas-mini"]


def test_a_way_is_taken_out_of_service_by_one_person(sam, kim, mini, beside, staff_client):
    agree(propose_way(mini, beside, sam), kim)
    (first,) = mini.routes.filter(upstream_model="atlas-mini")

    staff_client.post(f"/staff/offers/{mini.pk}/routes/{first.pk}/remove/")

    assert ways(mini) == ["mini-b"]
    with service():
        assert AuditEntry.objects.get(action="route.removed").actor_user_id == sam.pk


def test_a_way_that_is_there_and_a_second_canary_are_refused_at_once(sam, kim, mini, beside):
    agree(propose_way(mini, beside, sam, role="canary", share=5), kim)

    for facts in ({}, {"upstream_model": "mini-c", "role": "canary", "share": 5}):
        with pytest.raises(Conflict):
            propose_way(mini, beside, sam, **facts)
    assert waiting() == []


def test_two_canaries_that_wait_cannot_both_come_about(sam, kim, mini, server, beside):
    first = propose_way(mini, beside, sam, role="canary", share=5)
    second = propose_way(mini, server, sam, role="canary", share=5)
    agree(first, kim)

    with pytest.raises(Conflict):
        agree(second, kim)

    assert [it.pk for it in waiting()] == [second.pk]
    with service():
        assert [it.upstream for it in mini.routes.filter(role="canary")] == [beside]


def test_a_way_is_proposed_once(sam, kim, mini, beside):
    propose_way(mini, beside, sam)

    with pytest.raises(Conflict):
        propose_way(mini, beside, kim, upstream_model="mini-c")

    assert len(waiting()) == 1


def test_two_people_agree_to_a_way_at_once_and_one_adds_it(sam, kim, mini, beside):
    change = propose_way(mini, beside, sam)
    due.probe_change(change.pk, by=kim)
    assert race(change, kim) == ["done", "refused"]
    assert ways(mini) == ["atlas-mini", "mini-b"]


def test_the_database_lets_no_way_in_that_one_person_wants(sam, kim, mini, beside):
    agreed = "when a second person agrees"
    with pytest.raises(IntegrityError, match=agreed), service():
        Route.objects.create(offer=mini, upstream=beside, upstream_model="mini-b")
    with service():
        change = ServerChange.objects.create(
            upstream=beside, offer=mini, upstream_model="mini-b", facts={"role": "serves"},
            proposed_by=sam,
        )  # fmt: skip
    # Somebody else agreed to another model there than the one that is added.
    way = Route(offer=mini, upstream=beside, upstream_model="mini-c")
    done = {"status": "applied", "decided_by": kim, "probed_at": change.created_at}

    @service()
    def let_in():
        ServerChange.objects.filter(pk=change.pk).update(**done, route=way.pk)
        way.save(force_insert=True)

    with pytest.raises(IntegrityError, match=agreed):
        let_in()


def test_the_database_lets_no_canary_grow_or_serve_alone(sam, kim, mini, beside):
    agree(propose_way(mini, beside, sam, role="canary", share=5), kim)
    way = Route.objects.filter(role="canary")

    for facts in ({"share": 6}, {"role": "serves", "share": 0}):
        with pytest.raises(IntegrityError, match="when a second person agrees"), service():
            way.update(**facts)
    with service():
        way.update(share=0)
        way.update(share=5)


def test_what_was_proposed_is_decided_on_as_it_was(sam, mini, server, beside):
    change = propose_way(mini, beside, sam)

    for facts in ({"upstream_model": "other"}, {"facts": {}}, {"upstream": server}):
        with pytest.raises(IntegrityError, match="decided on as it was"), service():
            ServerChange.objects.filter(pk=change.pk).update(**facts)


def test_a_server_stays_where_it_is_while_a_way_to_it_waits(
    sam, kim, mini, beside, elsewhere, colleague_client
):
    change = propose_way(mini, beside, sam)
    page = colleague_client.get(f"/staff/server-changes/{change.pk}/").content.decode()
    swapped = move(beside, sam, base_url=elsewhere.base_url)

    assert beside.base_url in page
    assert swapped.is_proposed
    assert addresses() == {(beside.base_url, SECRET)}
    agree(change, kim)
    assert elsewhere.asked == []
    assert addresses() == {(beside.base_url, SECRET), (beside.base_url, "")}


def test_a_way_is_not_agreed_to_once_its_server_is_elsewhere(sam, kim, mini, beside, elsewhere):
    change = propose_way(mini, beside, sam)
    agree(move(beside, sam, base_url=elsewhere.base_url), kim)
    elsewhere.asked.clear()

    with pytest.raises(Conflict):
        due.probe_change(change.pk, by=kim)
    with pytest.raises(Conflict), service():
        server_changes.approve(ServerChange.objects.get(pk=change.pk), by=kim)

    assert elsewhere.asked == []
    assert ways(mini) == ["atlas-mini"]


def test_the_database_lets_no_way_in_whose_server_is_elsewhere(sam, kim, mini, beside):
    change = propose_way(mini, beside, sam)
    way = Route(offer=mini, upstream=beside, upstream_model="mini-b", priority=1)
    done = {"status": "applied", "decided_by": kim, "probed_at": change.created_at}

    @service()
    def let_in(base_url):
        Upstream.objects.filter(pk=beside.pk).update(base_url=base_url)
        ServerChange.objects.filter(pk=change.pk).update(**done, route=way.pk)
        way.save(force_insert=True)

    with pytest.raises(IntegrityError, match="when a second person agrees"):
        let_in("http://elsewhere:8000/v1")
    let_in(beside.base_url)
    assert ways(mini) == ["atlas-mini", "mini-b"]


@pytest.mark.parametrize("where", ["http://elsewhere:8000/v1", "https://one/v1", "http://one:1/v1"])
def test_one_person_alone_takes_no_credential_elsewhere(sam, beside, where):
    move(beside, sam, base_url="http://one/v1", credential=SECRET)
    for same in ("http://one:80/v2", "http://ONE/v1"):
        move(beside, sam, base_url=same)
        with service():
            beside.refresh_from_db()
        assert beside.credential == SECRET

    move(beside, sam, base_url=where)

    with service():
        beside.refresh_from_db()
    assert (beside.base_url, beside.credential) == (where, "")


def test_a_credential_that_waits_is_sent_nowhere_else(sam, kim, mini, beside, elsewhere):
    added = agree(propose_way(mini, beside, sam), kim).route
    waits = move(beside, kim, credential=OTHER)
    with service():
        server_changes.remove_way(added, by=sam)

    with pytest.raises(Conflict):
        move(beside, sam, base_url=elsewhere.base_url)
    due.probe_change(waits.pk, by=sam)

    assert elsewhere.asked == []


def test_a_way_that_fails_is_not_hidden_by_another_of_the_offer(sam, kim, mini, server, elsewhere):
    agree(propose_way(mini, server, sam), kim)
    elsewhere.models = ["mini-b"]
    change = move(server, sam, base_url=elsewhere.base_url)

    due.probe_change(change.pk, by=kim)

    with service():
        change.refresh_from_db()
    assert change.conformance["atlas-mini"]["models"] == "failed"


def test_what_waits_for_a_way_is_taken_back_with_it(sam, kim, mini, beside, staff_client):
    agree(propose_way(mini, beside, sam), kim)
    way = mini.routes.get(upstream=beside)
    with service():
        change = server_changes.rename(way, "mini-c", by=kim)

    staff_client.post(f"/staff/offers/{mini.pk}/routes/{way.pk}/remove/")

    assert waiting() == []
    with service():
        change = ServerChange.objects.get(pk=change.pk)
        entry = AuditEntry.objects.get(action="server_change.withdrawn")
    assert (change.status, change.kind, change.route_id) == ("withdrawn", "name", None)
    assert (change.told_name, change.way["upstream_model"]) == (mini.name, "mini-b")
    assert (entry.target_id, entry.actor_user_id) == (str(change.pk), sam.pk)


def test_what_two_people_decided_outlives_the_way(sam, kim, mini, beside, colleague_client):
    added = agree(propose_way(mini, beside, sam, role="canary", share=5), kim)
    way = mini.routes.get(upstream=beside)
    with service():
        more = server_changes.give(way, 50, by=sam)
    agree(more, kim)
    with service():
        renamed = server_changes.rename(way, "mini-c", by=sam)
    agree(renamed, kim)

    gone = colleague_client.delete(f"/api/v1/staff/routes/{way.pk}")

    assert gone.status_code == 204
    with service():
        found = {it.kind: it for it in ServerChange.objects.told()}
        assert not mini.routes.filter(pk=way.pk).exists()
    assert {it.pk for it in found.values()} == {added.pk, more.pk, renamed.pk}
    assert {(it.status, it.told_name, it.route_id) for it in found.values()} == {
        ("applied", mini.name, None)
    }
    assert found["share"].way["share"] == 5
    told = colleague_client.get(f"/api/v1/staff/server-changes/{renamed.pk}").json()
    assert (told["kind"], told["offer"], told["route"]) == ("name", mini.name, None)
    page = colleague_client.get(f"/staff/server-changes/{renamed.pk}/").content.decode()
    assert "mini-c" in page


def test_a_way_that_is_the_last_leaves_what_waits(sam, mini, staff_client):
    way = mini.routes.get()
    with service():
        server_changes.rename(way, "mini-c", by=sam)

    staff_client.post(f"/staff/offers/{mini.pk}/routes/{way.pk}/remove/")

    assert len(waiting()) == 1


def test_the_database_forgets_no_decision_and_no_proposal(sam, kim, mini, beside):
    added = agree(propose_way(mini, beside, sam), kim)
    way = mini.routes.get(upstream=beside)
    with service():
        renamed = server_changes.rename(way, "mini-c", by=sam)
    of_added = ServerChange.objects.filter(pk=added.pk)

    refused = "decided on as it was"
    with pytest.raises(IntegrityError, match=refused), service():
        way.delete()
    with pytest.raises(IntegrityError, match=refused), service():
        ServerChange.objects.filter(pk=renamed.pk).update(way={})
    for facts in ({"route": mini.routes.exclude(pk=way.pk).get()}, {"route": None, "answer": "x"}):
        with pytest.raises(IntegrityError, match=refused), service():
            of_added.update(**facts)


def test_a_server_that_was_switched_off_is_asked_again_by_two_people(
    staff_client, colleague_client, server, engine
):
    send(staff_client, server, is_enabled="")
    assert (addresses(), waiting()) == (set(), [])

    page = send(staff_client, server, name="Renamed").content.decode()
    (change,) = waiting()
    server.refresh_from_db()
    assert (server.name, server.is_enabled, change.kind) == ("Renamed", False, "on")
    assert "Switched on" in page
    assert (
        "Switched off"
        in colleague_client.get(f"/staff/server-changes/{change.pk}/").content.decode()
    )
    decide(staff_client, change, "approve")
    assert (addresses(), engine.asked) == (set(), [])

    decide(colleague_client, change, "approve")

    assert addresses() == {(engine.base_url, SECRET)}
    with service():
        entry = AuditEntry.objects.get(action="server_change.applied")
    assert entry.after["facts"] == {"is_enabled": True}


def test_a_server_that_does_not_answer_is_not_switched_on(
    staff_client, colleague_client, server, elsewhere
):
    send(staff_client, server, is_enabled="")
    send(staff_client, server, base_url=elsewhere.base_url)
    (change,) = waiting()
    elsewhere.stop()

    decide(colleague_client, change, "approve")

    assert (change.kind, len(waiting()), addresses()) == ("reach", 1, set())


def test_the_api_proposes_to_switch_on_and_a_free_server_is_on_at_once(
    staff_client, server, beside
):
    def patch(it, **facts):
        path = f"/api/v1/staff/servers/{it.pk}"
        return staff_client.patch(path, {"facts": facts}, content_type="application/json").json()

    for it in (server, beside):
        assert patch(it, is_enabled=False)["change"] is None

    asked, free = patch(server, is_enabled=True), patch(beside, is_enabled=True)

    assert (asked["server"]["is_enabled"], asked["change"]["kind"]) == (False, "on")
    assert asked["change"]["facts"] == {"is_enabled": True}
    assert (free["server"]["is_enabled"], free["change"]) == (True, None)
    # What waits stands in the way of no other change.
    assert patch(server, idle_seconds=7)["server"]["is_enabled"] is False
    assert len(waiting()) == 1

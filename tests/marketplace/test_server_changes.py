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
    outcomes = []

    def approve():
        try:
            with service():
                server_changes.approve(ServerChange.objects.get(pk=change.pk), by=kim)
        except Conflict:
            outcomes.append("refused")
        else:
            outcomes.append("done")

    threads = [threading.Thread(target=approve) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["done", "refused"]


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

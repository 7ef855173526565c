"""Customers' systems are told of facts: signed, again until they answer, and nothing private."""

import ipaddress
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connections, transaction
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from common import outside
from common.database import SERVICE, service
from common.errors import Conflict
from common.http import Trouble, Unreachable
from tenants import audit_words
from tenants.models import (
    AuditEntry,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from tenants.scope import scope
from tenants.services import deliveries, webhooks
from tests.support.receivers import receiving

LIST = "/o/acme/webhooks/"
API = "/api/v1/organizations/acme/webhooks"
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.fixture
def receiver(settings):
    """A customer's server, in a network that the operator allows."""
    settings.OUTSIDE_NETWORKS = LOOPBACK
    with receiving() as server:
        yield server


@pytest.fixture
def endpoint(acme, alice, receiver):
    with scope(acme):
        return webhooks.create(acme, url=receiver.url, by=alice)


@pytest.fixture
def tell(acme):
    """Tell of a fact."""

    def tell(key="one", type="invoice.finalized"):
        with service():
            return webhooks.emit(acme, type, key=key, data={"number": "A-1"})

    return tell


def delivery():
    with service():
        return WebhookDelivery.objects.select_related("event", "endpoint").latest("created_at")


def make_due():
    with service():
        WebhookDelivery.objects.update(next_attempt_at=timezone.now())


def test_an_endpoint_is_told_with_a_signature_that_others_can_check(endpoint, receiver, tell):
    event = tell()

    ((headers, body),) = receiver.got
    content = Webhook(endpoint.secret).verify(body, headers)
    assert content["type"] == "invoice.finalized"
    assert content["data"] == {"number": "A-1"}
    assert headers["webhook-id"] == f"msg_{event.pk}"
    assert delivery().state == "delivered"


def test_a_changed_body_does_not_fit_its_signature(endpoint, receiver, tell):
    tell()

    ((headers, body),) = receiver.got
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint.secret).verify(body.replace(b"A-1", b"A-2"), headers)


def test_a_fact_that_is_rolled_back_is_not_told(acme, endpoint, receiver):
    with service():
        webhooks.emit(acme, "invoice.finalized", key="one", data={})
        transaction.set_rollback(True, using=SERVICE)

    assert receiver.got == []
    with service():
        assert WebhookEvent.objects.count() == 0


def test_the_same_fact_is_told_once(endpoint, receiver, tell):
    tell()
    tell()

    assert len(receiver.got) == 1


def test_an_endpoint_is_told_what_it_asks_for(acme, alice, endpoint, receiver, tell):
    with scope(acme):
        webhooks.change(endpoint, by=alice, events=["balance.low"])

    tell("one", "invoice.finalized")
    tell("two", "balance.low")

    assert [json.loads(body)["type"] for _headers, body in receiver.got] == ["balance.low"]


def test_after_a_rotation_both_secrets_sign_for_a_day(
    acme, alice, endpoint, receiver, tell, time_machine
):
    former = endpoint.secret
    with scope(acme):
        rotated = webhooks.rotate(endpoint, by=alice)

    tell()
    ((headers, body),) = receiver.got
    for secret in (former, rotated.secret):
        Webhook(secret).verify(body, headers)

    time_machine.move_to(timezone.now() + timedelta(hours=25))
    tell("later")
    headers, body = receiver.got[1]
    Webhook(rotated.secret).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(former).verify(body, headers)


def test_secrets_stand_encrypted(endpoint, owner_connection):
    rows = owner_connection.execute("SELECT secret FROM tenants_webhookendpoint").fetchall()

    assert "whsec_" not in str(rows)


def test_what_fails_is_tried_again_later_under_the_same_id(endpoint, receiver, tell):
    receiver.answers = [500, 200]
    tell()
    waiting = delivery()
    make_due()

    assert deliveries.sweep() == 1

    ids = {headers["webhook-id"] for headers, _body in receiver.got}
    assert (len(receiver.got), len(ids)) == (2, 1)
    assert waiting.state == "waiting"
    assert waiting.next_attempt_at > timezone.now()
    assert delivery().state == "delivered"
    with service():
        statuses = WebhookAttempt.objects.order_by("attempted_at").values_list("status", flat=True)
        assert list(statuses) == [500, 200]


def test_what_is_asked_for_again_while_it_is_called_stays_due(endpoint, receiver, tell):
    receiver.answers = [500]
    tell()
    make_due()
    called = deliveries._claim(delivery().pk)
    with service():
        # As a replay leaves it whose own worker is yet to come.
        WebhookDelivery.objects.update(attempts=0, next_attempt_at=timezone.now())
    deliveries._write_down(called, None, "timeout", 15_000)

    assert delivery().next_attempt_at <= timezone.now()


def test_what_always_fails_is_given_up(endpoint, receiver, tell):
    receiver.answers = [500]
    tell()
    for _ in deliveries.PAUSES:
        make_due()
        deliveries.sweep()

    assert len(receiver.got) == len(deliveries.PAUSES) + 1
    assert delivery().state == "failed"
    assert deliveries.sweep() == 0


def test_a_redirect_is_not_followed(endpoint, receiver, tell):
    receiver.answers = [302]
    tell()

    assert len(receiver.got) == 1
    assert delivery().state == "waiting"


def test_what_was_given_up_is_delivered_again_on_demand(acme, endpoint, receiver, tell):
    tell()
    told = delivery()

    with scope(acme):
        webhooks.replay(told)

    first, second = receiver.got
    assert first[1] == second[1]
    assert first[0]["webhook-id"] == second[0]["webhook-id"]


def test_an_endpoint_that_fails_for_days_is_switched_off_and_people_are_told(
    acme, endpoint, receiver, tell
):
    receiver.answers = [500]
    tell()
    with service():
        long_ago = timezone.now() - deliveries.PATIENCE
        WebhookEndpoint.objects.update(failing_since=long_ago)
    tell("two")

    with service():
        found = WebhookEndpoint.objects.get()
        assert AuditEntry.objects.filter(action="webhook.disabled").count() == 1
    assert (found.is_active, found.disabled_at is None) == (False, False)
    assert [message.to for message in mail.outbox] == [["alice@acme.example"]]
    tell("three")
    assert len(receiver.got) == 2


def test_an_endpoint_that_says_it_is_gone_is_switched_off(endpoint, receiver, tell):
    receiver.answers = [410]
    tell()

    with service():
        assert WebhookEndpoint.objects.get().is_active is False


def test_an_answer_ends_the_failing(endpoint, receiver, tell):
    receiver.answers = [500, 200]
    tell()
    make_due()
    deliveries.sweep()

    with service():
        assert WebhookEndpoint.objects.get().failing_since is None


def test_a_worker_that_died_while_calling_leaves_it_due_again(endpoint, receiver, tell):
    tell()
    with service():
        WebhookDelivery.objects.update(state="waiting", next_attempt_at=timezone.now())
    found = delivery()

    assert deliveries._claim(found.pk) is not None
    assert deliveries.deliver(found.pk) is False
    with service():
        WebhookDelivery.objects.update(next_attempt_at=timezone.now())
    assert deliveries.deliver(found.pk) is True


def test_workers_at_once_call_once(endpoint, receiver, tell):
    receiver.answers = [500, 200]
    tell()
    make_due()
    key, gate = delivery().pk, threading.Barrier(6)

    def work():
        gate.wait()
        try:
            return deliveries.deliver(key)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        answers = [each.result() for each in [pool.submit(work) for _ in range(6)]]

    assert answers.count(True) == 1
    assert len(receiver.got) == 2


PRIVATE = [
    "https://127.0.0.1/",
    "https://10.0.0.1/",
    "https://172.16.5.5/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://100.64.0.1/",
    "https://0.0.0.0/",
    "https://[::1]/",
    "https://[fd00::1]/",
    "https://[fe80::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[64:ff9b::a00:1]/",
    "https://[64:ff9b:1::a00:1]/",
    "https://[2002:a00:1::]/",
    "https://[::127.0.0.1]/",
    "https://[::ffff:0:7f00:1]/",
    "https://[fec0::1]/",
    "https://[5f00::1]/",
    "https://[ff02::1]/",
    "https://[::]/",
    "https://224.0.0.1/",
    "http://8.8.8.8/",
]


@pytest.mark.parametrize("url", PRIVATE)
def test_private_addresses_are_not_called(url):
    with pytest.raises(Unreachable) as refused:
        outside.post(url, b"{}", {})

    assert refused.value.trouble == Trouble.FORBIDDEN
    assert outside.refuses(url)


@pytest.mark.parametrize(
    "answers", [["10.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:192.168.0.1"]]
)
def test_a_name_that_leads_to_a_private_address_is_not_called(monkeypatch, answers):
    # The resolver is the world's, not ours: what it would answer is put in its place.
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (it, 443)) for it in answers]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: found)

    with pytest.raises(outside.Forbidden):
        outside.post("https://innocent.example/", b"{}", {})


def test_a_public_address_may_be_called():
    assert not outside.refuses("https://93.184.216.34/hook")
    assert not outside.refuses("https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/hook")
    assert not outside.refuses("https://hooks.example/hook")


def test_a_private_address_is_logged_as_forbidden(acme, alice, tell, settings, receiver):
    with scope(acme):
        webhooks.create(acme, url=receiver.url, by=alice)
    settings.OUTSIDE_NETWORKS = ()
    tell()

    with service():
        assert WebhookAttempt.objects.get().trouble == "forbidden"
    assert receiver.got == []


def test_the_pages_add_show_test_rotate_and_remove(alice_client, acme, receiver):
    shown = alice_client.post(f"{LIST}new/", {"url": receiver.url, "description": "ERP"})
    with service():
        made = WebhookEndpoint.objects.get()
    assert (shown.status_code, made.secret in shown.content.decode()) == (201, True)

    detail = f"{LIST}{made.pk}/"
    alice_client.post(f"{detail}test/")
    page = alice_client.get(detail).content.decode()
    assert "webhook.test" in page
    assert made.secret not in page

    rotated = alice_client.post(f"{detail}rotate/").content.decode()
    assert "whsec_" in rotated
    assert made.secret not in rotated

    alice_client.post(f"{detail}deliveries/{delivery().pk}/replay/")
    assert len(receiver.got) == 2

    alice_client.post(f"{detail}remove/")
    assert alice_client.get(detail).status_code == 404
    assert "No endpoints yet" in alice_client.get(LIST).content.decode()


def test_a_switched_off_endpoint_is_told_nothing_and_replays_nothing(
    acme, alice_client, endpoint, receiver, tell
):
    tell()
    alice_client.post(f"{LIST}{endpoint.pk}/switch/")
    tell("two")
    told = delivery()

    with pytest.raises(Conflict), scope(acme):
        webhooks.replay(told)
    assert len(receiver.got) == 1
    alice_client.post(f"{LIST}{endpoint.pk}/switch/", {"on": "yes"})
    tell("three")
    assert len(receiver.got) == 2


REFUSED = [
    "",
    "ftp://x.example/",
    "https://10.0.0.1/",
    "http://x.example/",
    "https://localhost:9200/",
    "https://api.localhost./",
    "https://user:pw@x.example/hook",
    "https://user@x.example/",
]


@pytest.mark.parametrize("url", REFUSED)
def test_an_address_that_would_be_refused_is_refused_at_once(alice_client, acme, url):
    assert alice_client.post(f"{LIST}new/", {"url": url}).status_code == 422
    reply = alice_client.post(API, {"url": url}, content_type="application/json")
    assert (reply.status_code, "url" in reply.json()["field_errors"]) == (400, True)


def test_a_password_in_an_address_is_kept_nowhere(alice_client, acme):
    url = "https://user:pw-7f3@x.example/hook"

    alice_client.post(f"{LIST}new/", {"url": url})
    alice_client.post(API, {"url": url}, content_type="application/json")

    with service():
        assert not WebhookEndpoint.objects.exists()
    assert "pw-7f3" not in alice_client.get("/o/acme/audit/").content.decode()


def test_the_audit_log_says_that_an_endpoint_is_told_everything(alice_client, acme):
    alice_client.post(f"{LIST}new/", {"url": "https://x.example/hook"})

    with service():
        entry = AuditEntry.objects.get(action="webhook.created")
    (events,) = [it for it in audit_words.row(entry).changes if it.field == "Events"]
    assert events.after == "all"


@pytest.mark.parametrize("trouble", Trouble)
def test_what_came_of_an_attempt_is_told_in_words(trouble):
    words = str(WebhookAttempt(trouble=trouble).outcome)

    assert words != trouble
    assert "_" not in words


def test_a_developer_manages_no_endpoints(bob_client, acme):
    assert bob_client.post(f"{LIST}new/", {"url": "https://x.example/"}).status_code == 403


def test_the_api_does_what_the_pages_do(alice_client, acme, receiver):
    def post(path, body=None):
        return alice_client.post(path, body or {}, content_type="application/json")

    made = post(API, {"url": receiver.url}).json()
    here = f"{API}/{made['id']}"
    assert made["secret"].startswith("whsec_")
    assert "secret" not in alice_client.get(here).json()
    sent = post(f"{here}/test")
    assert (sent.status_code, sent.json()["type"]) == (202, "webhook.test")
    (logged,) = alice_client.get(f"{here}/deliveries").json()["results"]
    assert (logged["state"], logged["attempts"][0]["status"]) == ("delivered", 200)
    assert post(f"{here}/deliveries/{logged['id']}/replay").status_code == 202
    assert post(f"{here}/rotate").json()["secret"] != made["secret"]
    off = alice_client.patch(here, {"is_active": False}, content_type="application/json")
    assert off.json()["is_active"] is False
    assert post(f"{here}/test").status_code == 202
    assert alice_client.delete(here).status_code == 204
    assert alice_client.get(here).status_code == 404


def test_an_endpoint_is_tested_ten_times_a_minute_at_most(alice_client, endpoint, receiver):
    detail = f"{LIST}{endpoint.pk}/"
    for _ in range(10):
        alice_client.post(f"{detail}test/")

    told = alice_client.post(f"{detail}test/", follow=True).content.decode()
    refused = alice_client.post(f"{API}/{endpoint.pk}/test", content_type="application/json")

    assert "ten times a minute" in told
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_tests")
    assert len(receiver.got) == 10


def test_an_unknown_event_is_refused(alice_client, acme):
    body = {"url": "https://x.example/", "events": ["moon.full"]}

    reply = alice_client.post(API, body, content_type="application/json")

    assert (reply.status_code, list(reply.json()["field_errors"])) == (400, ["events"])

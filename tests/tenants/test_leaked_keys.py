"""Keys that somebody found: closed at once, told to whose they are, and never said to be known."""

import json
import logging
import threading

import pytest
from django.test import Client
from django.utils import timezone

from common.database import service
from tenants import keys
from tenants.models import AbuseSignal, ApiKey, AuditEntry, WebhookEvent
from tenants.scope import scope
from tenants.services import api_keys, leaks

PAGE, API = "/leaked-key/", "/api/v1/leaked-keys"
PLACE = "https://git.example/acme/.env"


@pytest.fixture
def key(acme, alice):
    """A key of Acme's, with its text."""
    with scope(acme):
        return api_keys.create(acme, name="Scripts", by=alice)


def post(body, client=None):
    return (client or Client()).post(API, json.dumps(body), content_type="application/json")


def state_of(key):
    with service():
        return ApiKey.objects.get(pk=key.api_key.pk).state


def test_a_reported_key_is_closed_and_told(key, acme, mailoutbox):
    reply = post([{"token": key.text, "type": "tessera", "url": PLACE}])

    assert (reply.status_code, reply.json()) == (202, {"received": 1, "no_keys": 0})
    assert state_of(key) == "revoked"
    with service():
        signal = AbuseSignal.objects.get()
        acts = AuditEntry.objects.filter(organization=acme, target_id=str(key.api_key.pk))
        told = {it.action: it.after for it in acts}
        event = WebhookEvent.objects.get()
    assert (signal.kind, signal.level, signal.api_key_id) == ("leaked_key", 3, key.api_key.pk)
    assert signal.figures["found_at"] == PLACE
    assert set(told) == {"api_key.created", "api_key.revoked", "api_key.leaked"}
    assert told["api_key.leaked"] == {"found_at": PLACE, "last_four": key.text[-4:]}
    assert (event.type, event.data["last_four"]) == ("api_key.leaked", key.text[-4:])
    (mail,) = mailoutbox
    assert mail.recipients() == ["alice@acme.example"]
    assert mail.subject == "A key of Acme leaked and is revoked"
    # What a stranger wrote is no link to send out in our name.
    assert PLACE not in mail.body + mail.alternatives[0][0]


def test_an_answer_never_says_whether_the_key_was_known(key):
    known = post([key.text])
    again = post([key.text])
    unknown = post([keys.mint()])

    answers = {(it.status_code, it.content) for it in (known, again, unknown)}
    assert len(answers) == 1


def test_what_is_reported_twice_is_told_once(key, mailoutbox):
    post([key.text, key.text])
    post([key.text])

    with service():
        assert AbuseSignal.objects.count() == 1
    assert len(mailoutbox) == 1


def test_two_reports_at_once_close_a_key_once(key, mailoutbox):
    together = threading.Barrier(2)

    def report():
        together.wait()
        leaks.report([key.text])

    threads = [threading.Thread(target=report) for _each in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with service():
        assert AbuseSignal.objects.count() == 1
        assert AuditEntry.objects.filter(action="api_key.leaked").count() == 1
    assert len(mailoutbox) == 1


def test_a_key_that_had_expired_is_less_grave(key):
    with service():
        ApiKey.objects.update(expires_at=timezone.now())

    post([key.text])

    with service():
        assert AbuseSignal.objects.get().level == 1


def test_a_typo_closes_nothing(key):
    wrong = key.text[:-1] + ("0" if key.text[-1] != "0" else "1")

    reply = post([wrong, key.text[:20], "hello"])

    assert reply.json() == {"received": 0, "no_keys": 3}
    assert state_of(key) == "active"


@pytest.mark.parametrize(
    "body",
    ["text", {"token": "x"}, {}, None, [1], [[]], [{}], [{"token": "x" * 201}],
     ["x\0"], [{"token": "x", "url": "y" * 501}], ["x"] * 101, []],
)  # fmt: skip
def test_a_report_that_is_none_is_refused(db, body):
    reply = post(body)

    assert reply.status_code == 400
    assert reply.json()["code"] in ("invalid_request", "parse_error")


def test_one_address_reports_so_often(key):
    answers = [post([keys.mint()]).status_code for _each in range(10)]

    late = post([key.text])

    assert set(answers) == {202}
    assert (late.status_code, late.json()["code"]) == (429, "too_many_reports")
    assert state_of(key) == "active"
    assert Client().post(PAGE, {"text": key.text}).status_code == 429


def test_a_text_of_a_key_is_never_logged(key, caplog, capfd):
    with caplog.at_level(logging.DEBUG):
        post([key.text])
        Client().post(PAGE, {"text": key.text})

    written = caplog.text + "".join(capfd.readouterr())
    assert key.text not in written


def test_a_page_takes_a_whole_file(key, acme):
    text = f"# settings\nTESSERA_KEY={key.text}\nOTHER={keys.mint()}\n"

    reply = Client().post(PAGE, {"text": text, "found_at": PLACE})

    assert (reply.status_code, reply["Location"]) == (302, f"{PAGE}?thanks")
    assert "We do not say which" in Client().get(reply["Location"]).content.decode()
    assert state_of(key) == "revoked"


def test_a_page_says_what_a_key_looks_like(db):
    many = " ".join(keys.mint() for _each in range(101))

    replies = [Client().post(PAGE, {"text": text}) for text in ("", "sk-123", many)]

    assert [it.status_code for it in replies] == [422, 422, 422]
    assert "begins with “tsr_”" in replies[1].content.decode()
    assert "There are 101 keys" in replies[2].content.decode()
    assert keys.PATTERN.pattern in replies[0].content.decode()

"""A key gets another text; the one before it goes on for as long as its owner says."""

import threading
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from common.database import service
from tenants.errors import KeyClosed, KeyRotatedAlready, KeyRotating
from tenants.models import AbuseSignal, ApiKey, AuditEntry, Membership
from tenants.scope import scope
from tenants.services import api_keys, leaks

DAY = timedelta(days=1)
KEYS = "/api/v1/organizations/acme/keys"
JSON = {"content_type": "application/json"}


@pytest.fixture
def old(acme, alice):
    """A key of Acme's that may manage keys, with its text."""
    with scope(acme):
        return api_keys.create(acme, name="ci", by=alice, scopes=["management"], rpm_limit=5)


def rotate(old, overlap=DAY):
    with service():
        present = ApiKey.objects.get(pk=old.api_key.pk)
        by = present.created_by
        return api_keys.rotate(present, replacing=present.last_four, overlap=overlap, by=by)


def status(text):
    """Return what the management API answers to whoever calls with the text."""
    return Client(headers={"authorization": f"Bearer {text}"}).get(KEYS).status_code


def row(old):
    with service():
        return ApiKey.objects.get(pk=old.api_key.pk)


def test_both_texts_open_the_door_until_the_old_one_ends(old):
    new = rotate(old)

    assert new.text != old.text
    assert (status(old.text), status(new.text)) == (200, 200)
    assert (row(old).rpm_limit, row(old).name) == (5, "ci")
    with service():
        ApiKey.objects.update(former_until=timezone.now())
    assert (status(old.text), status(new.text)) == (401, 200)


def test_without_an_overlap_the_old_text_stops_at_once(old):
    new = rotate(old, timedelta(0))

    assert (status(old.text), status(new.text)) == (401, 200)
    assert row(old).former_until is None


def test_the_old_text_does_not_outlive_the_key(old):
    ends = timezone.now() + timedelta(hours=1)
    with service():
        ApiKey.objects.update(expires_at=ends)

    rotate(old)

    assert row(old).former_until == ends


def test_a_second_click_leaves_both_texts_as_they_are(old, alice):
    new = rotate(old)

    with pytest.raises(KeyRotatedAlready), service():
        api_keys.rotate(row(old), replacing=old.text[-4:], overlap=DAY, by=alice)
    with pytest.raises(KeyRotating), service():
        api_keys.rotate(row(old), replacing=new.text[-4:], overlap=DAY, by=alice)

    assert (status(old.text), status(new.text)) == (200, 200)


def test_two_who_rotate_beside_each_other_leave_one_new_text(old, alice):
    made, refused, start = [], [], threading.Barrier(2)

    def click():
        start.wait()
        try:
            with service():
                made.append(
                    api_keys.rotate(
                        ApiKey.objects.get(pk=old.api_key.pk),
                        replacing=old.text[-4:],
                        overlap=DAY,
                        by=alice,
                    )
                )
        except KeyRotatedAlready as refusal:
            refused.append(refusal)

    clicks = [threading.Thread(target=click) for _ in range(2)]
    for it in clicks:
        it.start()
    for it in clicks:
        it.join()

    assert (len(made), len(refused)) == (1, 1)
    assert (status(old.text), status(made[0].text)) == (200, 200)


@pytest.mark.parametrize("facts", [{"revoked_at": timezone.now()}, {"is_pass": True}])
def test_what_is_closed_or_a_pass_is_not_rotated(old, facts):
    with service():
        ApiKey.objects.update(**facts)

    with pytest.raises(KeyClosed):
        rotate(old)


def test_revoking_closes_both_texts(old, alice):
    new = rotate(old)
    with service():
        api_keys.revoke(row(old), by=alice)

    assert (status(old.text), status(new.text)) == (401, 401)


def test_the_use_of_the_old_text_is_told(old):
    new = rotate(old)
    status(new.text)
    assert row(old).former_used_at is None

    status(old.text)
    assert row(old).former_used_at is not None


def test_over_the_api_it_is_rotated_and_the_old_text_ended(old):
    client = Client(headers={"authorization": f"Bearer {old.text}"})
    address = f"{KEYS}/{old.api_key.pk}/rotation"
    wanted = {"last_four": old.text[-4:], "overlap_seconds": 3600}

    reply = client.post(address, wanted, **JSON)
    again = client.post(address, wanted, **JSON)

    body = reply.json()
    assert (reply.status_code, reply["Cache-Control"]) == (201, "no-store")
    assert body["api_key"]["former_last_four"] == old.text[-4:]
    assert (again.status_code, again.json()["code"]) == (409, "key_rotated_already")
    assert status(body["key"]) == 200
    ended = Client(headers={"authorization": f"Bearer {body['key']}"}).delete(address).json()
    assert (ended["former_last_four"], ended["former_until"]) == ("", None)
    assert status(old.text) == 401


@pytest.mark.parametrize(
    ("field", "value"),
    [("overlap_seconds", -1), ("overlap_seconds", 2_592_001), ("last_four", "abc")],
)
def test_the_api_names_what_is_wrong(old, field, value):
    client = Client(headers={"authorization": f"Bearer {old.text}"})
    wanted = {"last_four": old.text[-4:], "overlap_seconds": 0, field: value}

    reply = client.post(f"{KEYS}/{old.api_key.pk}/rotation", wanted, **JSON)

    assert reply.status_code == 400
    assert field in reply.json()["field_errors"]
    assert status(old.text) == 200


def test_on_pages_it_is_rotated_shown_once_and_the_old_one_ended(old, alice_client):
    page = f"/o/acme/keys/{old.api_key.pk}/"
    assert "The old key works for" in alice_client.get(page).content.decode()

    shown = alice_client.post(f"{page}rotate/", {"overlap": "24", "last_four": old.text[-4:]})
    text = row(old)

    assert shown.status_code == 201
    assert f"…{text.last_four}" not in shown.content.decode()
    assert f"ends in {old.text[-4:]}" in shown.content.decode()
    rotating = alice_client.get(page).content.decode()
    assert "The old key still works" in rotating
    assert "not since the rotation" in rotating
    assert "The old key works for" not in rotating
    again = alice_client.post(f"{page}rotate/", {"overlap": "24", "last_four": old.text[-4:]})
    assert again["Location"] == page
    alice_client.post(f"{page}end/")
    assert status(old.text) == 401
    with service():
        acts = AuditEntry.objects.filter(target_id=str(old.api_key.pk)).order_by("pk")
        told = [it.action for it in acts]
    assert told == ["api_key.created", "api_key.rotated", "api_key.former_ended"]


def test_who_may_not_manage_keys_rotates_none(old, bob, bob_client):
    with service():
        Membership.objects.filter(user=bob).update(role="auditor")
    page = f"/o/acme/keys/{old.api_key.pk}/"

    assert "Rotate the key" not in bob_client.get(page).content.decode()
    for act in ("rotate/", "end/"):
        reply = bob_client.post(f"{page}{act}", {"overlap": "0", "last_four": old.text[-4:]})
        assert reply.status_code == 403
    assert status(old.text) == 200


def test_an_old_text_that_leaks_is_closed_alone(old, mailoutbox):
    new = rotate(old)

    leaks.report([old.text])
    leaks.report([old.text])

    assert (status(old.text), status(new.text)) == (401, 200)
    with service():
        assert AbuseSignal.objects.count() == 1
    (mail,) = mailoutbox
    assert f"…{old.text[-4:]}" in mail.body
    assert f"…{new.text[-4:]}" not in mail.body


def test_a_present_text_that_leaks_closes_the_key(old):
    new = rotate(old)

    leaks.report([new.text])

    assert (status(old.text), status(new.text)) == (401, 401)

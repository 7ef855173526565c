"""Keys and offers in use are read again before they are forgotten: no request waits for that."""

import asyncio
from datetime import timedelta

import pytest
from django.utils import timezone

from common.database import service
from gateway import keys, offers
from gateway.errors import BooksAway, InvalidKey
from gateway.keys import KeyDirectory
from gateway.offers import OfferDirectory
from marketplace.models import Offer, Status
from tenants.models import ApiKey
from tenants.services import api_keys


@pytest.fixture(autouse=True)
def _rows_are_changed_beside_the_loop(monkeypatch):
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


async def until(condition):
    """Wait until it holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is read tells nobody
            await asyncio.sleep(0.01)


async def test_a_key_in_use_is_looked_up_again_before_it_is_forgotten(pool, key, monkeypatch):
    directory = KeyDirectory(pool)
    await directory.find(key)
    monkeypatch.setattr(keys, "AHEAD", keys.LIFETIME)
    with service():
        ApiKey.objects.update(revoked_at=timezone.now())

    assert directory.remembered(key).revoked_at is None

    await until(lambda: directory.remembered(key).revoked_at)


async def test_a_rotated_key_is_known_by_both_texts_until_the_old_one_ends(pool, key, alice):
    with service():
        row = ApiKey.objects.get()
        overlap = timedelta(days=1)
        minted = api_keys.rotate(row, replacing=row.last_four, overlap=overlap, by=alice)

    old, new = await KeyDirectory(pool).find(key), await KeyDirectory(pool).find(minted.text)

    with service():
        row = ApiKey.objects.get()
    assert (old.id, new.id) == (row.pk, row.pk)
    assert (old.expires_at, new.expires_at) == (row.former_until, None)
    assert row.former_used_at is not None
    with service():
        ApiKey.objects.update(former_until=timezone.now(), former_used_at=None)
    with pytest.raises(InvalidKey, match="expired"):
        keys.check(await KeyDirectory(pool).find(key), "127.0.0.1")
    with service():
        assert ApiKey.objects.get().former_used_at is None


async def test_whoever_holds_the_key_s_row_does_not_stop_its_old_text(
    pool, key, alice, owner_connection
):
    with service():
        row = ApiKey.objects.get()
        overlap = timedelta(days=1)
        api_keys.rotate(row, replacing=row.last_four, overlap=overlap, by=alice)
    with owner_connection.transaction():
        owner_connection.execute("SELECT 1 FROM tenants_apikey FOR UPDATE")

        assert await asyncio.wait_for(KeyDirectory(pool).find(key), 5) is not None


async def test_offers_in_use_are_read_again_before_they_are_forgotten(
    pool, key, model, monkeypatch
):
    caller = await KeyDirectory(pool).find(key)
    directory = OfferDirectory()
    await directory.of(caller)
    monkeypatch.setattr(offers, "AHEAD", offers.LIFETIME)
    with service():
        Offer.objects.update(status=Status.RETIRED)

    assert directory.at_once(caller, model, caller.level).name == model

    await until(lambda: directory.at_once(caller, model, caller.level) is None)


async def test_what_may_not_be_called_is_left_to_whoever_tells_why(pool, make_key, model):
    caller = await KeyDirectory(pool).find(make_key())
    directory = OfferDirectory()
    unread = directory.at_once(caller, model, caller.level)
    await directory.of(caller)

    assert unread is None
    assert directory.at_once(caller, model, "restricted") is None
    assert directory.at_once(caller, "another", caller.level) is None


async def test_while_postgresql_does_not_answer_nobody_hears_that_a_model_does_not_exist(
    pool, key, model, owner_connection, monkeypatch
):
    caller = await KeyDirectory(pool).find(key)
    directory = OfferDirectory()
    await directory.of(caller)
    monkeypatch.setattr(offers, "SOON", 0.2)
    monkeypatch.setattr(offers, "REST", 60)

    with owner_connection.transaction():
        owner_connection.execute("LOCK TABLE marketplace_offer IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(TimeoutError):
            await directory.named(caller, "published-a-moment-ago")
        # Nor does whoever asks next wait for that.
        monkeypatch.setattr(offers, "SOON", 60)
        with pytest.raises(BooksAway):
            await directory.named(caller, "published-a-moment-ago")

"""The form of keys, and their life."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from common.database import service
from tenants import keys
from tenants.models import ApiKey, AuditEntry
from tenants.scope import scope
from tenants.services import api_keys


def test_a_minted_key_has_the_published_form():
    key = keys.mint("live")

    assert keys.PATTERN.fullmatch(key)
    assert len(key) == len("tsr_live_") + 43 + 6
    assert keys.is_well_formed(key)


@given(st.integers(min_value=0, max_value=57), st.sampled_from("0aZ"))
def test_a_typo_is_refused_offline(place, letter):
    key = keys.mint("live")
    typo = key[:place] + letter + key[place + 1 :]

    assert keys.is_well_formed(typo) is (typo == key)


def test_the_text_of_a_key_is_not_stored(db, acme, alice):
    with scope(acme):
        minted = api_keys.create(acme, name="ci", by=alice)

    with service():
        row = ApiKey.objects.values().get()
        entry = AuditEntry.objects.values().get(action="api_key.created")
    assert bytes(row["digest"]) == hashlib.sha256(minted.text.encode()).digest()
    assert minted.text not in str(row)
    assert minted.text not in str(entry)


def test_revoking_twice_is_revoking_once(db, acme, alice):
    with scope(acme):
        minted = api_keys.create(acme, name="ci", by=alice)
        first = api_keys.revoke(minted.api_key, by=alice)
        second = api_keys.revoke(minted.api_key, by=alice)
        entries = AuditEntry.objects.filter(action="api_key.revoked").count()

    assert first.revoked_at == second.revoked_at
    assert entries == 1

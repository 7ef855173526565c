"""Whether a batch's key may still call: its lines act with the rights that the key has now."""

import json
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import TupleRow, dict_row
from psycopg.types.json import set_json_loads

from common.database import current_connection, service
from gateway import keys
from gateway.errors import InvalidKey
from gateway.keys import Caller

INFERENCE = "inference"
CALLER = keys.LOOK_UP.replace(
    "k.digest = %(digest)s OR k.former_digest = %(digest)s", "k.id = %(id)s"
)
#: A key is worth what the person who made it is: whoever has left opens nothing with it.
MAKER = """
SELECT 1 FROM tenants_apikey k
JOIN tenants_membership m ON m.organization_id = k.organization_id AND m.user_id = k.created_by_id
JOIN tenants_user u ON u.id = m.user_id AND u.is_active
WHERE k.id = %s
"""


def caller_of(api_key_id: UUID) -> Caller:
    """Return who the key calls as; refuse when it may not."""
    with service():
        django = current_connection()
        django.ensure_connection()
        with django.connection.cursor(row_factory=dict_row) as cursor:
            # On Django's connections JSON stays text.
            set_json_loads(json.loads, cursor)
            row = cursor.execute(CALLER, {"id": api_key_id}).fetchone()
            maker = cursor.execute(MAKER, [api_key_id]).fetchone()
    return _checked(row, is_member=maker is not None)


async def still(connection: AsyncConnection[TupleRow], api_key_id: UUID) -> Caller:
    """Return the same while lines run."""
    cursor = connection.cursor(row_factory=dict_row)
    row = await (await cursor.execute(CALLER, {"id": api_key_id})).fetchone()
    maker = await (await connection.execute(MAKER, [api_key_id])).fetchone()
    return _checked(row or {}, is_member=maker is not None)


def _checked(row: dict[str, Any], *, is_member: bool) -> Caller:
    # From where it was called was looked at when the batch was asked for.
    caller = keys.check(msgspec.convert(row | {"ip_ranges": []}, Caller), "")
    keys.need(caller, INFERENCE)
    if not is_member:
        raise InvalidKey("The person who made this API key does not belong to you any more.")
    return caller

"""The texts that are signed, and the proof that a receipt stands behind one of them."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from billing.models import Seal, SealingKey
from billing.receipts import canonical, moment
from common import merkle
from common.merkle import Step

VERSION = 1
#: Of what is sealed of one organization: the second names its hour before, and its prices.
ORGANIZATION_VERSION = 2
HOUR = timedelta(hours=1)
HASH_BYTES = 32
#: A power of two, so that pieces of so many leaves make one tree.
PIECE = 1024
#: What the first seal of all names as the one before it.
NOTHING = bytes(HASH_BYTES)
# The organization's own rows alone lead to the hour's root.
PROOF = """
SELECT s.number, s.starts_at, s.document, s.hash, s.signature, k.key_id,
    o.document AS organization, o.path::text AS path, piece.number AS piece, piece.hashes,
    (SELECT array_agg(root ORDER BY number) FROM billing_sealedleaves
        WHERE organization_seal_id = o.id AND organization_id = o.organization_id) AS roots
FROM billing_seal s
JOIN billing_sealingkey k ON k.id = s.key_id
JOIN billing_organizationseal o ON o.seal_id = s.id
JOIN LATERAL (
    SELECT number, hashes FROM billing_sealedleaves
    WHERE organization_seal_id = o.id AND organization_id = o.organization_id
        AND (first_recorded_at, first_id) <= (%(recorded_at)s, %(id)s)
    ORDER BY number DESC LIMIT 1
) piece ON true
WHERE o.organization_id = %(organization_id)s
    AND s.starts_at = date_trunc('hour', %(recorded_at)s::timestamptz, 'UTC')
"""


@dataclass(frozen=True, slots=True)
class Linked:
    """What else is sealed of an organization's hour since the second version."""

    #: Which of the organization's hours with usage it is, from 1.
    number: int
    #: The hash of its text of the hour before this number.
    previous: bytes
    #: By the ids of the prices that its receipts name: the hashes of their texts, in hexadecimal.
    prices: Mapping[str, str] = field(default_factory=dict)


def organization_document(
    organization_id: UUID, hour: datetime, receipts: int, root: bytes, linked: Linked | None
) -> str:
    """Return what is sealed of one organization: how many receipts, and the root over them.

    Without ``linked`` it is the text of the first version.
    """
    facts: dict[str, Any] = {
        "version": ORGANIZATION_VERSION if linked else VERSION,
        "organization_id": str(organization_id),
        "hour": moment(hour),
        "receipts": receipts,
        "root": root.hex(),
    }
    if linked:
        facts["number"] = linked.number
        facts["previous"] = linked.previous.hex()
        facts["prices"] = dict(linked.prices)
    return canonical(facts)


def hour_document(*, number: int, hour: datetime, previous: bytes, root: bytes, key_id: str) -> str:
    """Return what is signed: the root over all organizations, and the seal before."""
    return canonical(
        {
            "version": VERSION,
            "number": number,
            "hour": moment(hour),
            "previous": previous.hex(),
            "root": root.hex(),
            "key_id": key_id,
        }
    )


def digest(document: str) -> bytes:
    """Return the hash by which the next seal names this one."""
    return hashlib.sha256(document.encode()).digest()


def split(hashes: bytes) -> list[bytes]:
    """Return the hashes that stand one behind the other."""
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]


def plain_path(steps: Sequence[Step]) -> list[dict[str, str]]:
    """Return a path as JSON has it."""
    return [{"side": step.side, "hash": step.hash.hex()} for step in steps]


def proof(found: Mapping[str, Any], document: str) -> dict[str, Any] | None:
    """Return what proves that this text was sealed, from a row of ``PROOF``.

    None where it was not: then the receipt is no longer what it was.
    """
    leaves, leaf = split(bytes(found["hashes"])), merkle.leaf(document.encode())
    if leaf not in leaves:
        return None
    steps = merkle.path(leaves, leaves.index(leaf))
    steps += merkle.path([bytes(root) for root in found["roots"]], found["piece"])
    return {
        "hour": moment(found["starts_at"]),
        "document": document,
        "path": plain_path(steps),
        "organization": found["organization"],
        "organization_path": json.loads(found["path"]),
        "seal": signed(found),
    }


def signed(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a seal as it is published."""
    return {
        "number": found["number"],
        "document": found["document"],
        "hash": bytes(found["hash"]).hex(),
        "key_id": found["key_id"],
        "signature": base64.b64encode(bytes(found["signature"])).decode(),
    }


def facts(seal: Seal) -> dict[str, Any]:
    """Return a seal as a row of ``PROOF`` has it."""
    names = ("number", "document", "hash", "signature")
    return {name: getattr(seal, name) for name in names} | {"key_id": seal.key.key_id}


def key_set(keys: Iterable[SealingKey]) -> dict[str, Any]:
    """Return public keys as a JSON Web Key Set (RFC 8037)."""
    return {"keys": [_public_key(key.key_id, bytes(key.public_key)) for key in keys]}


def _public_key(key_id: str, public: bytes) -> dict[str, str]:
    text = base64.urlsafe_b64encode(public).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "kid": key_id, "use": "sig", "alg": "EdDSA", "x": text}

"""Closes each hour that is over, and seals its receipts into the signed chain."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import OperationalError
from django.utils import timezone

from billing import receipts, seals, signing
from billing.models import ClosedHour, OrganizationSeal, Seal, SealedLeaves, SealingKey
from billing.sealed_prices import Prices
from billing.seals import HOUR, PIECE, Linked
from common import merkle
from common.database import rows, service
from common.ids import uuid7

#: So long after its end an hour is closed: who writes into it until then is not held up.
PATIENCE = timedelta(minutes=1)

log = structlog.get_logger(__name__)

# Both beside the numbers of other advisory locks; the first stands in the migration, too.
CLOSE = "SELECT pg_advisory_xact_lock(8202, 0)"
ALONE = "SELECT pg_try_advisory_xact_lock(8203, 0) AS alone"
FIRST = """
SELECT min(first) AS first FROM tenants_organization o CROSS JOIN LATERAL (
    SELECT min(recorded_at) AS first FROM billing_ratedusage WHERE organization_id = o.id) used
"""
ACTIVE = """
SELECT o.id FROM tenants_organization o CROSS JOIN LATERAL (
    SELECT FROM billing_ratedusage WHERE organization_id = o.id
        AND recorded_at >= %(start)s AND recorded_at < %(end)s LIMIT 1) used
ORDER BY o.id
"""
RECEIPTS = f"""
SELECT {receipts.COLUMNS}
FROM metering_usageevent e JOIN billing_ratedusage r
    ON r.organization_id = e.organization_id AND r.recorded_at = e.recorded_at AND r.id = e.id
WHERE e.organization_id = %(organization)s AND r.organization_id = %(organization)s
    AND e.recorded_at >= %(start)s AND e.recorded_at < %(end)s
    AND r.recorded_at >= %(start)s AND r.recorded_at < %(end)s
    AND (e.recorded_at, e.id) > (%(after)s, %(last)s)
ORDER BY e.recorded_at, e.id LIMIT {PIECE}
"""  # noqa: S608 - the names are this module's own


def seal_due(now: datetime | None = None) -> int:
    """Seal every hour that is over, one after the other; answers how many were sealed."""
    sealed = 0
    while (hour := _due(now or timezone.now())) is not None:
        made = seal(hour) if close(hour) else None
        if made is None:
            break
        # The log leaves the database: whoever keeps it can tell later whether the chain is this one.
        log.info("hour_sealed", number=made.number, hash=bytes(made.hash).hex())
        sealed += 1
    return sealed


def next_hour() -> datetime | None:
    """Return the hour that is sealed next: the first with any usage, then each one. As the service."""
    if last := Seal.objects.order_by("-number").first():
        return last.starts_at + HOUR
    first: datetime | None = rows(FIRST)[0]["first"]
    return first.replace(minute=0, second=0, microsecond=0) if first else None


def _due(now: datetime) -> datetime | None:
    with service():
        hour = next_hour()
    return hour if hour and hour + HOUR + PATIENCE <= now else None


def close(hour: datetime) -> bool:
    """Let nothing more be recorded in the hour, once all who are at it have ended.

    Whoever records holds the same lock, shared (a trigger takes it). They wait behind us, so we do
    not wait long: False when somebody is still at work, to be tried again.
    """
    try:
        with service():
            rows("SELECT set_config('lock_timeout', '1s', true)")
            rows(CLOSE)
            ClosedHour.objects.get_or_create(starts_at=hour)
    except OperationalError as error:
        log.warning("hour_not_closed_yet", hour=hour.isoformat(), reason=str(error))
        return False
    return True


def seal(hour: datetime) -> Seal | None:
    """Seal a closed hour, once; None when somebody else does or did."""
    with service():
        if not rows(ALONE)[0]["alone"] or next_hour() != hour:
            return None
        last = Seal.objects.order_by("-number").first()
        prices = Prices()
        sealed = [_sealed(organization, hour, prices) for organization in active(hour)]
        tree = [merkle.leaf(each.document.encode()) for each in sealed]
        made = _chained(last, hour, merkle.root(tree))
        for place, each in enumerate(sealed):
            each.seal, each.path = made, seals.plain_path(merkle.path(tree, place))
        OrganizationSeal.objects.bulk_create(sealed)
        return made


def _chained(last: Seal | None, hour: datetime, root: bytes) -> Seal:
    signer = signing.current()
    key, _made = SealingKey.objects.get_or_create(
        key_id=signer.key_id, defaults={"public_key": signer.public}
    )
    number, previous = (last.number + 1, bytes(last.hash)) if last else (1, seals.NOTHING)
    document = seals.hour_document(
        number=number, hour=hour, previous=previous, root=root, key_id=signer.key_id
    )
    return Seal.objects.create(
        number=number,
        starts_at=hour,
        document=document,
        hash=seals.digest(document),
        previous=previous,
        key=key,
        signature=signer.sign(document),
    )


def active(hour: datetime) -> list[UUID]:
    """Return who recorded anything in the hour, in the order of ids."""
    return [row["id"] for row in rows(ACTIVE, {"start": hour, "end": hour + HOUR})]


def _sealed(organization: UUID, hour: datetime, prices: Prices) -> OrganizationSeal:
    """Write the hashes of an organization's receipts and return the root over them."""
    key, roots, count = uuid7(), [], 0
    named: set[str] = set()
    for number, piece in enumerate(pieces(organization, hour)):
        hashes = [merkle.leaf(receipts.document(row).encode()) for row in piece]
        roots.append(merkle.root(hashes))
        count += len(hashes)
        named.update(row["price_ids"] for row in piece)
        SealedLeaves.objects.create(
            organization_id=organization,
            organization_seal_id=key,
            number=number,
            first_recorded_at=piece[0]["recorded_at"],
            first_id=piece[0]["id"],
            root=roots[-1],
            hashes=b"".join(hashes),
        )
    root = merkle.root(roots)
    ids = {price_id for text in named for price_id in json.loads(text).values()}
    linked = _linked(organization, prices.hashes(ids))
    return OrganizationSeal(
        id=key,
        organization_id=organization,
        number=linked.number,
        document=seals.organization_document(organization, hour, count, root, linked),
        receipts=count,
        root=root,
    )


def _linked(organization: UUID, prices: dict[str, str]) -> Linked:
    """Return what names the organization's hour before, so that none of them can be left out."""
    numbered = OrganizationSeal.objects.filter(organization_id=organization, number__isnull=False)
    last = numbered.order_by("-number").first()
    if last is None or last.number is None:
        return Linked(1, seals.NOTHING, prices)
    return Linked(last.number + 1, seals.digest(last.document), prices)


def pieces(organization: UUID, hour: datetime) -> Iterator[list[dict[str, Any]]]:
    """Yield the hour's receipts in the order they were recorded in, so many at a time."""
    asked = {"organization": organization, "start": hour, "end": hour + HOUR}
    after, last = hour - HOUR, UUID(int=0)
    while found := rows(RECEIPTS, {**asked, "after": after, "last": last}):
        yield found
        after, last = found[-1]["recorded_at"], found[-1]["id"]
        if len(found) < PIECE:
            return

"""All that proves an invoice of usage, in one file, for ``python -m verify`` on a machine without us.

The receipts as they stand now, what was sealed of them, the chain, the prices and the invoice: whoever
checks the file compares the first with the rest. ``docs/evidence.md`` describes each part.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from billing import evidence, evidence_months, receipts, sealed_prices, seals
from billing.evidence_months import Elsewhere, Told
from billing.models import Invoice, OrganizationSeal, Seal, SealedLeaves, SealingKey
from billing.receipts import canonical, moment
from billing.seals import HOUR
from billing.services import sealing
from common import archives
from common.database import service
from common.errors import Conflict
from metering.queries import dropped_until
from tenants.models import Organization
from tenants.scope import scope

#: So many seals of the chain are read at once.
BATCH = 1000
README = """\
What an invoice was made of, and what proves it. On a machine with Python 3.11, the package cryptography,
where the system has no time zones the package tzdata,
and the folder "verify" of Tessera's sources, and without a network:

    python -m verify THIS-FILE.zip [receipt-keys.json]

Name the keys that you kept (/.well-known/receipt-keys.json): those in here are the operator's word.
docs/evidence.md describes each file.
"""


class NotProvenYet(Conflict):
    """Receipts of the invoice wait for their seal."""

    code = "not_sealed"
    detail = _(
        "Not sealed yet: receipts are sealed a few minutes after the end of the hour they were "
        "recorded in."
    )


class ReceiptsGone(Conflict):
    """Receipts of the invoice are older than what is kept."""

    code = "receipts_gone"
    detail = _("The requests of this invoice are too old: they are not kept any more.")


@dataclass(frozen=True, slots=True)
class Hours:
    """An organization's sealed hours that an invoice was made of."""

    organization_id: UUID
    told: Sequence[Told]
    sealed: Sequence[OrganizationSeal]
    #: The numbered hour before them: it shows that none in between was left out.
    before: OrganizationSeal | None
    #: The first one after the invoice, once there is one: it shows that none was left out before it.
    after: OrganizationSeal | None
    #: Whether it is the invoice's own; of others, what belongs to other months is nobody's here.
    is_own: bool


def zipped(invoice: Invoice, texts: Mapping[str, str]) -> Iterator[bytes]:
    """Yield the file piece by piece, with these texts beside what is made here.

    Raises :class:`NotProvenYet` and :class:`ReceiptsGone` before the first piece.
    """
    months = evidence_months.months(invoice)
    first = min(told.month.start for told in months)
    before = evidence_months.told_before(invoice)
    told = {_name(it) for it in evidence_months.told_of(invoice)}
    with service():
        if not Seal.objects.filter(starts_at__gt=invoice.issued_at - HOUR).exists():
            raise NotProvenYet
        gone = dropped_until()
    if gone and gone > first:
        raise ReceiptsGone
    found = _hours(invoice, months, gone)
    listed = [_month(it, is_told=_name(it) in told, before=before) for it in months]
    return archives.zipped(
        [
            ("README.txt", [README]),
            *((name, [text]) for name, text in texts.items()),
            ("commitments.csv", [evidence.commitments(invoice)]),
            ("months.json", [canonical({"months": listed})]),
            ("prices.jsonl", _prices(invoice, found)),
            ("keys.json", [canonical(seals.key_set(_keys()))]),
            ("seals.jsonl", _chain(invoice, first, found)),
            ("hours.jsonl", (_line(it) for hours in found for it in _sealed(hours))),
            ("receipts.jsonl", (piece for hours in found for piece in _receipts(hours))),
        ]
    )


def _hours(invoice: Invoice, months: Sequence[Told], gone: datetime | None) -> list[Hours]:
    found = []
    for organization in sorted({told.organization_id for told in months}):
        told = [it for it in months if it.organization_id == organization]
        # A meter's clock may be fast: what it said of the month may have been recorded before it.
        first = min(it.month.start for it in told) - HOUR
        # Receipts of the month before may be gone: then their last hour is there as the one before.
        first = max(first, gone) if gone else first
        with scope(organization):
            own = OrganizationSeal.objects.select_related("seal").defer("path")
            mine = own.filter(organization_id=organization)
            within = mine.filter(seal__starts_at__gt=first - HOUR)
            sealed = within.filter(seal__starts_at__lte=invoice.issued_at)
            numbered = mine.filter(number__isnull=False)
            earlier = numbered.filter(seal__starts_at__lte=first - HOUR)
            later = numbered.filter(seal__starts_at__gt=invoice.issued_at)
            found.append(
                Hours(
                    organization_id=organization,
                    told=told,
                    sealed=list(sealed.order_by("seal__number")),
                    before=earlier.order_by("-number").first(),
                    after=later.order_by("number").first(),
                    is_own=organization == invoice.organization_id,
                )
            )
    return found


def _month(told: Told, *, is_told: bool, before: set[tuple[str, str]]) -> dict[str, Any]:
    with scope(told.organization_id):
        zone = Organization.objects.get(pk=told.organization_id).time_zone
    return {
        "label": told.month.label,
        "organization_id": str(told.organization_id),
        "used_by": told.used_by,
        "time_zone": zone,
        "is_told": is_told,
        "is_told_before": bool(told.elsewhere) or _name(told) in before,
        "told_elsewhere": [_told_elsewhere(it) for it in told.elsewhere],
        "start": moment(told.month.start),
        "end": moment(told.month.end),
    }


def _name(told: Told) -> tuple[str, str]:
    return told.used_by, told.month.label


def _told_elsewhere(it: Elsewhere) -> dict[str, Any]:
    return {
        "number": it.number,
        "since": moment(it.since) if it.since else None,
        "issued_at": moment(it.issued_at),
        "seal_number": it.seal_number,
        "seal_hash": it.seal_digits,
    }


def _prices(invoice: Invoice, found: Iterable[Hours]) -> Iterator[str]:
    """Yield the texts of the prices that the receipts name, as they stand now."""
    named: set[str] = set()
    for hours in found:
        each = (evidence.price_ids(invoice, month) for month in hours.told)
        named |= {str(it) for its in each for it in its}
        if hours.is_own:
            # At which prices a member used anything in its other months is not the payer's to read.
            said = [json.loads(it.document) for it in hours.sealed]
            named |= {price_id for it in said for price_id in it.get("prices", ())}
    # Whoever left a group no longer reads its prices, but used at them all the same.
    with service():
        texts = [sealed_prices.document(price) for price in sealed_prices.read(named)]
    yield from (f"{text}\n" for text in texts)


def _keys() -> list[SealingKey]:
    with service():
        return list(SealingKey.objects.order_by("created_at"))


def _chain(invoice: Invoice, first: datetime, found: Iterable[Hours]) -> Iterator[str]:
    """Yield the chain, without a gap, from the first seal that is needed to the last.

    That is the invoice's hour, or the first one later in which somebody used something again.
    """
    starts = [hours.before.seal.starts_at for hours in found if hours.before]
    ends = [hours.after.seal.starts_at for hours in found if hours.after]
    with service():
        named = Seal.objects.filter(number=invoice.seal_number or 0).first()
    number, start = 0, min([first - HOUR, *starts, *([named.starts_at] if named else [])])
    end = max([invoice.issued_at, *ends])
    while True:
        with service():
            chain = Seal.objects.select_related("key").filter(
                starts_at__gt=start - HOUR, starts_at__lte=end, number__gt=number
            )
            batch = list(chain.order_by("number")[:BATCH])
        yield "".join(_line(seals.signed(seals.facts(seal))) for seal in batch)
        if len(batch) < BATCH:
            return
        number = batch[-1].number


def _sealed(hours: Hours) -> Iterator[dict[str, Any]]:
    """Yield what was sealed of each hour: its text, its way to the seal, the hashes of its receipts."""
    for sealed in filter(None, [hours.before, *hours.sealed, hours.after]):
        with scope(hours.organization_id):
            leaves = SealedLeaves.objects.filter(organization_seal=sealed).order_by("number")
            # What was used after the invoice is no part of it, nor are its hashes.
            leaves = leaves.none() if sealed is hours.after else leaves
            hashes = b"".join(bytes(it) for it in leaves.values_list("hashes", flat=True))
            path = sealed.path
        yield {
            "seal": sealed.seal.number,
            "document": sealed.document,
            "path": path,
            "leaves": base64.b64encode(hashes).decode(),
            "is_before": sealed is hours.before,
            "is_after": sealed is hours.after,
        }


def _receipts(hours: Hours) -> Iterator[str]:
    for sealed in hours.sealed:
        found = sealing.pieces(hours.organization_id, sealed.seal.starts_at)
        while True:
            with scope(hours.organization_id):
                piece = next(found, None)
            if piece is None:
                break
            yield "".join(_receipt(hours, row) for row in piece)


def _receipt(hours: Hours, row: Mapping[str, Any]) -> str:
    if hours.is_own or any(_is_shown(it, row) for it in hours.told):
        return f"{receipts.document(row)}\n"
    # What a member used in other months, or was invoiced for itself, is not the payer's to read:
    # its place is told, and its hash sealed.
    hour = row["recorded_at"].astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return _line({"organization_id": str(hours.organization_id), "hour": moment(hour)})


def _is_shown(told: Told, row: Mapping[str, Any]) -> bool:
    is_within = told.month.start <= row["occurred_at"] < told.month.end
    return is_within and told.is_shown(row["recorded_at"])


def _line(facts: Mapping[str, Any]) -> str:
    return f"{canonical(facts)}\n"

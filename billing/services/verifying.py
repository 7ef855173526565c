"""Compares seals with each other, with their signatures, and with the receipts they seal."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.utils import timezone

from billing import receipts, seals, signing
from billing.models import Invoice, OrganizationSeal, Seal, SealCheck
from billing.sealed_prices import Prices
from billing.seals import HOUR, Linked
from billing.services import sealing
from common import merkle
from common.database import service
from metering.queries import dropped_until

#: How far back receipts are compared every day; the chain always is, from its first hour.
LATELY = timedelta(days=8)
#: So many problems are told; where there are more, one would not read on.
MOST_TOLD = 100

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Findings:
    """How much was compared, and what is not as it was sealed."""

    through: int = 0
    receipts: int = 0
    problems: list[str] = field(default_factory=list)
    #: The last numbered hour of each organization: its number, and the hash of its text.
    links: dict[UUID, tuple[int, bytes]] = field(default_factory=dict)
    #: What was first sealed of each price.
    prices: dict[str, str] = field(default_factory=dict)

    def check(self, holds: bool, problem: str) -> None:
        """Note the problem unless what it denies holds."""
        if not holds:
            self.note(problem)

    def note(self, problem: str) -> None:
        """Keep the problem for people."""
        if len(self.problems) < MOST_TOLD:
            self.problems.append(problem)


def verify_lately() -> SealCheck:
    """Compare the chain, and the receipts of the last days; what is wrong is logged for people."""
    return verify(since=timezone.now() - LATELY)


def verify(since: datetime | None = None) -> SealCheck:
    """Compare the whole chain, and the receipts recorded since (all that are still there)."""
    findings, last = Findings(), None
    with service():
        first = max((at for at in (since, dropped_until()) if at), default=None)
    for seal in _seals():
        with service():
            _compare_link(findings, seal, last)
            _compare_hour(findings, seal, is_told=first is None or seal.starts_at >= first)
        findings.through, last = seal.number, seal
    with service():
        _compare_prices(findings)
        _compare_invoices(findings)
    for problem in findings.problems:
        log.error("seal_broken", problem=problem)
    with service():
        return SealCheck.objects.create(
            through=findings.through, receipts=findings.receipts, problems=findings.problems
        )


def _seals() -> Iterator[Seal]:
    """Yield the chain, one seal after the other; each is read when its turn comes."""
    number = 0
    while True:
        with service():
            following = Seal.objects.filter(number__gt=number).select_related("key")
            seal = following.order_by("number").first()
        if seal is None:
            return
        yield seal
        number = seal.number


def _compare_link(findings: Findings, seal: Seal, last: Seal | None) -> None:
    name = f"seal {seal.number}"
    number, previous = (last.number + 1, bytes(last.hash)) if last else (1, seals.NOTHING)
    findings.check(seal.number == number, f"{name}: the one before is missing")
    findings.check(bytes(seal.previous) == previous, f"{name}: does not name the one before")
    if last:
        findings.check(seal.starts_at == last.starts_at + HOUR, f"{name}: an hour is missing")
    findings.check(seals.digest(seal.document) == bytes(seal.hash), f"{name}: its hash is wrong")
    public = bytes(seal.key.public_key)
    findings.check(
        signing.key_id(public) == seal.key.key_id
        and signing.is_signed(seal.document, bytes(seal.signature), public),
        f"{name}: its signature is wrong",
    )


def _compare_hour(findings: Findings, seal: Seal, *, is_told: bool) -> None:
    sealed = list(seal.organizations.order_by("organization_id"))
    root = merkle.root([merkle.leaf(each.document.encode()) for each in sealed])
    document = seals.hour_document(
        number=seal.number,
        hour=seal.starts_at,
        previous=bytes(seal.previous),
        root=root,
        key_id=seal.key.key_id,
    )
    findings.check(seal.document == document, f"seal {seal.number}: does not seal what is there")
    for each in sealed:
        _compare_organization(findings, seal, each)
        if is_told:
            _compare_receipts(findings, seal, each)
    if is_told:
        for extra in set(sealing.active(seal.starts_at)) - {it.organization_id for it in sealed}:
            findings.note(f"seal {seal.number}: knows nothing of organization {extra}")


def _compare_organization(findings: Findings, seal: Seal, sealed: OrganizationSeal) -> None:
    pieces = list(sealed.leaves.order_by("number"))
    hashes = [seals.split(bytes(piece.hashes)) for piece in pieces]
    roots = [merkle.root(each) for each in hashes]
    name = f"seal {seal.number}: the {{}} of organization {sealed.organization_id} {{}}"
    said = _said(sealed.document)
    linked = _linked(said)
    document = seals.organization_document(
        sealed.organization_id,
        seal.starts_at,
        sum(map(len, hashes)),
        merkle.root(roots),
        linked,
    )
    findings.check(sealed.document == document, name.format("hashes", "are not its own"))
    if linked:
        _compare_own_chain(findings, sealed, linked, name)


def _compare_own_chain(
    findings: Findings, sealed: OrganizationSeal, linked: Linked, name: str
) -> None:
    findings.check(sealed.number == linked.number, name.format("number", "is not as it was sealed"))
    number, previous = findings.links.get(sealed.organization_id, (0, seals.NOTHING))
    findings.check(
        (linked.number, linked.previous) == (number + 1, previous),
        name.format("hour before", "is missing"),
    )
    findings.links[sealed.organization_id] = linked.number, seals.digest(sealed.document)
    for price_id, found in linked.prices.items():
        known = findings.prices.setdefault(price_id, found)
        findings.check(known == found, name.format("prices", "are others than before"))


def _said(document: str) -> dict[str, Any]:
    """Return what a text says; nothing where it is none of ours any more."""
    try:
        said: dict[str, Any] = json.loads(document)
    except ValueError:
        return {}
    return said


def _linked(said: dict[str, Any]) -> Linked | None:
    """Return what else a text says since the second version; None where it is not of that."""
    try:
        return Linked(said["number"], bytes.fromhex(said["previous"]), said["prices"])
    except (KeyError, TypeError, ValueError):
        return None


def _compare_prices(findings: Findings) -> None:
    now = Prices().hashes(findings.prices)
    for price_id, found in sorted(findings.prices.items()):
        findings.check(now.get(price_id) == found, f"price {price_id} is not as it was sealed")


def _compare_invoices(findings: Findings) -> None:
    """Name the invoices that were written beside another chain."""
    chain = {number: bytes(digest) for number, digest in Seal.objects.values_list("number", "hash")}
    named = Invoice.objects.filter(seal_number__isnull=False).order_by("seal_number", "number")
    for invoice in named.only("number", "seal_number", "seal_hash").iterator():
        findings.check(
            chain.get(invoice.seal_number or 0) == bytes(invoice.seal_hash or b""),
            f"invoice {invoice.number} names seal {invoice.seal_number}, which is not there",
        )


def _compare_receipts(findings: Findings, seal: Seal, sealed: OrganizationSeal) -> None:
    """Name the receipts that say something else now, and count those that are gone."""
    known = {
        leaf for piece in sealed.leaves.iterator() for leaf in seals.split(bytes(piece.hashes))
    }
    here = f"seal {seal.number}, organization {sealed.organization_id}"
    gone = len(known)
    for request, leaf in _leaves(sealed.organization_id, seal.starts_at):
        gone -= 1
        findings.check(leaf in known, f"{here}: {request} is not as it was sealed")
        findings.receipts += 1
    findings.check(gone <= 0, f"{here}: {gone} receipts are gone")


def _leaves(organization: UUID, hour: datetime) -> Iterator[tuple[str, bytes]]:
    for piece in sealing.pieces(organization, hour):
        for row in piece:
            yield row["event_id"], merkle.leaf(receipts.document(row).encode())

"""Compares seals with each other, with their signatures, and with the receipts they seal."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.utils import timezone

from billing import receipts, seals, signing
from billing.models import OrganizationSeal, Seal, SealCheck
from billing.seals import HOUR
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
    document = seals.organization_document(
        sealed.organization_id, seal.starts_at, sum(map(len, hashes)), merkle.root(roots)
    )
    findings.check(
        sealed.document == document,
        f"seal {seal.number}: the hashes of organization {sealed.organization_id} are not its own",
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

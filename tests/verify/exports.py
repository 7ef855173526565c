"""Exports as an auditor gets them, signed with a key of their own, so that anything in them can be forged."""

import base64
import copy
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common import merkle

HOUR = timedelta(hours=1)
ACME, GLOBEX = "acme", "globex"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key().public_bytes_raw()
KEY_ID = hashlib.sha256(PUBLIC).hexdigest()[:16]
KEYS = {"keys": [{"kid": KEY_ID, "x": base64.urlsafe_b64encode(PUBLIC).decode().rstrip("=")}]}
FIRST = datetime(2025, 12, 31, 20, tzinfo=UTC)
ISSUED = datetime(2026, 1, 1, 6, 30, tzinfo=UTC)
NOTHING = "0" * 64
NEW_YEAR = FIRST + 4 * HOUR
MINUTES = timedelta(minutes=7)
#: The last hour that was sealed when the invoice was issued.
BEFORE = ISSUED.replace(minute=0) - HOUR
COLUMNS = "month,contract,committed,from,until,month_ends,days,of_days,used_by"
PER_UNIT = {"model": "per_unit", "unit_amount": "0.001"}
VOLUME = {
    "model": "volume",
    "tiers": [{"up_to": "2000", "unit_amount": "0.002"}, {"unit_amount": "0.001"}],
}
Facts = dict[str, Any]


def text(facts: Any) -> str:
    """Return facts as they are sealed."""
    return json.dumps(facts, sort_keys=True, separators=(",", ":"))


def moment(at: datetime) -> str:
    """Return an instant as it is sealed."""
    return f"{at:%Y-%m-%dT%H:%M:%S.%fZ}"


def leaf(facts: str) -> str:
    """Return the hash of a text in its tree."""
    return merkle.leaf(facts.encode()).hex()


def price(**facts: Any) -> Facts:
    """Return a price as it is sealed."""
    return {
        "version": 1, "price_id": "P", "offer_id": "o", "part": "input", "service_tier": "standard",
        "currency": "EUR", "definition": PER_UNIT,
        "effective_from": moment(datetime(2025, 1, 1, tzinfo=UTC)),
    } | facts  # fmt: skip


def receipt(name: str, recorded: datetime, organization: str = ACME, **facts: Any) -> Facts:
    """Return a receipt of a thousand tokens, used five minutes before it was recorded."""
    return {
        "version": 1, "organization_id": organization, "source": "gateway", "request_id": name,
        "model": "m", "region": "x", "occurred_at": moment(recorded - timedelta(minutes=5)),
        "recorded_at": moment(recorded), "tokens": {"input": 1000}, "price_ids": {"input": "P"},
        "amounts": {"input": "1"}, "amount": "1", "currency": "EUR", "paid_by": [], "uncovered": "1",
    } | facts  # fmt: skip


def january(organization: str = ACME, **facts: Any) -> Facts:
    """Return the invoiced month as the export has it; of others, as members' of a group."""
    return {
        "label": "2026-01", "organization_id": organization,
        "used_by": "" if organization == ACME else organization, "time_zone": "UTC",
        "start": moment(datetime(2026, 1, 1, tzinfo=UTC)),
        "end": moment(datetime(2026, 2, 1, tzinfo=UTC)), "is_told": True, "is_told_before": False,
    } | facts  # fmt: skip


def line(amount: str, **facts: Any) -> Facts:
    """Return a line of usage at a thousandth each."""
    return {
        "kind": "usage", "offer_name": "m", "part": "input", "price_id": "P", "tier": None,
        "corrects": None, "used_by": None, "quantity": str(Decimal(amount) * 1000),
        "unit_amount": "0.001", "exact_amount": amount, "amount": amount,
    } | facts  # fmt: skip


def commitment(amount: str) -> Facts:
    """Return a line for what usage misses of a contract."""
    return line(
        amount, kind="commitment", offer_name="C-1", part="", price_id=None, quantity="1",
        unit_amount="0",
    )  # fmt: skip


def invoice(*lines: Facts, seal: Facts | None, issued: datetime = ISSUED, **facts: Any) -> Facts:
    """Return an invoice of January with these lines, taxed at a fifth."""
    found: Facts = {
        "number": "T-2", "kind": "usage", "currency": "EUR", "organization_id": ACME,
        "issued_at": moment(issued), "period_start": "2026-01-01T00:00:00Z",
        "period_end": "2026-02-01T00:00:00Z", "tax_rate": "0.2", "lines": list(lines),
        "seal_number": seal and seal["number"], "seal_hash": seal and seal["hash"],
    } | facts  # fmt: skip
    net = sum((Decimal(it["amount"]) for it in found["lines"]), Decimal(0))
    tax = net * Decimal(found["tax_rate"])
    return found | {"net": str(net), "tax": str(tax), "total": str(net + tax)}


@dataclass
class Sealed:
    """A chain over receipts, and what was sealed of each organization's hours."""

    seals: list[Facts] = field(default_factory=list)
    hours: list[Facts] = field(default_factory=list)
    receipts: list[Facts] = field(default_factory=list)

    def at(self, hour: datetime) -> Facts:
        """Return the seal over an hour."""
        return self.seals[(hour - FIRST) // HOUR]

    def of(self, organization: str) -> list[Facts]:
        """Return what was sealed of an organization."""
        return [
            it for it in self.hours if json.loads(it["document"])["organization_id"] == organization
        ]

    def receipts_of(self, hours: Iterable[Facts]) -> list[Facts]:
        """Return the receipts of such hours, in their order."""
        said = [json.loads(it["document"]) for it in hours if not it["is_before"] | it["is_after"]]
        return [it for hour in said for it in self.receipts if _place(it) == _place_of(hour)]


def _place(told: Facts) -> tuple[str, str]:
    return told["organization_id"], told["recorded_at"][:13]


def _place_of(hour: Facts) -> tuple[str, str]:
    return hour["organization_id"], hour["hour"][:13]


def sealed(
    receipts: Iterable[Facts],
    prices: Iterable[Facts],
    until: datetime = ISSUED,
    old: Iterable[datetime] = (),
) -> Sealed:
    """Seal receipts hour by hour, organization by organization; in old hours without numbers."""
    found = Sealed(receipts=sorted(receipts, key=lambda it: it["recorded_at"]))
    last: dict[str, tuple[int, str]] = {}
    hashes = {it["price_id"]: leaf(text(it)) for it in prices}
    hour, previous = FIRST, NOTHING
    while hour <= until:
        its = [it for it in found.receipts if it["recorded_at"][:13] == moment(hour)[:13]]
        documents, leaves = [], []
        for organization in sorted({it["organization_id"] for it in its}):
            tree = [
                merkle.leaf(text(it).encode())
                for it in its
                if it["organization_id"] == organization
            ]
            said = {
                "version": 1, "organization_id": organization, "hour": moment(hour),
                "receipts": len(tree), "root": merkle.root(tree).hex(),
            }  # fmt: skip
            if hour not in old:
                number, before = last.get(organization, (0, NOTHING))
                said |= {"version": 2, "number": number + 1, "previous": before, "prices": hashes}
                last[organization] = number + 1, hashlib.sha256(text(said).encode()).hexdigest()
            documents.append(text(said))
            leaves.append(base64.b64encode(b"".join(tree)).decode())
        tops = [merkle.leaf(it.encode()) for it in documents]
        seal = signed(len(found.seals) + 1, hour, previous, merkle.root(tops))
        previous = seal["hash"]
        found.seals.append(seal)
        for place, (document, its_leaves) in enumerate(zip(documents, leaves, strict=True)):
            steps = [{"side": it.side, "hash": it.hash.hex()} for it in merkle.path(tops, place)]
            found.hours.append(
                {
                    "seal": seal["number"], "document": document, "path": steps,
                    "leaves": its_leaves, "is_before": False, "is_after": hour > ISSUED,
                }
            )  # fmt: skip
        hour += HOUR
    return found


def signed(number: int, hour: datetime, previous: str, root: bytes) -> Facts:
    """Return a seal over an hour."""
    document = text(
        {
            "version": 1, "number": number, "hour": moment(hour), "previous": previous,
            "root": root.hex(), "key_id": KEY_ID,
        }
    )  # fmt: skip
    return {
        "number": number,
        "document": document,
        "hash": hashlib.sha256(document.encode()).hexdigest(),
        "key_id": KEY_ID,
        "signature": base64.b64encode(KEY.sign(document.encode())).decode(),
    }


@dataclass
class Export:
    """What is in the file."""

    invoice: Facts
    months: list[Facts]
    seals: list[Facts]
    hours: list[Facts]
    receipts: list[Facts]
    prices: list[Facts]
    commitments: list[str] = field(default_factory=list)
    earlier: list[Facts] = field(default_factory=list)

    def files(self) -> dict[str, str]:
        """Return the texts by the names of the files."""
        return {
            "invoice.json": text(self.invoice),
            "months.json": text({"months": self.months}),
            "keys.json": text(KEYS),
            "seals.jsonl": _lines(self.seals),
            "hours.jsonl": _lines(self.hours),
            "receipts.jsonl": _lines(self.receipts),
            "prices.jsonl": _lines(self.prices),
            "commitments.csv": "\n".join([COLUMNS, *self.commitments]) + "\n",
            **{f"earlier-{it['number']}.json": text(it) for it in self.earlier},
        }


def _lines(facts: Iterable[Facts]) -> str:
    return "".join(f"{text(it)}\n" for it in facts)


def used(*hours, organization=ACME, **facts):
    """Return a receipt in each of so many hours after the new year."""
    return [
        receipt(f"{organization[0]}{it}", NEW_YEAR + it * HOUR + MINUTES, organization, **facts)
        for it in hours
    ]


def export_of(chain, *lines, organizations=(ACME,), months=None, prices=(), **facts):
    """Return an honest export; Acme's hour of the old year is the one before."""
    hours = copy.deepcopy([it for name in organizations for it in chain.of(name)])
    if hours[0]["seal"] == 1:
        hours[0]["is_before"] = True
    return Export(
        invoice(*lines, seal=chain.at(BEFORE), **facts),
        months or [january(it) for it in organizations],
        chain.seals,
        hours,
        chain.receipts_of(hours),
        list(prices) or [price()],
    )


def hidden(told):
    """Return what is left of a receipt that is not shown."""
    return {
        "organization_id": told["organization_id"],
        "hour": f"{told['recorded_at'][:13]}:00:00.000000Z",
    }

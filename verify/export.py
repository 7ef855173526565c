"""What is checked of an export: keys, chain, hours, receipts and prices, then the invoice itself."""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from verify import invoice as invoices
from verify import receipt as proofs
from verify.files import Files
from verify.invoice import instant

HOUR = timedelta(hours=1)
HASH = 32
NOTHING = "0" * 64
#: What a part without a price of its own costs as much as.
FALLBACK = {
    "cached_input": "input", "cache_write": "input", "image_input": "input",
    "audio_input": "input", "reasoning": "output", "audio_output": "output",
}  # fmt: skip
REQUESTS, SECONDS = "requests", "gpu_seconds"

Facts = dict[str, Any]
#: A line of the receipts: its text, and what that says.
Line = tuple[str, Facts]


class Differs(proofs.NotProven):
    """The first thing that is not as it was sealed."""


def need(holds: bool, problem: str) -> None:
    """Stop with the problem unless what it denies holds."""
    if not holds:
        raise Differs(problem)


def leaf(text: str) -> bytes:
    """Return the hash of a text in its tree (RFC 6962)."""
    return hashlib.sha256(b"\0" + text.encode()).digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """Return the hash over all leaves: of the largest power of two of them, and of the rest."""
    if len(hashes) < 2:
        return hashes[0] if hashes else hashlib.sha256().digest()
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root(hashes[:half]) + root(hashes[half:])).digest()


@dataclass
class Month:
    """A month of an organization that the invoice was made of."""

    label: str
    used_by: str
    start: datetime
    end: datetime


@dataclass
class Hour:
    """One organization's hour: what was sealed of it."""

    organization_id: str
    hour: str
    #: None of an hour that was sealed before hours had numbers.
    number: int | None
    leaves: list[bytes]
    prices: dict[str, str]

    @property
    def name(self) -> str:
        """What it is called where something does not hold."""
        return f"hour {self.hour} of organization {self.organization_id}"


@dataclass
class Found:
    """What was checked so far."""

    chain: dict[int, Facts] = field(default_factory=dict)
    prices: dict[str, Facts] = field(default_factory=dict)
    price_hashes: dict[str, str] = field(default_factory=dict)
    events: list[invoices.Event] = field(default_factory=list)
    receipts: int = 0
    late: int = 0
    hidden: int = 0
    unpriced_hours: int = 0


def check(files: Files, keys_file: Path | None = None) -> Iterator[str]:
    """Yield, in plain words, what holds; raise :class:`Differs` at the first thing that does not."""
    asked: Facts = files.json("invoice.json")
    months = _months(files)
    issued = instant(asked["issued_at"])
    keys = json.loads(keys_file.read_text("utf-8")) if keys_file else files.json("keys.json")
    found = Found()
    try:
        _check_chain(found, files, proofs.public_keys(keys))
    except proofs.NotProven as problem:
        raise Differs(str(problem)) from None
    first = min(month.start for its in months.values() for month in its)
    _check_reach(found, first, issued)
    yield f"{len(found.chain)} seals, numbers {min(found.chain)} to {max(found.chain)}: one signed chain"
    yield _check_anchor(found, asked)
    _read_prices(found, files)
    _check_hours(found, files, months, issued)
    yield (
        f"{found.receipts} receipts stand as they were sealed, {found.late} of them recorded in a "
        "later hour than that of the request"
    )
    if found.hidden:
        yield f"{found.hidden} more belong to other months of others: only their hashes are here"
    yield f"{len(found.prices)} prices stand as they were sealed"
    if found.unpriced_hours:
        yield f"{found.unpriced_hours} hours are older than seals over prices"
    yield _check_invoice(found, files, asked)
    signers = sorted({seal["key_id"] for seal in found.chain.values()})
    whence = "named by you" if keys_file else "from the export: compare them with those you know"
    yield f"signed with {', '.join(signers)}; keys {whence}"


def _months(files: Files) -> dict[str, list[Month]]:
    found: dict[str, list[Month]] = {}
    for it in files.json("months.json")["months"]:
        month = Month(it["label"], it["used_by"], instant(it["start"]), instant(it["end"]))
        found.setdefault(it["organization_id"], []).append(month)
    return found


# The chain.


def _check_chain(found: Found, files: Files, keys: dict[str, bytes]) -> None:
    """Keep what each seal says, once its hash, its signature and the one before hold."""
    last: Facts | None = None
    for seal in files.records("seals.jsonl"):
        said = proofs.check_seal(seal, keys)
        number = said["number"]
        if last is None:
            need(number > 1 or said["previous"] == NOTHING, f"seal {number}: is not the first")
        else:
            need(number == last["number"] + 1, f"seal {last['number'] + 1} is missing")
            need(
                said["previous"] == last["hash"], f"seal {number}: does not name the one before it"
            )
            need(
                instant(said["hour"]) == instant(last["hour"]) + HOUR,
                f"seal {number}: the hour before it is missing",
            )
        last = found.chain[number] = {**said, "hash": seal["hash"]}
    need(last is not None, "there is no seal")


def _check_reach(found: Found, first: datetime, issued: datetime) -> None:
    numbers = sorted(found.chain)
    begins, ends = (instant(found.chain[it]["hour"]) for it in (numbers[0], numbers[-1]))
    need(
        numbers[0] == 1 or begins <= first,
        f"seal {numbers[0] - 1} is missing: the chain begins after the usage of the invoice",
    )
    need(
        ends + HOUR > issued,
        f"seal {numbers[-1] + 1} is missing: the chain ends before the invoice was issued",
    )


def _check_anchor(found: Found, asked: Facts) -> str:
    """Compare the seal that is printed on the invoice with the chain."""
    number, digest = asked.get("seal_number"), asked.get("seal_hash")
    if number is None:
        return "no seal is printed on the invoice: it was issued before there were any"
    seal = found.chain.get(number)
    if seal is None:
        need(
            number < min(found.chain), f"seal {number}, printed on the invoice, is not in the chain"
        )
        return f"the invoice names seal {number} {digest}, from before its usage"
    need(
        seal["hash"] == digest,
        f"seal {number} has the hash {seal['hash']}, printed on the invoice is {digest}",
    )
    return f"seal {number} {digest} is in it: compare it with what is printed on the invoice"


# What was sealed of each hour, and the receipts as they stand now.


def _read_prices(found: Found, files: Files) -> None:
    for text in files.lines("prices.jsonl"):
        price = json.loads(text)
        found.prices[price["price_id"]] = price
        found.price_hashes[price["price_id"]] = leaf(text).hex()


def _check_hours(
    found: Found, files: Files, months: dict[str, list[Month]], issued: datetime
) -> None:
    """Compare hour by hour; receipts stand in the order of the hours."""
    told = ((text, json.loads(text)) for text in files.lines("receipts.jsonl"))
    groups = groupby(told, lambda line: _place(line[1]))
    group = next(groups, None)
    last: dict[str, Facts] = {}
    for sealed in files.records("hours.jsonl"):
        hour = _check_hour(found, sealed, last)
        its_months = months[hour.organization_id]
        if sealed["is_before"]:
            first = min(month.start for month in its_months)
            need(instant(hour.hour) < first, f"{hour.name}: its receipts are missing")
            continue
        _check_prices(found, hour)
        lines: list[Line] = []
        if group and group[0] == (hour.organization_id, hour.hour):
            lines = list(group[1])
            group = next(groups, None)
        _compare(hour, lines)
        for _text, said in lines:
            _keep(found, hour, said, its_months, issued)
    if group:
        raise Differs(f"hour {group[0][1]} of organization {group[0][0]}: nothing was sealed of it")


def _place(said: Facts) -> tuple[str, str]:
    return said["organization_id"], f"{said['recorded_at'][:13]}:00:00.000000Z"


def _is_hidden(said: Facts) -> bool:
    """Whether a receipt is of a month that the invoice does not tell of, and of somebody else."""
    return "request_id" not in said


def _check_hour(found: Found, told: Facts, last: dict[str, Facts]) -> Hour:
    """Return an hour once its hashes, its way into the seal and the hour before hold."""
    text, data = told["document"], base64.b64decode(told["leaves"])
    said: Facts = json.loads(text)
    hour = Hour(
        said["organization_id"],
        said["hour"],
        said.get("number"),
        [data[at : at + HASH] for at in range(0, len(data), HASH)],
        said.get("prices") or {},
    )
    seal = found.chain.get(told["seal"])
    if seal is None:
        raise Differs(f"{hour.name}: its seal {told['seal']} is missing")
    need(
        proofs.climb(text, told["path"]) == seal["root"],
        f"{hour.name}: is not what seal {told['seal']} was made over",
    )
    need(seal["hour"] == hour.hour, f"{hour.name}: stands in the seal of another hour")
    need(
        root(hour.leaves).hex() == said["root"] and len(hour.leaves) == said["receipts"],
        f"{hour.name}: its hashes are not those that were sealed",
    )
    _check_own_chain(
        hour, said["previous"] if hour.number else "", last, is_first=told["is_before"]
    )
    if hour.number:
        digest = hashlib.sha256(text.encode()).hexdigest()
        last[hour.organization_id] = {"number": hour.number, "hash": digest}
    return hour


def _check_own_chain(hour: Hour, previous: str, last: dict[str, Facts], *, is_first: bool) -> None:
    """Compare with the organization's hour before; the first is allowed to have none."""
    if hour.number is None or is_first:
        return
    before = last.get(hour.organization_id, {"number": 0, "hash": NOTHING})
    need(
        (hour.number, previous) == (before["number"] + 1, before["hash"]),
        f"{hour.name}: the organization's hour before it, number {hour.number - 1}, is missing",
    )


def _check_prices(found: Found, hour: Hour) -> None:
    if hour.number is None:
        found.unpriced_hours += 1
    for price_id, digest in hour.prices.items():
        need(price_id in found.prices, f"price {price_id} is missing, sealed in {hour.name}")
        need(
            found.price_hashes[price_id] == digest,
            f"price {price_id} is not as it was sealed in {hour.name}",
        )


def _compare(hour: Hour, lines: Sequence[Line]) -> None:
    """Name the first receipt that is not the one that was sealed at its place."""
    hashes = [None if _is_hidden(said) else leaf(text) for text, said in lines]
    sealed = set(hour.leaves)
    for place, (its, (_text, said)) in enumerate(zip(hashes, lines, strict=True)):
        expected = hour.leaves[place] if place < len(hour.leaves) else None
        following = hashes[place + 1] if place + 1 < len(hashes) else None
        if expected and its in (None, expected):
            continue
        if expected is None or (its not in sealed and following == expected):
            raise Differs(f"{_named(hour, said)} was put in after the hour was sealed")
        if its not in sealed:
            raise Differs(f"{_named(hour, said)} is not as it was sealed")
        raise Differs(
            f"receipt {place + 1} of {hour.name} is missing or stands elsewhere: "
            f"{_named(hour, said)} stands in its place"
        )
    gone = len(hour.leaves) - len(lines)
    need(gone <= 0, f"{hour.name}: its last receipts are missing, {gone} of {len(hour.leaves)}")


def _named(hour: Hour, said: Facts) -> str:
    if _is_hidden(said):
        return f"a receipt of {hour.name}"
    return f"receipt {said['request_id']} ({said['source']}) of {hour.name}"


def _keep(found: Found, hour: Hour, said: Facts, months: Sequence[Month], issued: datetime) -> None:
    """Keep what the invoice was made of: what was known when it was issued, of its months."""
    if _is_hidden(said):
        found.hidden += 1
        return
    found.receipts += 1
    occurred, recorded = instant(said["occurred_at"]), instant(said["recorded_at"])
    found.late += occurred < instant(hour.hour)
    for price_id in said["price_ids"].values():
        if hour.number and price_id not in hour.prices:
            raise Differs(f"{_named(hour, said)} names price {price_id}, which was not sealed")
    for month in months:
        if month.start <= occurred < month.end and recorded <= issued:
            found.events += _parts(said, month)


def _parts(said: Facts, month: Month) -> Iterator[invoices.Event]:
    """Yield what a receipt tells of, as a line for each part: the form that invoices are made from."""
    counts: dict[str, int] = dict(said["tokens"])
    if said.get(SECONDS):
        counts[invoices.GPU_HOURS] = said[SECONDS]
    prices = said["price_ids"]
    if REQUESTS in prices:
        counts[REQUESTS] = 1
    uncovered = said["uncovered"]
    for part, count in counts.items():
        yield {
            "month": month.label,
            "request_id": said["request_id"],
            "source": said["source"],
            "occurred_at": said["occurred_at"],
            "recorded_at": said["recorded_at"],
            "model": said["model"],
            "part": part,
            "tokens": str(count),
            "price_id": prices.get(part) or prices.get(FALLBACK.get(part, ""), ""),
            "amount": said["amounts"].get(part, "0"),
            "uncovered": uncovered,
            "used_by": month.used_by,
        }
        uncovered = "0"


# The invoice.


def _check_invoice(found: Found, files: Files, asked: Facts) -> str:
    """Make the invoice again from the receipts and prices, and compare to the last digit."""
    prices = [
        {
            "price_id": price["price_id"],
            "part": price["part"],
            "service_tier": price["service_tier"],
            "definition": json.dumps(price["definition"]),
        }
        for price in found.prices.values()
    ]
    earlier = [files.json(name) for name in files.names() if name.startswith("earlier-")]
    for event in found.events:
        if event["price_id"] and event["price_id"] not in found.prices:
            raise Differs(f"price {event['price_id']} of receipt {event['request_id']} is missing")
    commitments = files.table("commitments.csv")
    lines = invoices.compare(asked, found.events, prices, commitments, earlier)
    requests = len({invoices.request_of(event) for event in found.events})
    return (
        f"invoice {asked['number']}: {lines} lines made again from {requests} receipts, "
        f"net {asked['net']}, tax {asked['tax']}, total {asked['total']} {asked['currency']}"
    )

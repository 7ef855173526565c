"""What is checked of an export: keys, chain, hours, receipts and prices, then the invoice itself."""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from verify import earlier, late, months
from verify import invoice as invoices
from verify import receipt as proofs
from verify.files import Files, parsed
from verify.findings import Differs, Unproven, Word, need
from verify.invoice import instant
from verify.months import Month

HOUR = timedelta(hours=1)
HASH = 32
NOTHING = "0" * 64
#: So long after the end of the last seal an invoice is issued at most, while hours are sealed in time.
LATE = timedelta(hours=3)
#: What a part without a price of its own costs as much as.
FALLBACK = {
    "cached_input": "input", "cache_write": "input", "image_input": "input",
    "audio_input": "input", "reasoning": "output", "audio_output": "output",
}  # fmt: skip
REQUESTS, SECONDS = "requests", "gpu_seconds"

Facts = dict[str, Any]
#: A line of the receipts: its text, and what that says.
Line = tuple[str, Facts]


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
class Chained:
    """An organization's hours so far: the last of them."""

    hour: str = ""
    number: int = 0
    hash: str = NOTHING
    is_over: bool = False
    #: When the first of them began that has a number, where none without one is here.
    begins: str = ""
    #: The hour whose receipts are not here, for it is of before the months.
    before: str = ""
    first: str = ""

    def has(self, hour: str) -> bool:
        """Whether an hour lies between the first and the last."""
        return bool(self.first) and self.first <= hour <= self.hour


@dataclass
class Found:
    """What was checked so far."""

    asked: Facts
    months: dict[str, list[Month]]
    chain: dict[int, Facts] = field(default_factory=dict)
    prices: dict[str, Facts] = field(default_factory=dict)
    price_hashes: dict[str, str] = field(default_factory=dict)
    proven_prices: set[str] = field(default_factory=set)
    hours: dict[str, Chained] = field(default_factory=dict)
    events: list[invoices.Event] = field(default_factory=list)
    #: What came late of months that somebody else was invoiced for before.
    late_events: list[invoices.Event] = field(default_factory=list)
    #: Short hashes of the requests that there are receipts of: each is there once.
    requests: set[bytes] = field(default_factory=set)
    receipts: Counter[str] = field(default_factory=Counter)
    hidden: Counter[str] = field(default_factory=Counter)
    late: int = 0
    #: Receipts of before the price that they name took effect.
    ahead: int = 0
    unnumbered_hours: int = 0
    #: The hashes of the texts of the hours that are here, by their organizations and themselves.
    texts: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def issued(self) -> datetime:
        """When the invoice says that it was issued."""
        return instant(self.asked["issued_at"])

    @property
    def own(self) -> str:
        """Whose invoice it is."""
        own: str = self.asked["organization_id"]
        return own


def check(files: Files, keys_file: Path | None = None, *receipts: Path) -> Iterator[str]:
    """Yield, in plain words, what holds; raise :class:`Differs` at the first thing that does not.

    Receipts that somebody kept have to be of the hours that are here.
    """
    asked: Facts = files.json("invoice.json")
    need(asked["kind"] == "usage", f"the invoice is of {asked['kind']}, not of usage")
    commitments = files.table("commitments.csv")
    found = Found(asked, months.read(files.json("months.json"), asked, commitments))
    keys = parsed(keys_file.read_text("utf-8")) if keys_file else files.json("keys.json")
    kept: list[Facts] = [parsed(it.read_text("utf-8")) for it in receipts]
    try:
        published = proofs.public_keys(keys)
        _check_chain(found, files, published)
        for receipt in kept:
            proofs.check_receipt(receipt, published)
    except proofs.NotProven as problem:
        raise Differs(str(problem)) from None
    _check_reach(found)
    yield f"{len(found.chain)} seals, numbers {min(found.chain)} to {max(found.chain)}: one signed chain"
    yield _check_anchor(found)
    _read_prices(found, files)
    _check_hours(found, files)
    yield (
        f"{found.receipts.total()} receipts stand as they were sealed, {found.late} of them recorded "
        "in a later hour than that of the request"
    )
    yield f"{len(found.proven_prices)} prices stand as they were sealed"
    yield from _of_kept(found, kept)
    yield from _of_organizations(found)
    yield from _of_old_hours(found)
    yield from _check_invoices(found, files, commitments)
    yield from _of_the_operator(found, commitments)
    signers = sorted({seal["key_id"] for seal in found.chain.values()})
    whence = "named by you" if keys_file else "from the export: compare them with those you know"
    yield f"signed with {', '.join(signers)}; keys {whence}"


def _of_old_hours(found: Found) -> Iterator[str]:
    if found.unnumbered_hours:
        yield Unproven(
            f"{found.unnumbered_hours} hours are older than seals over prices: others like them may be "
            "missing, and their prices are taken as they stand"
        )
    if found.ahead:
        yield Word(f"{found.ahead} receipts are of before the price they name took effect")


def _of_kept(found: Found, kept: Sequence[Facts]) -> Iterator[str]:
    """Yield which receipts that people kept are of hours that are here; another text of one differs.

    A seal could be made over two texts of one organization's hour, one for each of two readers.
    """
    for receipt in kept:
        proof, text = receipt["proof"], receipt["proof"]["organization"]
        said, owner = parsed(proof["document"]), parsed(text)
        place = owner["organization_id"], owner["hour"]
        name = f"kept receipt {said['request_id']} of hour {place[1]} of organization {place[0]}"
        here = found.texts.get(place)
        if here is None:
            within = place[0] in found.hours and found.hours[place[0]].has(place[1])
            need(not within, f"{name}: that hour is not in the export")
            yield Word(f"{name}: that hour is none of the export's")
            continue
        need(
            here == hashlib.sha256(text.encode()).hexdigest(),
            f"{name}: another text of that hour was sealed as well",
        )
        yield f"{name}: the export has the hour it was sealed in"


def _of_organizations(found: Found) -> Iterator[str]:
    """Yield whose receipts of which months these are, and what of them is not here."""
    for organization, its in found.months.items():
        cuts = ", ".join(
            f"{it.label} ({it.start:%Y-%m-%d %H:%M} until {it.end:%Y-%m-%d %H:%M} UTC)"
            for it in its
        )
        whose = "the invoice's own organization" if organization == found.own else "organization"
        yield (
            f"{whose} {organization}: {found.receipts[organization]} receipts; months of "
            f"{its[0].time_zone}: {cuts}"
        )
        if found.hidden[organization]:
            yield Word(
                f"{found.hidden[organization]} more belong to other months of others, of organization "
                f"{organization}, or were invoiced to others, as the operator says: only their hashes "
                "are here"
            )
        chained, start = found.hours.get(organization, Chained()), min(it.start for it in its)
        if chained.begins and instant(chained.begins) > start:
            yield Word(
                f"the hours of organization {organization} are numbered from {chained.begins} on: "
                "whether it had any before, without numbers, with their receipts, is not shown"
            )
        if chained.before and instant(chained.before) + 2 * HOUR > start:
            yield Word(
                f"the receipts of hour {chained.before} of organization {organization} are not here: "
                "what the clock of a meter was fast for may be among them"
            )
        if not chained.is_over:
            yield Word(
                f"no later hour of organization {organization} is sealed yet: its last hours before "
                "the invoice may be missing, with their receipts. Download the proof again later"
            )


def _of_the_operator(found: Found, commitments: Sequence[dict[str, str]]) -> Iterator[str]:
    """Yield what of the invoice is not made of receipts: to be compared with papers."""
    asked = found.asked
    yield Word(
        f"that it was issued at {asked['issued_at']} and is taxed at {asked['tax_rate']} is what the "
        "invoice says: compare it with the paper"
    )
    credits = invoices.service_credits(asked["lines"])
    if credits:
        yield Word(f"service credits of {credits} {asked['currency']} in all: they were measured")
    if commitments:
        contracts = ", ".join(sorted({it["contract"] for it in commitments}))
        members = ", ".join(sorted(found.months.keys() - {found.own})) or "nobody else"
        yield Word(
            f"commitments are taken from commitments.csv: compare them with {contracts}. Besides its "
            f"own organization's usage that of {members} counts towards them: compare that, too"
        )


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


def _check_reach(found: Found) -> None:
    numbers = sorted(found.chain)
    begins, ends = (instant(found.chain[it]["hour"]) for it in (numbers[0], numbers[-1]))
    first = min(month.start for its in found.months.values() for month in its)
    need(
        numbers[0] == 1 or begins <= first,
        f"seal {numbers[0] - 1} is missing: the chain begins after the usage of the invoice",
    )
    need(
        ends + HOUR > found.issued,
        f"seal {numbers[-1] + 1} is missing: the chain ends before the invoice was issued",
    )


def _check_anchor(found: Found) -> str:
    """Compare the seal that is printed on the invoice with the chain."""
    number, digest = found.asked["seal_number"], found.asked["seal_hash"]
    if number is None:
        first = found.chain[min(found.chain)]
        if first["number"] == 1 and found.issued - instant(first["hour"]) - HOUR < LATE:
            return "no seal is printed on the invoice: it was issued before there were any"
        return Unproven(
            "no seal is printed on the invoice, and there were some: it is older than seals on "
            "invoices, or the chain is not the one it was issued beside"
        )
    seal = found.chain.get(number)
    if seal is None:
        raise Differs(f"seal {number}, printed on the invoice, is not in the chain")
    need(
        seal["hash"] == digest,
        f"seal {number} has the hash {seal['hash']}, printed on the invoice is {digest}",
    )
    since = found.issued - instant(seal["hour"]) - HOUR
    need(
        since >= timedelta(0),
        f"seal {number}, printed on the invoice, is of an hour that ended after it was issued",
    )
    if since > LATE:
        return Unproven(
            f"seal {number} {digest} is in it (compare it with what is printed on the invoice), but is "
            f"of {since} before the invoice was issued: all seals since are the operator's word"
        )
    return f"seal {number} {digest} is in it: compare it with what is printed on the invoice"


# What was sealed of each hour, and the receipts as they stand now.


def _read_prices(found: Found, files: Files) -> None:
    for text in files.lines("prices.jsonl"):
        price = parsed(text)
        need(price["price_id"] not in found.prices, f"price {price['price_id']} is there twice")
        found.prices[price["price_id"]] = price
        found.price_hashes[price["price_id"]] = leaf(text).hex()


def _check_hours(found: Found, files: Files) -> None:
    """Compare hour by hour; receipts stand in the order of the hours."""
    told = ((text, parsed(text)) for text in files.lines("receipts.jsonl"))
    groups = groupby(told, lambda line: _place(line[1]))
    group = next(groups, None)
    for sealed in files.records("hours.jsonl"):
        hour = _check_hour(found, sealed)
        if sealed["is_before"] or sealed["is_after"]:
            continue
        found.unnumbered_hours += hour.number is None
        lines: list[Line] = []
        if group and group[0] == (hour.organization_id, hour.hour):
            lines = list(group[1])
            group = next(groups, None)
        _compare(hour, lines)
        for _text, said in lines:
            _keep(found, hour, said)
    if group:
        raise Differs(f"hour {group[0][1]} of organization {group[0][0]}: nothing was sealed of it")


def _place(said: Facts) -> tuple[str, str]:
    hour = said["hour"] if _is_hidden(said) else f"{said['recorded_at'][:13]}:00:00.000000Z"
    return said["organization_id"], hour


def _is_hidden(said: Facts) -> bool:
    """Whether a receipt is of a month that the invoice does not tell of, and of somebody else."""
    return "request_id" not in said


def _check_hour(found: Found, told: Facts) -> Hour:
    """Return an hour once its hashes, its way into the seal and the hour before hold."""
    text, data = told["document"], base64.b64decode(told["leaves"])
    said: Facts = parsed(text)
    hour = Hour(
        said["organization_id"],
        said["hour"],
        said["number"] if said["version"] > 1 else None,
        [data[at : at + HASH] for at in range(0, len(data), HASH)],
        said["prices"] if said["version"] > 1 else {},
    )
    need(hour.organization_id in found.months, f"{hour.name}: the invoice is not about it")
    seal = found.chain.get(told["seal"])
    if seal is None:
        raise Differs(f"{hour.name}: its seal {told['seal']} is missing")
    need(
        proofs.climb(text, told["path"]) == seal["root"],
        f"{hour.name}: is not what seal {told['seal']} was made over",
    )
    need(seal["hour"] == hour.hour, f"{hour.name}: stands in the seal of another hour")
    if not told["is_after"]:
        need(
            root(hour.leaves).hex() == said["root"] and len(hour.leaves) == said["receipts"],
            f"{hour.name}: its hashes are not those that were sealed",
        )
    _check_own_chain(found, hour, said, told)
    digest = hashlib.sha256(text.encode()).hexdigest()
    found.texts[hour.organization_id, hour.hour] = digest
    before = found.hours.get(hour.organization_id, Chained())
    found.hours[hour.organization_id] = Chained(
        hour.hour,
        hour.number or before.number,
        digest if hour.number else before.hash,
        is_over=told["is_after"],
        begins=before.begins or ("" if before.hour or hour.number != 1 else hour.hour),
        before=hour.hour if told["is_before"] else before.before,
        first=before.first or hour.hour,
    )
    return hour


def _check_own_chain(found: Found, hour: Hour, said: Facts, told: Facts) -> None:
    """Compare with the organization's hour before: none is missing, and none is there twice."""
    before = found.hours.get(hour.organization_id, Chained())
    need(before.hour < hour.hour, f"{hour.name}: is there twice, or not in its order")
    at, is_before, is_after = instant(hour.hour), told["is_before"], told["is_after"]
    first = min(month.start for month in found.months[hour.organization_id])
    need(not is_before or at + HOUR <= first, f"{hour.name}: its receipts are missing")
    need(
        not before.is_over and not (is_before and before.hour), f"{hour.name}: is out of its order"
    )
    need(
        (at > found.issued) == is_after,
        f"{hour.name}: its receipts are {'missing' if is_after else 'of after the invoice'}",
    )
    if hour.number is None:
        need(
            not (before.number or is_before or is_after),
            f"{hour.name}: has no number, though an hour before it has: others may be missing",
        )
        return
    if is_before:
        return
    need(
        (hour.number, said["previous"]) == (before.number + 1, before.hash),
        f"{hour.name}: the organization's hour before it, number {hour.number - 1}, is missing",
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


def _keep(found: Found, hour: Hour, said: Facts) -> None:
    """Keep what the invoice was made of: what was known when it was issued, of its months."""
    if _is_hidden(said):
        need(
            hour.organization_id != found.own,
            f"{_named(hour, said)} is hidden: it is the invoice's own",
        )
        found.hidden[hour.organization_id] += 1
        return
    request = json.dumps([hour.organization_id, said["source"], said["request_id"]]).encode()
    short = hashlib.sha256(request).digest()[:16]
    need(
        short not in found.requests, f"{_named(hour, said)} is there twice: in an hour before, too"
    )
    found.requests.add(short)
    found.receipts[hour.organization_id] += 1
    occurred, recorded = instant(said["occurred_at"]), instant(said["recorded_at"])
    found.late += occurred < instant(hour.hour)
    for price_id in said["price_ids"].values():
        if hour.number and price_id not in hour.prices:
            raise Differs(f"{_named(hour, said)} names price {price_id}, which was not sealed")
    for month in found.months[hour.organization_id]:
        if month.start <= occurred < month.end:
            parts = list(_parts(said, month))
            for part in parts:
                _check_price(found, hour, said, part)
            its = [it.number for it in month.elsewhere if it.has(recorded)]
            need(not its, f"{_named(hour, said)} was invoiced to somebody else, on {its}")
            if recorded <= found.issued:
                (found.late_events if month.elsewhere else found.events).extend(parts)


def _check_price(found: Found, hour: Hour, said: Facts, part: invoices.Event) -> None:
    """Compare the price of a receipt's part with what was sealed of it."""
    price_id = part["price_id"]
    if not price_id:
        return
    need(price_id in found.prices, f"price {price_id} is missing, sealed in {hour.name}")
    price = found.prices[price_id]
    if hour.number:
        need(
            found.price_hashes[price_id] == hour.prices[price_id],
            f"price {price_id} is not as it was sealed in {hour.name}",
        )
        found.proven_prices.add(price_id)
    currencies = price["currency"], said["currency"]
    need(
        currencies == (found.asked["currency"],) * 2,
        f"{_named(hour, said)} is in {said['currency']}, its price {price_id} in {price['currency']}, "
        f"the invoice in {found.asked['currency']}",
    )
    need(
        price["part"] in (part["part"], FALLBACK.get(part["part"])),
        f"{_named(hour, said)} names price {price_id} of {price['part']} for {part['part']}",
    )
    found.ahead += instant(said["occurred_at"]) < instant(price["effective_from"])


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


# The invoice, and those before it.


def _check_invoices(
    found: Found, files: Files, commitments: Sequence[dict[str, str]]
) -> Iterator[str]:
    before = earlier.read(files, found.asked, found.chain, found.months)
    yield from earlier.told(before, found.months, found.asked)
    apart = [it for its in found.months.values() for it in its if it.elsewhere]
    for month in apart:
        yield from late.told(month, found.chain)
    yield _check_invoice(found, commitments, before, apart)
    yield from _check_apart(found, before, apart)
    yield from earlier.compared(before, found.months, found.events, found.prices, commitments)


def _check_invoice(
    found: Found,
    commitments: Sequence[dict[str, str]],
    before: Sequence[Facts],
    apart: Sequence[Month],
) -> str:
    """Make the invoice again from the receipts and prices, and compare to the last digit."""
    asked = found.asked
    own = next(it for it in found.months[found.own] if it.start == instant(asked["period_start"]))
    # A month that a later one's invoice has told of, because it was held, has no lines of its own.
    also = [] if own.is_told_before else [own.label]
    lines = invoices.compare(
        asked,
        found.events,
        earlier.prices(found.prices),
        commitments,
        before,
        also,
        [(it.used_by, it.label) for it in apart],
    )
    its = found.events, found.late_events
    requests = len({invoices.request_of(event) for events in its for event in events})
    return (
        f"invoice {asked['number']}: {lines} lines made again from {requests} receipts, "
        f"net {asked['net']}, tax {asked['tax']}, total {asked['total']} {asked['currency']}"
    )


def _check_apart(found: Found, before: Sequence[Facts], apart: Sequence[Month]) -> Iterator[str]:
    """Compare what was corrected of months that somebody else was invoiced for before."""
    book = invoices.Book(earlier.prices(found.prices), found.asked["currency"])
    for month in apart:
        its = (month.used_by, month.label)
        events = [it for it in found.late_events if (it["used_by"], it["month"]) == its]
        yield from late.compare(month, found.asked, events, book, before)

"""Compares what clients got, what engines made and what the books say; every line must be 0.

Reads journals and rows only, long after the run if need be.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from tests.faults.books import Books, Event
from tests.faults.journals import Attempt, Call, Kill
from tests.faults.plan import DIALECTS, LIES

#: What a killed gateway may not have noted: the last second, and the time a busy machine takes.
LAST_SECOND = 1.0
SLACK = 0.5
#: An engine may write on for so long after a client has left.
NOTICED = 1.5
#: An event may occur so much later than its client gave up.
LATE = 3.0
#: How far our own count of a whole answer may be from the truth: it knows only bytes.
FEWEST, MOST, FEW = 0.5, 2.0, 3

LINES = (
    "tokens delivered and not billed",
    "tokens billed and not delivered",
    "prompts of delivered answers not billed",
    "answers billed twice",
    "complete answers without a receipt",
    "receipts that differ from the usage that was told",
    "lines of batches lost or answered twice",
    "refusals and empty answers that were billed",
    "impossible usage that was believed",
    "estimates far from the truth",
    "events that no client called for",
    "answers cut off without a cause",
    "failures of the gateway itself",
    "refused for funds while money was there",
    "events without a receipt, receipts without an event",
    "events or receipts that stand twice",
    "events that contradict each other",
    "worth that no credit paid for",
    "grants below zero",
    "grants that lost other than their receipts say",
    "hard budgets passed",
    "budgets that differ from their receipts",
    "leases left over",
    "transactions that do not sum to zero",
    "difference of ledger and balances",
    "rollups that differ from their events",
    "journals left, events set aside",
    "answers missing to half of the calls",
)


@dataclass
class Findings:
    """How much is wrong by line, and the first of each in words."""

    counts: Counter[str] = field(default_factory=Counter)
    words: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, line: str, amount: int | Decimal, words: str) -> None:
        """Count what is wrong; nothing when the amount is 0."""
        if not amount:
            return
        assert line in LINES
        self.counts[line] += amount  # type: ignore[assignment]
        self.words[line].append(words)


def check(
    calls: list[Call], attempts: dict[str, Attempt], kills: list[Kill], books: Books
) -> Findings:
    """Compare everything with everything."""
    found = Findings()
    events = match(calls, books.events, found)
    for call in calls:
        check_call(call, attempts.get(call.call), kills, events.get(call.call), found)
    check_refusals(calls, books, found)
    for name, times in Counter(call.call for call in calls).items():
        found.add("lines of batches lost or answered twice", times - 1, name)
    check_facts(books, found)
    check_money(books, found)
    check_budgets(books, found)
    # A run in which nothing works would prove nothing.
    complete = sum(call.end == "complete" for call in calls)
    missing = max(0, len(calls) // 2 - complete)
    found.add("answers missing to half of the calls", missing, f"{complete} complete")
    return found


def match(calls: list[Call], events: list[Event], found: Findings) -> dict[str, Event]:
    """Return the event of each call: by request id, else by the key and the time it was busy."""
    told = {call.request_id: call.call for call in calls if call.request_id}
    untold: dict[str, list[Call]] = defaultdict(list)
    for call in sorted(calls, key=lambda each: each.started):
        if not call.request_id:
            untold[call.key_id].append(call)
    matched: dict[str, Event] = {}
    for event in events:
        name = told.get(event.event_id) or _busy(untold[event.key_id], event)
        if name is None:
            found.add("events that no client called for", 1, event.event_id)
        elif name in matched:
            found.add("answers billed twice", 1, f"{name}: {event.event_id}")
        else:
            matched[name] = event
    return matched


def _busy(calls: list[Call], event: Event) -> str | None:
    """Return the call that its key was busy with when the event occurred."""
    at = event.occurred_at.timestamp()
    fitting = [
        call
        for call in calls
        if call.started <= at <= call.ended + LATE and call.stream == event.streamed
    ]
    return fitting[-1].call if fitting else None


def check_call(
    call: Call, attempt: Attempt | None, kills: list[Kill], event: Event | None, found: Findings
) -> None:
    """Judge one call."""
    killed = _killed(call, kills)
    _check_answer(call, killed, found)
    _check_told(call, event, found)
    if call.end == "refused" or (call.end == "complete" and not (call.words or call.vectors)):
        found.add("refusals and empty answers that were billed", int(event is not None), call.call)
        return
    _check_delivered(call, killed, event, found)
    if event is None:
        return
    made = _made(call, attempt)
    # What is estimated is judged as an estimate.
    if call.stream or not event.estimated:
        excess = max(0, event.output - _most(call, made))
        words = f"{call.call} {call.end}: {event.output} billed, {made} made"
        found.add("tokens billed and not delivered", excess, words)
    if call.end == "complete":
        _check_complete(call, attempt, event, found)


def _made(call: Call, attempt: Attempt | None) -> int:
    """Return how many tokens there were to deliver, to whoever left until that was noticed."""
    if attempt is None:
        return 0
    if call.end == "left":
        return attempt.completion_until(call.ended + NOTICED)
    return attempt.completion


def _most(call: Call, made: int) -> int:
    """Return the most that may be billed: a doubled count that is possible is believed."""
    return 2 * made if call.act == "double" else made


def _killed(call: Call, kills: list[Kill]) -> float | None:
    """Return when the call's gateway was killed under it."""
    moments = [
        kill.at
        for kill in kills
        if kill.port == call.port and call.started - SLACK <= kill.at <= call.ended + SLACK
    ]
    return min(moments, default=None)


def _check_answer(call: Call, killed: float | None, found: Findings) -> None:
    if call.end == "cut" and killed is None:
        found.add("answers cut off without a cause", 1, f"{call.call} {call.act}")
    found.add("lines of batches lost or answered twice", int(call.end == "lost"), call.call)
    found.add("failures of the gateway itself", int(call.status == 500), f"{call.call} {call.code}")


def check_refusals(calls: list[Call], books: Books, found: Findings) -> None:
    """Nobody rich is refused for funds, and nobody for a budget of which much is left."""
    narrow = {budget.key_id for budget in books.budgets if budget.key_id}
    for call in calls:
        is_wrong = call.code == "insufficient_funds" and call.is_rich
        # What an organization may spend in all, no run reaches.
        is_wrong |= call.code == "budget_exceeded" and call.key_id not in narrow
        words = f"{call.call} {call.code}"
        found.add("refused for funds while money was there", int(is_wrong), words)


def _check_told(call: Call, event: Event | None, found: Findings) -> None:
    """Where an answer's end is ours to write, it tells what was booked, whatever the engine says."""
    if call.kind not in DIALECTS or call.prompt_told is None:
        return
    told = (call.prompt_told, call.completion_told)
    booked = (event.input, event.output) if event else (0, 0)
    name = "receipts that differ from the usage that was told"
    found.add(name, int(told != booked), f"{call.call}: {booked} booked, {told} told")


def _check_delivered(
    call: Call, killed: float | None, event: Event | None, found: Findings
) -> None:
    """What reached the client is billed, but for the last second of a killed gateway."""
    words = call.words
    if call.end != "complete" and killed is not None:
        words = call.words_until(killed - LAST_SECOND - SLACK)
    if call.end == "complete" and event is None:
        found.add("complete answers without a receipt", 1, f"{call.call} {call.act}")
    billed = event.output if event else 0
    if event is not None and event.estimated and not call.stream:
        words = 0
    found.add(
        "tokens delivered and not billed",
        max(0, words - billed),
        f"{call.call} {call.act} {call.end}: {words} delivered, {billed} billed",
    )
    if words and event is not None:
        found.add("prompts of delivered answers not billed", int(not event.input), call.call)


def _check_complete(call: Call, attempt: Attempt | None, event: Event, found: Findings) -> None:
    if attempt is None or call.act == "double" or (call.act == "odd" and call.words == 1):
        # What is told could be true.
        return
    if call.act in LIES:
        name = "impossible usage that was believed"
        found.add(name, int(not event.estimated), f"{call.call} {call.act}")
        truth = (attempt.prompt, attempt.completion)
        far = any(map(_is_far, (event.input, event.output), truth))
        words = f"{call.call} {call.act}: {event.input}+{event.output} for {truth}"
        found.add("estimates far from the truth", int(far), words)
        return
    truth = (attempt.prompt, attempt.completion)
    told = (call.prompt_told or attempt.prompt, call.completion_told or attempt.completion)
    billed = (event.input, event.output)
    same = truth == told == billed and not event.estimated
    name = "receipts that differ from the usage that was told"
    found.add(name, int(not same), f"{call.call}: {billed} billed, {told} told, {truth} made")


def _is_far(estimate: int, truth: int) -> bool:
    return not FEWEST * truth - FEW <= estimate <= MOST * truth + FEW


def check_facts(books: Books, found: Findings) -> None:
    """Each event stands once, with one receipt, and in the rollups."""
    events = Counter((each.organization, each.event_id) for each in books.events)
    receipts = Counter((each.organization, each.event_id) for each in books.receipts)
    for key in events.keys() ^ receipts.keys():
        found.add("events without a receipt, receipts without an event", 1, key[1])
    for key, times in [*events.items(), *receipts.items()]:
        found.add("events or receipts that stand twice", times - 1, key[1])
    found.add("events that contradict each other", books.conflicts, "see metering_usageconflict")
    for name, (facts, sums) in books.rollups.items():
        differs = int(facts != sums)
        found.add("rollups that differ from their events", differs, f"{name}: {facts}, {sums}")
    found.add("journals left, events set aside", books.journals_left, "in the state's journal")


def check_money(books: Books, found: Findings) -> None:
    """Every cent that a grant lost stands on a receipt, and the ledger agrees."""
    used: defaultdict[str, Decimal] = defaultdict(Decimal)
    for receipt in books.receipts:
        owed = receipt.uncovered or receipt.amount - _paid(receipt.split)
        found.add("worth that no credit paid for", abs(owed), f"{receipt.event_id}: {owed}")
        for part in receipt.split:
            used[part["grant"]] += Decimal(part["quantity"])
    for grant in books.grants:
        is_below = not 0 <= grant.leased <= grant.remaining
        found.add("grants below zero", int(is_below), f"{grant.id}: {grant.remaining}")
        lost = grant.granted - grant.remaining - grant.taken_off - used.pop(grant.id, Decimal(0))
        words = f"{grant.id}: {lost} {grant.unit}"
        found.add("grants that lost other than their receipts say", int(lost != 0), words)
        found.add("leases left over", int(grant.leased != 0), f"{grant.id}: {grant.leased}")
    found.add("grants that lost other than their receipts say", len(used), f"unknown: {set(used)}")
    for process, quantity in books.leases.items():
        found.add("leases left over", 1, f"{process}: {quantity}")
    for transaction, total in books.transactions.items():
        name = "transactions that do not sum to zero"
        found.add(name, int(total != 0), f"{transaction}: {total}")
    balances = sum((each.remaining for each in books.grants if each.unit == "money"), Decimal(0))
    found.add("difference of ledger and balances", abs(books.prepaid - balances), "customers")


def check_budgets(books: Books, found: Findings) -> None:
    """No budget is passed, and each has seen just what its receipts are worth."""
    keys = {(each.organization, each.event_id): each.key_id for each in books.events}
    worth: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for receipt in books.receipts:
        key = keys.get((receipt.organization, receipt.event_id), "unknown")
        worth[receipt.organization, ""] += receipt.amount
        worth[receipt.organization, key] += receipt.amount
    for budget in books.budgets:
        seen = worth[budget.organization, budget.key_id]
        words = f"{budget.organization} {budget.key_id}: {budget.spent} of {budget.amount}, {seen}"
        found.add("hard budgets passed", int(budget.spent > budget.amount), words)
        differs = int(budget.spent != seen)
        found.add("budgets that differ from their receipts", differs, words)
        found.add("leases left over", int(budget.leased != 0), words)


def _paid(split: Iterable[dict[str, str]]) -> Decimal:
    return sum((Decimal(part["amount"]) for part in split), Decimal(0))

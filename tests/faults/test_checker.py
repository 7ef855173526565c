"""The checker bites: whatever is forged, it finds, and it finds nothing where all is well."""

from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.faults import checker
from tests.faults.books import Books, Budget, Event, Grant, Receipt
from tests.faults.journals import NOWHERE, Attempt, Call, Kill

NOON = datetime(2026, 3, 15, 12, tzinfo=UTC).timestamp()
WORTH = Decimal("0.00012")
SUMS = ("requests by quarter-hour", "worth by day")


class World:
    """Three calls, and all that is written about them: a stream, a lie, and a client that left."""

    def __init__(self):
        self.calls = [
            call("c1", words=10, prompt_told=20, completion_told=11, is_done=True),
            call("c2", act="huge", words=10, is_done=True),
            call("c3", end="left", request_id="", words=4, key_id="key-2"),
        ]
        self.attempts = {
            each.call: Attempt(each.call, each.act, 20, 10, 11, marks=[(NOON, 11)])
            for each in self.calls
        }
        self.kills = []
        self.books = Books(
            events=[event("c1", 11), event("c2", 10, estimated=True), event("x3", 6, "key-2")],
            receipts=[receipt(name) for name in ("c1", "c2", "x3")],
            grants=[Grant("g", "money", Decimal(10), 10 - 3 * WORTH, Decimal(0), Decimal(0))],
            budgets=[
                Budget("org", "", Decimal(1), 3 * WORTH, Decimal(0)),
                Budget("org", "key-2", WORTH, WORTH, Decimal(0)),
            ],
            transactions={"t": Decimal(0)},
            prepaid=10 - 3 * WORTH,
            rollups={name: (Decimal(3), Decimal(3)) for name in SUMS},
        )

    def found(self):
        """Return what the checker finds."""
        return dict(checker.check(self.calls, self.attempts, self.kills, self.books).counts)


def call(name, **facts):
    """Return a streamed chat that began at noon and took two seconds."""
    usual = {"act": "honest", "kind": "chat", "stream": True, "key_id": "key-1", "is_rich": True}
    usual |= {"port": 9000, "started": NOON, "ended": NOON + 2, "end": "complete", "status": 200}
    words = facts.get("words", 0)
    return Call(call=name, **{"request_id": name, "marks": [(NOON + 0.1, words)], **usual, **facts})


def event(name, output, key_id="key-1", **facts):
    """Return the event of a call."""
    usual = {"streamed": True, "outcome": "completed", "estimated": False, "input": 20}
    at = datetime.fromtimestamp(NOON + 0.05, UTC)
    return Event("org", name, key_id, at, output=output, **{**usual, **facts})


def receipt(name):
    """Return a receipt that the one grant paid."""
    paid = {"grant": "g", "quantity": str(WORTH), "amount": str(WORTH)}
    return Receipt("org", name, WORTH, Decimal(0), [paid])


@pytest.fixture
def world():
    return World()


def test_where_all_is_well_nothing_is_found(world):
    assert world.found() == {}


def test_an_event_that_stands_twice_is_found(world):
    world.books.events.append(deepcopy(world.books.events[0]))

    assert world.found()["events or receipts that stand twice"] == 1
    assert world.found()["answers billed twice"] == 1


def test_an_answer_billed_again_under_another_id_is_found(world):
    world.books.events.append(event("x4", 6, "key-2"))
    world.books.receipts.append(receipt("x4"))

    assert world.found()["answers billed twice"] == 1


def test_a_lost_event_is_found(world):
    world.books.events.pop(0)

    found = world.found()

    assert found["complete answers without a receipt"] == 1
    assert found["tokens delivered and not billed"] == 10
    assert found["events without a receipt, receipts without an event"] == 1


def test_an_event_out_of_nowhere_is_found(world):
    world.books.events.append(event("x4", 6, "key-3"))

    assert world.found()["events that no client called for"] == 1


@pytest.mark.parametrize(("output", "line"), [(3, "delivered and not"), (12, "billed and not")])
def test_tokens_too_few_and_too_many_are_found(world, output, line):
    world.books.events[2].output = output

    (found,) = world.found().items()

    assert line in found[0]
    assert found[1] == 1


def test_what_was_made_long_after_a_client_had_left_is_found(world):
    world.attempts["c3"].marks = [(NOON + 1, 5), (NOON + 4, 11)]

    assert world.found() == {"tokens billed and not delivered": 1}


@pytest.mark.parametrize("part", ["input", "output"])
def test_a_receipt_that_says_other_than_was_told_is_found(world, part):
    setattr(world.books.events[0], part, 10)

    assert world.found() == {"receipts that differ from the usage that was told": 1}


@pytest.mark.parametrize("kind", ["messages", "responses"])
@pytest.mark.parametrize("told", [(20, 20), (40, 10)])
def test_an_end_of_ours_that_tells_other_than_was_booked_is_found(world, kind, told):
    # Of a lie: the truth is not what is told here, but what is booked.
    lie = world.calls[1]
    lie.kind, lie.prompt_told, lie.completion_told = kind, *told

    assert world.found() == {"receipts that differ from the usage that was told": 1}
    lie.prompt_told, lie.completion_told = 20, 10
    assert world.found() == {}


def test_an_answer_that_cost_nothing_and_tells_of_tokens_is_found(world):
    empty = call("c4", kind="messages", key_id="key-4", prompt_told=20, completion_told=0)
    world.calls.append(empty)

    assert world.found() == {"receipts that differ from the usage that was told": 1}


def test_a_line_of_a_batch_that_is_lost_is_found(world):
    world.calls.append(call("b1", end="lost", port=NOWHERE, request_id=""))

    assert world.found() == {"lines of batches lost or answered twice": 1}


def test_a_line_of_a_batch_that_is_answered_twice_is_found(world):
    world.calls.append(deepcopy(world.calls[0]))

    assert world.found()["lines of batches lost or answered twice"] == 1


def test_a_line_of_a_batch_is_owed_to_the_last_token_whoever_was_killed(world):
    world.calls[0].port, world.calls[0].stream = NOWHERE, False
    world.kills = [Kill("batches", 0, NOON + 1)]
    world.books.events[0].output = 5

    assert world.found()["tokens delivered and not billed"] == 5


def test_a_lie_that_was_believed_is_found(world):
    world.books.events[1].estimated = False

    assert world.found() == {"impossible usage that was believed": 1}


def test_a_refusal_that_was_billed_is_found(world):
    world.calls[0].end, world.calls[0].status = "refused", 502

    assert world.found()["refusals and empty answers that were billed"] == 1


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({"end": "cut"}, "answers cut off without a cause"),
        ({"status": 500}, "failures of the gateway itself"),
        ({"code": "insufficient_funds"}, "refused for funds while money was there"),
        (
            {"code": "budget_exceeded", "key_id": "key-3"},
            "refused for funds while money was there",
        ),
    ],
)
def test_what_clients_suffer_without_a_cause_is_found(world, facts, line):
    world.calls[2] = call("c3", words=4, **{"end": "left", "key_id": "key-2", **facts})
    world.books.events[2].event_id = world.books.receipts[2].event_id = "c3"

    assert world.found() == {line: 1}


def test_the_last_second_of_a_killed_gateway_may_be_missing_and_no_more(world):
    marks = [(NOON + 1, 6), (NOON + 4.5, 10)]
    world.calls[0] = call("c1", end="cut", words=10, marks=marks, ended=NOON + 5)
    world.kills = [Kill("gateway-9000", 9000, NOON + 5)]
    world.books.events[0].output = 6

    assert world.found() == {}
    world.books.events[0].output = 5
    assert world.found() == {"tokens delivered and not billed": 1}


def test_a_cent_lost_is_found(world):
    world.books.grants[0].remaining -= Decimal("0.01")

    assert world.found() == {
        "grants that lost other than their receipts say": 1,
        "difference of ledger and balances": Decimal("0.01"),
    }


def test_worth_that_nobody_paid_is_found(world):
    world.books.receipts[0].split = []

    assert world.found()["worth that no credit paid for"] == WORTH


def test_a_lease_left_over_is_found(world):
    world.books.grants[0].leased = world.books.budgets[0].leased = Decimal(1)
    world.books.leases["dead"] = Decimal(1)

    assert world.found() == {"leases left over": 3}


def test_a_grant_below_zero_is_found(world):
    world.books.grants[0].leased = Decimal(11)

    assert world.found()["grants below zero"] == 1


def test_a_budget_passed_is_found(world):
    world.books.budgets[1].amount /= 2

    assert world.found() == {"hard budgets passed": 1}


def test_a_budget_that_missed_a_receipt_is_found(world):
    world.books.budgets[0].spent -= WORTH

    assert world.found() == {"budgets that differ from their receipts": 1}


def test_a_transaction_out_of_balance_is_found(world):
    world.books.transactions["t"] = Decimal("0.01")

    assert world.found() == {"transactions that do not sum to zero": 1}


def test_a_rollup_that_misses_an_event_is_found(world):
    world.books.rollups["worth by day"] = (Decimal(3), Decimal(2))

    assert world.found() == {"rollups that differ from their events": 1}


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("conflicts", "events that contradict each other"),
        ("journals_left", "journals left, events set aside"),
    ],
)
def test_what_was_put_aside_is_found(world, name, line):
    setattr(world.books, name, 1)

    assert world.found() == {line: 1}


def test_a_run_in_which_nothing_is_answered_proves_nothing(world):
    for each in world.calls:
        each.end = "left"

    assert world.found() == {"answers missing to half of the calls": 1}

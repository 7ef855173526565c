"""``python -m tests.faults``: traffic, faults, and whether the books are exact afterwards.

Clients call several gateways while clients leave, engines lie, hang and die, and gateways, the
workers, PostgreSQL and Valkey are killed; files of calls run as batches beside. What clients and engines wrote down is then compared with
what PostgreSQL says. Ends with status 1 unless every line is 0.

It tells now and then how far it is. Ctrl-C, SIGTERM or ``--seconds`` end the traffic early: calls and
batches under way come to their ends, and what was done is judged all the same.
"""

import argparse
import random
import signal
import sys
import time
from collections import Counter
from contextlib import suppress

import msgspec
import psycopg

from tests.faults import books, checker, journals
from tests.faults.client import Order
from tests.faults.journals import Customer, Filing
from tests.faults.stage import Stage

CLIENTS = 2
LANES = 24
#: Of the keys that no client has, these file batches: each is its organization's last.
BATCHING = (3, 7)
#: The first kill of each kind comes after so many seconds, then about every so many.
KILLS = {
    "gateway-": (2, 6),
    "engine-": (4, 9),
    "valkey": (5, 10),
    "postgres": (8, 15),
    "worker": (7, 20),
    "batches": (6, 60),
}
#: By then what was killed is back, journals are replayed and idle credit has come home.
QUIET = 60.0
#: The lease of a killed worker lasts half a minute, and lines that fail let a batch rest.
BATCHES_END = 180.0
TOLD = 5
TELL_EVERY = 30.0


def say(text):
    """Tell how far it is, beside the output."""
    print(text, file=sys.stderr, flush=True)


def orders(stage, options, customers):
    """Return what each client process has to do."""
    share = options.requests // CLIENTS
    return [
        Order(
            seed=options.seed,
            name=f"c{number}",
            ports=stage.gateway_ports,
            customers=customers[number::CLIENTS],
            calls=share + (options.requests % CLIENTS if number == 0 else 0),
            journal=str(stage.journals / f"client-{number}.jsonl"),
        )
        for number in range(CLIENTS)
    ]


def batching(stage, options, customers):
    """Return what is to be filed as batches, by keys of organizations that do nothing else."""
    return Filing(
        seed=options.seed,
        customers=[customers[CLIENTS * LANES + place] for place in BATCHING],
        journal=str(stage.journals / "client-batches.jsonl"),
    )


class Asked:
    """Whether somebody asks for an early end."""

    def __init__(self, seconds):
        self.until = time.monotonic() + seconds
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.note)

    def note(self, *_):
        """End the traffic."""
        self.until = 0.0

    def __bool__(self):
        return time.monotonic() > self.until


def harass(stage, clients, dice, asked):
    """Kill one after the other until all clients are done; return how many seconds it took."""
    began = told = time.monotonic()
    due = {kind: began + first for kind, (first, _every) in KILLS.items()}
    while any(client.poll() is None for client in clients):
        stage.tend()
        for kind in [kind for kind, at in due.items() if at < time.monotonic()]:
            if running := stage.children(kind):
                stage.kill(dice.choice(running))
            due[kind] = time.monotonic() + KILLS[kind][1] * dice.uniform(0.5, 1.5)
        if time.monotonic() - told > TELL_EVERY:
            told = time.monotonic()
            say(f"{told - began:.0f} s: {journals.written(stage.journals):,} calls")
        if asked:
            end(clients)
        time.sleep(0.05)
    return time.monotonic() - began


def end(processes):
    """Ask for the end of what has not ended."""
    for each in processes:
        if each.poll() is None:
            each.terminate()


def is_quiet(stage):
    """Tell whether nobody holds credit any more and no journal is without its process."""
    if not stage.is_up():
        return False
    with suppress(psycopg.Error), psycopg.connect(**stage.env.service.keywords()) as connection:
        held = connection.execute(books.LEASES).fetchall()
        left = len(list((stage.state / "journal").glob("*.journal")))
        return not held and left == len(stage.gateway_ports)
    return False


def perform(stage, options):
    """Let everything happen; return how many seconds it took."""
    say("starting …")
    stage.open()
    engines = [f"http://127.0.0.1:{port}/v1" for port in stage.engine_ports]
    found = {"engines": engines, "keys": CLIENTS * LANES + BATCHING[-1] + 1}
    made = stage.run("-m", "tests.faults.customers", given=found)
    customers = msgspec.json.decode(made, type=list[Customer])
    stage.serve()
    say(f"{options.requests:,} calls, seed {options.seed} …")
    filling = stage.beside("tests.faults.customers", "fill")
    filing = stage.beside("tests.faults.batching", given=batching(stage, options, customers))
    clients = [
        stage.beside("tests.faults.client", given=order)
        for order in orders(stage, options, customers[: CLIENTS * LANES])
    ]
    try:
        seconds = harass(stage, clients, random.Random(options.seed), Asked(options.seconds))
        calm(stage, filling, filing)
    finally:
        for each in (*clients, filing, filling):
            each.kill()
    if not stage.end_gateways():
        say("a gateway does not end")
    return seconds


def calm(stage, filling, filing):
    """Let everything that was begun come to its end."""
    say("waiting until all is quiet …")
    end([filing])
    if not stage.until(lambda: filing.poll() is not None, seconds=BATCHES_END):
        raise SystemExit("batches do not end")
    if filing.returncode:
        raise SystemExit("who files batches has failed")
    filling.stdin.close()
    stage.until(lambda: filling.poll() is not None)
    if not stage.until(lambda: is_quiet(stage), seconds=QUIET):
        say("it does not become quiet")


def judge(stage):
    """Return what is wrong, and what was done."""
    calls = journals.calls(stage.journals)
    kills = journals.kills(stage.journals)
    present = books.read(stage.env.service.keywords(), stage.state / "journal")
    found = checker.check(calls, journals.attempts(stage.journals), kills, present)
    return calls, kills, present, found


def table(calls, kills, present, found):
    """Return what was done and what is wrong, in lines."""
    ends = Counter(call.end for call in calls)
    refused = Counter(f"{call.status} {call.code}" for call in calls if call.end == "refused")
    killed = Counter(kill.name.partition("-")[0] for kill in kills)
    estimated = sum(event.estimated for event in present.events)
    lines = [
        "calls: " + _listed(ends),
        "of kinds: " + _listed(Counter(_kind(call) for call in calls)),
        "refused with: " + _listed(refused),
        "engines: " + _listed(Counter(call.act for call in calls)),
        "kill -9: " + _listed(killed),
        f"events: {len(present.events):,}, of these estimated {estimated:,}",
        "",
    ]
    for line in checker.LINES:
        lines.append(f"{found.counts[line]:>8}  {line}")
        lines += [f"          - {words}" for words in found.words[line][:TOLD]]
    return "\n".join(lines)


def _kind(call):
    if call.port == journals.NOWHERE:
        return "lines of batches"
    return call.kind + (" streamed" if call.stream else "")


def _listed(counts):
    return ", ".join(f"{name} {number:,}" for name, number in counts.most_common()) or "none"


def main():
    """Run, check, tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="of traffic, at most")
    parser.add_argument("--keep", action="store_true", help="leave the folder to look into")
    options = parser.parse_args()
    stage = Stage()
    try:
        seconds = perform(stage, options)
        outcome = judge(stage)
        print(table(*outcome))
        say(f"{seconds:.0f} s of traffic")
    finally:
        stage.close(keep=options.keep)
        if options.keep:
            say(f"all of it lies in {stage.state}")
    sys.exit(bool(outcome[-1].counts))


if __name__ == "__main__":
    main()

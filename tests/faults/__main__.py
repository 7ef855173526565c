"""``python -m tests.faults``: traffic, faults, and whether the books are exact afterwards.

Clients call several gateways while clients leave, engines lie, hang and die, and gateways, the
worker, PostgreSQL and Valkey are killed. What clients and engines wrote down is then compared with
what PostgreSQL says. Ends with status 1 unless every line is 0.
"""

import argparse
import random
import sys
import time
from collections import Counter
from contextlib import suppress

import msgspec
import psycopg

from tests.faults import books, checker, journals
from tests.faults.client import Order
from tests.faults.journals import Customer
from tests.faults.stage import Stage

CLIENTS = 2
LANES = 24
#: The first kill of each kind comes after so many seconds, then about every so many.
KILLS = {
    "gateway-": (2, 6),
    "engine-": (4, 9),
    "valkey": (5, 10),
    "postgres": (8, 15),
    "worker": (7, 20),
}
#: By then what was killed is back, journals are replayed and idle credit has come home.
QUIET = 60.0
TOLD = 5


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


def harass(stage, clients, dice):
    """Kill one after the other until all clients are done."""
    began = time.monotonic()
    due = {kind: began + first for kind, (first, _every) in KILLS.items()}
    while any(client.poll() is None for client in clients):
        stage.tend()
        for kind in [kind for kind, at in due.items() if at < time.monotonic()]:
            if running := stage.children(kind):
                stage.kill(dice.choice(running))
            due[kind] = time.monotonic() + KILLS[kind][1] * dice.uniform(0.5, 1.5)
        time.sleep(0.05)
    return time.monotonic() - began


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
    found = {"engines": engines, "keys": CLIENTS * LANES}
    made = stage.run("-m", "tests.faults.customers", given=found)
    customers = msgspec.json.decode(made, type=list[Customer])
    stage.serve()
    say(f"{options.requests:,} calls, seed {options.seed} …")
    filling = stage.beside("tests.faults.customers", "fill")
    clients = [
        stage.beside("tests.faults.client", given=order)
        for order in orders(stage, options, customers)
    ]
    try:
        seconds = harass(stage, clients, random.Random(options.seed))
    finally:
        for client in clients:
            client.kill()
    say("waiting until all is quiet …")
    filling.stdin.close()
    stage.until(lambda: filling.poll() is not None)
    stage.until(lambda: is_quiet(stage), seconds=QUIET)
    if not stage.end_gateways():
        say("a gateway does not end")
    return seconds


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


def _listed(counts):
    return ", ".join(f"{name} {number:,}" for name, number in counts.most_common()) or "none"


def main():
    """Run, check, tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
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

"""The measurements behind ``benchmarks.gateway``: the same calls directly and through it."""

import sys
import time
from http.client import HTTPConnection
from typing import Any

import msgspec

from benchmarks import machine
from benchmarks.load import Plan, Seen
from benchmarks.stack import Stack
from portal.embedded import launch

CHAT = "/v1/chat/completions"
#: An ordinary short conversation: about 300 bytes of prompt, and so many tokens of answer.
MESSAGES = [
    {"role": "system", "content": "You answer the questions of a telephone company's customers."},
    {"role": "user", "content": "My invoice is higher than last month. " * 6 + "Why is that?"},
]
ANSWER = 32
#: A long prompt, and a long stream: so many tokens, each a chunk of its own.
LONG_KIB, CHUNKS, CHUNK_MS = 32, 100, 2
#: A stream that nobody reads has some 200 KB, several times what may wait for a slow client.
UNREAD_TOKENS, UNREAD_SECONDS = 1000, 8.0
#: By then the recorder has written what it waited with.
SETTLE = 1.0
#: While the engine is called directly the gateway forgets keys and prices and gives its credit back. So long
#: it is called before each turn of its own is measured, as one is that is called all the time.
WAKE = 0.5
#: So long nothing is called, to see what waiting costs.
QUIET = 3.0
#: Streams that stay open while memory is read: a token every so many milliseconds.
PACE_MS = 400


class Options(msgspec.Struct):
    """How long and how hard."""

    seconds: float
    rounds: int
    per_second: float
    callers: int
    customers: int
    streams: int
    #: Calls between the two readings of the memory that must not grow.
    endurance: int = 10_000


class Cost(msgspec.Struct):
    """Processor time in milliseconds, by what ran: for one call, or for a second of waiting."""

    gateway: float
    postgres: float
    valkey: float
    engine: float


class Compared(msgspec.Struct):
    """The same calls to the engine directly and through the gateway, in turn."""

    direct: list[Seen]
    through: list[Seen]
    cost: Cost

    def middle(self, way: str, measure: str, percentile: str) -> float:
        """Return the median over the rounds of one percentile."""
        found = sorted(getattr(getattr(each, measure), percentile) for each in getattr(self, way))
        return float(found[len(found) // 2])

    def per_second(self, way: str) -> float:
        """Return the calls a second over all rounds."""
        rounds: list[Seen] = getattr(self, way)
        return sum(each.good for each in rounds) / sum(each.seconds for each in rounds)


class Memory(msgspec.Struct):
    """The gateway's memory with and without open streams."""

    idle_mib: float
    streams: int
    with_streams_mib: float
    kib_per_stream: float
    #: While the same number of clients read nothing of their streams.
    unread_mib: float
    calls: int
    #: What is resident after so many calls, and was before.
    after_calls_mib: float
    before_calls_mib: float


class Books(msgspec.Struct):
    """Whether what was called is what was metered and paid."""

    good_calls: int
    tokens_told: int
    facts: dict[str, float]
    problems: list[str]


class Bench:
    """One run on a started stack."""

    def __init__(self, stack: Stack, options: Options) -> None:
        self.stack = stack
        self.options = options
        made = stack.ask("benchmarks.customers", options.customers)
        self.keys, self.model = made["keys"], made["model"]
        self.engine, self.gateway = stack.engine(), stack.gateway()
        self.good = self.told = 0
        self.idle = Cost(0, 0, 0, 0)

    def warm_up(self) -> None:
        """Call a little of everything, then see what nothing costs."""
        self.order(fixed=ANSWER)
        for streamed in (False, True):
            for through in (False, True):
                plan = self.plan(streamed=streamed, through=through, seconds=0.5, callers=4)
                self.load(plan)
        time.sleep(SETTLE)
        before = self.costs()
        time.sleep(QUIET)
        spent = zip(before, self.costs(), strict=True)
        self.idle = Cost(*(round((b - a) / QUIET, 3) for a, b in spent))

    def order(self, **behaviour: Any) -> None:
        """Tell the engine how to behave."""
        self._desk("POST", "/demo/behaviour", msgspec.json.encode(behaviour))

    def running(self) -> int:
        """Return how many answers the engine is writing now."""
        found = msgspec.json.decode(self._desk("GET", "/demo/requests?limit=1"))
        running: int = found["totals"]["running"]
        return running

    def _desk(self, method: str, path: str, body: bytes | None = None) -> bytes:
        connection = HTTPConnection("127.0.0.1", self.stack.env.engine_port, timeout=5)
        try:
            connection.request(method, path, body)
            return connection.getresponse().read()
        finally:
            connection.close()

    def plan(self, *, streamed: bool, through: bool, long: bool = False, **facts: Any) -> Plan:
        """Return a plan for the engine or for the gateway."""
        body: dict[str, Any] = {"model": self.model, "messages": MESSAGES, "max_tokens": 1000}
        if long:
            said = MESSAGES[1]["content"] * (LONG_KIB * 1024 // len(MESSAGES[1]["content"]))
            body["messages"] = [{"role": "user", "content": said}]
        if streamed:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        env = self.stack.env
        return Plan(
            port=env.gateway_port if through else env.engine_port,
            path=CHAT,
            keys=self.keys,
            bodies=[msgspec.json.encode(body).decode()],
            **facts,
        )

    def load(self, plan: Plan) -> Seen:
        """Run a plan in a process of its own."""
        seen = msgspec.convert(self.stack.ask("benchmarks.load", plan), Seen)
        if plan.port == self.stack.env.gateway_port:
            self.good += seen.good
            self.told += seen.tokens
        return seen

    def compare(self, title: str, *, streamed: bool, **facts: Any) -> Compared:
        """Call directly and through the gateway in turn, so that both meet the same machine."""
        say(f"{title} …")
        direct, through = [], []
        costs: list[list[float]] = []
        facts["seconds"] = self.options.seconds
        for _round in range(self.options.rounds):
            direct.append(self.load(self.plan(streamed=streamed, through=False, **facts)))
            plan = self.plan(streamed=streamed, through=True, **facts)
            self.load(msgspec.structs.replace(plan, seconds=WAKE))
            through.append(self._through(plan, costs))
        means = [round(sum(each) / len(each), 3) for each in zip(*costs, strict=True)]
        return Compared(direct, through, Cost(*means))

    def _through(self, plan: Plan, costs: list[list[float]]) -> Seen:
        """Call through the gateway; adds what one call cost beyond what waiting costs."""
        begun, before = time.monotonic(), self.costs()
        seen = self.load(plan)
        time.sleep(SETTLE)
        seconds, after = time.monotonic() - begun, self.costs()
        waiting = msgspec.structs.astuple(self.idle)
        spent = zip(before, after, waiting, strict=True)
        costs.append([max(0.0, b - a - w * seconds) / max(1, seen.good) for a, b, w in spent])
        return seen

    def costs(self) -> list[float]:
        """Return the processor time so far of the gateway, PostgreSQL, Valkey and the engine."""
        return [
            machine.cpu_ms(self.gateway.pid or 0),
            machine.family_cpu_ms(self.stack.storage("postgres")),
            machine.cpu_ms(self.stack.storage("valkey")),
            machine.cpu_ms(self.engine.pid or 0),
        ]

    def chunks(self) -> Compared:
        """Compare streams of :data:`CHUNKS` chunks that come one by one."""
        self.order(fixed=CHUNKS, delay_token_ms=CHUNK_MS)
        found = self.compare(f"{CHUNKS} chunks", streamed=True, callers=self.options.callers)
        self.order(fixed=ANSWER)
        return found

    def memory(self) -> Memory:
        """Read the gateway's memory after many calls, with many streams, and with slow readers."""
        say("memory …")
        streams, calls = self.options.streams, self.options.endurance
        before = self._mib()
        callers, hour = self.options.callers, 3600.0
        self.load(
            self.plan(streamed=False, through=True, seconds=hour, callers=callers, most_calls=calls)
        )
        idle = self._mib()
        self.order(fixed=ANSWER, delay_token_ms=PACE_MS)
        open_now = self._mib_with_streams(ANSWER * PACE_MS / 1000)
        self.order(fixed=UNREAD_TOKENS)
        unread = self._mib_with_streams(UNREAD_SECONDS, reads_after=UNREAD_SECONDS)
        self.order(fixed=ANSWER)
        each = round((open_now - idle) * 1024 / max(1, streams), 1)
        return Memory(idle, streams, open_now, each, unread, calls, idle, before)

    def _mib(self) -> float:
        return round(machine.memory_kib(self.gateway.pid or 0) / 1024, 1)

    def _mib_with_streams(self, seconds: float, **facts: Any) -> float:
        """Return the memory while all streams are open, which they are for so long."""
        streams = self.options.streams
        plan = self.plan(
            streamed=True, through=True, seconds=30.0, callers=streams, most_calls=streams, **facts
        )
        with self.stack.aside("benchmarks.load", plan) as output:
            launch.wait_until(lambda: self.running() >= streams, seconds=seconds)
            found = self._mib()
            seen = msgspec.json.decode(output(), type=Seen)
        self.good += seen.good
        self.told += seen.tokens
        return found

    def books(self) -> Books:
        """Stop the gateway, which gives everything back, and look whether the books agree."""
        say("books …")
        self.stack.end(self.gateway)
        facts = self.stack.ask("benchmarks.books")
        return Books(self.good, self.told, facts, problems(self.good, self.told, facts))

    def committed(self) -> Compared:
        """Compare with a gateway whose answers wait for PostgreSQL; the other one has ended."""
        self.gateway = self.stack.gateway(METERING_DURABILITY="commit")
        self.load(self.plan(streamed=False, through=True, seconds=0.5, callers=4))
        rate = self.options.per_second
        return self.compare("commit durability", streamed=False, per_second=rate)


def problems(good: int, told: int, facts: dict[str, float]) -> list[str]:
    """Return what does not agree, in words; nothing when the books are right."""
    same = {"events": good, "rated": good, "in_buckets": good, "tokens": told}
    found = [
        f"{name} is {facts[name]:.0f}, and {wanted} was expected"
        for name, wanted in same.items()
        if facts[name] != wanted
    ]
    found += [
        f"{name} is {value!r}, and 0 was expected"
        for name, value in facts.items()
        if name not in same and value
    ]
    return found


def say(text: str) -> None:
    """Tell how far it is, beside the output."""
    print(text, file=sys.stderr, flush=True)

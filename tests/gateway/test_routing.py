"""Which engine is asked, which is asked less, and which is shut out; engines here are scripted."""

from collections import Counter

import msgspec
import pytest

from gateway import breaker, routing
from gateway.breaker import CLOSED, HALF_OPEN, IN_A_ROW, OPEN, Engine
from gateway.errors import Unavailable, UpstreamFailed
from gateway.routing import Question, Router
from gateway.upstreams.base import UpstreamError
from marketplace.queries import RouteSnapshot

UNREACHABLE = UpstreamError("no connection", reached=False)
SILENT = UpstreamError("no answer", reached=True)


class Said:
    """An answer of which only the status matters."""

    def __init__(self, status):
        self.status = status

    def close(self):
        """Do nothing."""


class Fleet:
    """Engines that answer as scripted by address: a status, or an error that is raised."""

    def __init__(self, **says):
        self.says = says
        self.asked = []
        self.patience = {}

    async def post(self, base_url, credential, path, body, patience, headers):
        """Answer."""
        self.asked.append(base_url)
        self.patience[base_url] = patience
        said = self.says[base_url]
        if isinstance(said, UpstreamError):
            raise said
        return Said(said)


def route(name, **facts):
    return RouteSnapshot(
        base_url=name,
        credential="secret",
        upstream_model="m",
        **{"weight": 1, "priority": 0, "server": name, **facts},
    )


def ordered(*names, **facts):
    """Return routes that are tried one after the other."""
    return [route(name, priority=place, **facts) for place, name in enumerate(names)]


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until it is moved."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(routing, "time", clock)
    return clock


async def ask(router, routes, **facts):
    """Ask, and let the answer go."""
    answer = await router.ask(routes, Question("/chat/completions", lambda _route: b"{}", **facts))
    answer.close()
    return answer.status


async def refused(router, routes, error, **facts):
    """Ask in vain; returns the refusal."""
    with pytest.raises(error) as caught:
        await ask(router, routes, **facts)
    return caught.value


async def shut(router, routes):
    """Let an engine fail until it is shut out."""
    for _time in range(IN_A_ROW):
        await refused(router, routes, Unavailable)


@pytest.mark.parametrize("said", [UNREACHABLE, SILENT, 500, 502, 503, 504, 429, 401, 403, 404, 302])
async def test_what_an_engine_fails_at_another_is_asked(clock, said):
    fleet = Fleet(first=said, second=200)

    assert await ask(Router(fleet), ordered("first", "second")) == 200


@pytest.mark.parametrize("status", [200, 400, 413, 422])
async def test_what_is_about_the_request_is_not_asked_twice(clock, status):
    fleet = Fleet(first=status, second=200)

    assert await ask(Router(fleet), ordered("first", "second")) == status
    assert fleet.asked == ["first"]


async def test_when_all_fail_the_last_refusal_counts(clock):
    assert (
        await ask(Router(Fleet(first=UNREACHABLE, second=429)), ordered("first", "second")) == 429
    )


async def test_engines_that_took_the_request_and_said_nothing_are_502(clock):
    fleet = Fleet(first=SILENT, second=UNREACHABLE)

    await refused(Router(fleet), ordered("first", "second"), UpstreamFailed)


async def test_a_connection_that_breaks_at_once_is_tried_once_more(clock):
    fleet = Fleet(only=SILENT)

    await refused(Router(fleet), ordered("only"), UpstreamFailed)

    assert fleet.asked == ["only", "only"]


async def test_one_request_does_not_try_every_engine_there_is(clock):
    names = [f"e{number}" for number in range(9)]
    fleet = Fleet(**dict.fromkeys(names, UNREACHABLE))

    await refused(Router(fleet), ordered(*names), Unavailable)

    assert fleet.asked == names[: routing.MOST_TRIES]


async def test_an_engine_that_fails_five_times_in_a_row_is_not_asked_for_a_while(clock):
    fleet = Fleet(only=UNREACHABLE)
    router = Router(fleet)
    await shut(router, ordered("only"))

    clock.now += 1.5
    refusal = await refused(router, ordered("only"), Unavailable)

    assert len(fleet.asked) == IN_A_ROW
    assert (refusal.status, refusal.headers["retry-after"]) == (503, "4")


async def test_a_good_answer_between_failures_keeps_it_in(clock):
    fleet = Fleet(only=UNREACHABLE)
    router = Router(fleet)
    for _round in range(3):
        fleet.says["only"] = UNREACHABLE
        for _time in range(IN_A_ROW - 1):
            await refused(router, ordered("only"), Unavailable)
        fleet.says["only"] = 200
        assert await ask(router, ordered("only")) == 200


async def test_after_its_pause_one_request_tries_it_and_lets_the_others_in(clock):
    fleet = Fleet(only=UNREACHABLE)
    router = Router(fleet)
    await shut(router, ordered("only"))
    (engine,) = router.engines
    clock.now += breaker.PAUSE
    assert engine.state(clock.now) == HALF_OPEN
    assert engine.take(clock.now)

    assert engine.state(clock.now) == OPEN
    await refused(router, ordered("only"), Unavailable)
    engine.answered(clock.now)
    engine.end_trial()
    fleet.says["only"] = 200

    assert await ask(router, ordered("only")) == 200
    assert engine.state(clock.now) == CLOSED


async def test_who_asks_it_in_spite_of_a_trial_lets_no_second_trial_in(clock):
    fleet = Fleet(only=UNREACHABLE)
    router = Router(fleet)
    await shut(router, ordered("only"))
    (engine,) = router.engines
    clock.now += breaker.PAUSE

    taken = [engine.take(clock.now) for _request in range(3)]

    assert taken == [True, False, False]
    assert engine.state(clock.now) == OPEN


async def test_a_trial_that_fails_shuts_it_out_for_twice_as_long(clock):
    fleet = Fleet(only=UNREACHABLE)
    router = Router(fleet)
    await shut(router, ordered("only"))
    clock.now += breaker.PAUSE
    await refused(router, ordered("only"), Unavailable)

    refusal = await refused(router, ordered("only"), Unavailable)

    assert refusal.headers["retry-after"] == str(int(2 * breaker.PAUSE))
    assert len(fleet.asked) == IN_A_ROW + 1


async def test_a_trial_whose_client_leaves_passes_to_the_next_request(clock):
    fleet = Fleet(only=UNREACHABLE)
    router = Router(fleet)
    await shut(router, ordered("only"))
    clock.now += breaker.PAUSE
    fleet.says["only"] = 200

    def gone(_route):
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await router.ask(ordered("only"), Question("/chat/completions", gone))

    assert await ask(router, ordered("only")) == 200
    assert next(iter(router.engines)).running == 0


async def test_failures_that_were_on_their_way_do_not_lengthen_the_pause():
    engine = Engine("server", "m", 0.0)

    for _time in range(100):
        engine.failed(0.0, "unreachable", shuts=True)

    assert (engine.shut_until, engine.times_shut) == (breaker.PAUSE, 1)


async def test_a_trial_is_short_where_another_could_answer(clock):
    fleet = Fleet(first=UNREACHABLE, second=200)
    router = Router(fleet)
    await shut(router, ordered("first"))
    clock.now += breaker.PAUSE

    await ask(router, ordered("first", "second"))

    assert fleet.patience["first"].first_byte == routing.TRIAL
    assert fleet.patience["second"].first_byte == 120


@pytest.mark.parametrize("said", [500, 429, 404, 401])
async def test_nobody_shuts_others_out_by_what_an_engine_answers_with_an_error(clock, said):
    fleet = Fleet(only=said)
    router = Router(fleet)

    for _time in range(3 * IN_A_ROW):
        assert await ask(router, ordered("only")) == said


async def test_nobody_shuts_others_out_by_long_answers(clock):
    fleet = Fleet(only=SILENT)
    router = Router(fleet)

    for _time in range(3 * IN_A_ROW):
        await refused(router, ordered("only"), UpstreamFailed, whole=4000)


async def test_a_whole_answer_gets_the_time_its_length_needs(clock):
    fleet = Fleet(only=200)

    await ask(Router(fleet), ordered("only", first_byte_seconds=20), whole=1000)

    assert fleet.patience["only"].first_byte == 20 + 1000 / routing.SLOWEST


async def test_a_server_has_the_patience_that_staff_set(clock):
    fleet = Fleet(only=200)
    facts = {"connect_seconds": 1, "first_byte_seconds": 20, "idle_seconds": 3}

    await ask(Router(fleet), ordered("only", **facts))

    assert msgspec.structs.astuple(fleet.patience["only"]) == (1, 20, 3)


async def test_an_engine_that_fails_is_asked_less_and_recovers(clock):
    fleet = Fleet(bad=500, good=200)
    router = Router(fleet)
    routes = [route("bad"), route("good")]
    for _time in range(200):
        await ask(router, routes)

    tried = Counter(fleet.asked)["bad"]
    fleet.asked.clear()
    clock.now += 10 * breaker.HALVED_AFTER
    fleet.says["bad"] = 200
    for _time in range(200):
        await ask(router, routes)

    assert tried < 50
    assert 60 < Counter(fleet.asked)["bad"] < 140


async def test_weights_and_priorities_hold(clock):
    fleet = Fleet(heavy=200, light=200, spare=200)
    routes = [route("heavy", weight=9), route("light"), route("spare", weight=99, priority=1)]
    router = Router(fleet)

    for _time in range(500):
        await ask(router, routes)

    counted = Counter(fleet.asked)
    assert counted["spare"] == 0
    assert 400 < counted["heavy"] < 490


async def test_a_draining_server_is_asked_only_when_no_other_answers(clock):
    fleet = Fleet(leaving=200, staying=200)
    routes = [route("leaving", weight=99, is_draining=True), route("staying", priority=5)]
    router = Router(fleet)
    for _time in range(20):
        await ask(router, routes)
    assert set(fleet.asked) == {"staying"}

    fleet.says["staying"] = UNREACHABLE

    assert await ask(router, routes) == 200
    assert fleet.asked[-1] == "leaving"


async def test_engines_of_old_addresses_are_forgotten(monkeypatch):
    monkeypatch.setattr(breaker, "MANY", 10)
    engines = breaker.Engines()
    for number in range(50):
        engines.find(f"old-{number}", "m", "server", 10_000.0 * number)

    assert len(list(engines)) <= 10


async def test_a_route_never_shows_its_credential():
    assert "secret" not in repr(route("only"))


async def test_an_ill_server_is_asked_after_all_others(clock):
    fleet = Fleet(ill=200, draining=200, well=200)
    routes = [
        route("ill", is_passed_over=True),
        route("draining", is_draining=True),
        route("well", priority=9),
    ]

    assert await ask(Router(fleet), routes) == 200
    fleet.says["well"] = UNREACHABLE
    assert await ask(Router(fleet), routes) == 200
    fleet.says["draining"] = UNREACHABLE
    assert await ask(Router(fleet), routes) == 200

    assert fleet.asked == ["well", "well", "draining", "well", "draining", "ill"]


async def test_where_all_servers_are_ill_they_are_asked_as_ever(clock):
    fleet = Fleet(first=200, second=200)

    assert await ask(Router(fleet), ordered("first", "second", is_passed_over=True)) == 200
    assert await ask(Router(fleet), [route("second", is_passed_over=True)]) == 200

    assert fleet.asked == ["first", "second"]

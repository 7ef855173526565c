"""The protocol of the gateway's own port, with a small application in place of the gateway."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from gateway import http1
from gateway.errors import BodyTooLarge, ClientGone
from gateway.http1 import Connection, Host
from gateway.proxies import Proxies

GET = b"GET /a%20b?x=1 HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST /p HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n"


async def echo(exchange):
    """Say what came."""
    body = await exchange.body()
    said = f"{exchange.method} {exchange.path} {exchange.address} ".encode() + body
    await exchange.answer(200, said)


@asynccontextmanager
async def listening(serve=echo, trusted=""):
    """Serve this application; yields a way to connect, and the host."""
    host = Host(serve, Proxies(trusted))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(host), "127.0.0.1", 0)
    writers = []

    async def connect():
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writers.append(writer)
        return reader, writer

    yield connect, host
    for writer in writers:
        writer.close()
    server.close()


async def answer(reader):
    """Return the head and the body of one answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    (length,) = [line for line in head.splitlines() if line.startswith("content-length")]
    return head, await reader.readexactly(int(length.split(": ")[1]))


async def test_a_connection_is_kept_for_the_next_request():
    async with listening() as (connect, _host):
        reader, writer = await connect()
        for _number in range(3):
            writer.write(GET)
            assert (await answer(reader))[1] == b"GET /a b 127.0.0.1 "


async def test_requests_that_come_together_are_answered_in_turn():
    begun = []

    async def slow(exchange):
        begun.append(exchange.path)
        await asyncio.sleep(0.02 if len(begun) == 1 else 0)
        await exchange.answer(200, exchange.path.encode())

    async with listening(slow) as (connect, _host):
        reader, writer = await connect()
        writer.write(b"".join(b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % n for n in range(5)))
        bodies = [(await answer(reader))[1] for _ in range(5)]

    assert bodies == [b"/0", b"/1", b"/2", b"/3", b"/4"]


async def test_too_many_requests_at_once_end_the_connection():
    async with listening() as (connect, _host):
        reader, writer = await connect()
        writer.write(GET * 100)

        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            [await answer(reader) for _ in range(100)]


async def test_a_body_comes_in_pieces_and_whole():
    async with listening() as (connect, _host):
        reader, writer = await connect()
        for piece in (POST[:20], POST[20:], b"he", b"llo"):
            writer.write(piece)
            await asyncio.sleep(0.01)

        assert (await answer(reader))[1].endswith(b" hello")


async def test_a_chunked_body_is_put_together():
    chunked = b"POST /p HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"

    async with listening() as (connect, _host):
        reader, writer = await connect()
        writer.write(chunked + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n" + GET)

        assert (await answer(reader))[1].endswith(b" hello")
        assert (await answer(reader))[1].startswith(b"GET")


async def test_what_stands_behind_a_body_is_no_header():
    async def tell(exchange):
        await exchange.body()
        await exchange.answer(200, b" ".join(exchange.headers))

    chunked = b"POST /p HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    async with listening(tell) as (connect, _host):
        reader, writer = await connect()
        writer.write(chunked + b"2\r\nhe\r\n0\r\nauthorization: Bearer x\r\n\r\n" + GET)
        bodies = [(await answer(reader))[1] for _ in range(2)]

    assert bodies == [b"host transfer-encoding", b"host"]


async def test_what_stands_behind_a_body_has_an_end():
    chunked = b"POST /p HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"

    async with listening() as (connect, host):
        _reader, writer = await connect()
        writer.write(chunked + b"2\r\nhe\r\n0\r\nx: ")
        for _number in range(20):
            writer.write(b"a" * 9_999 + b"\r\nx: ")
            await asyncio.sleep(0.01)

        assert host.connections == set()


async def test_a_client_that_asks_first_is_told_to_go_on():
    async with listening() as (connect, _host):
        reader, writer = await connect()
        writer.write(POST[:-2] + b"expect: 100-continue\r\n\r\n")
        told = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"hello")

        assert told == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert (await answer(reader))[1].endswith(b" hello")


async def test_an_upgrade_is_answered_as_if_it_were_not_asked_for_and_ends_the_connection():
    upgrade = GET[:-2] + b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\n\r\n"

    async with listening() as (connect, _host):
        reader, writer = await connect()
        writer.write(upgrade + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        head, body = await answer(reader)

        assert (body, "connection: close" in head) == (b"GET /a b 127.0.0.1 ", True)
        assert await reader.read() == b""


async def test_a_refusal_is_read_although_the_body_still_comes():
    async def refuse(exchange):
        await exchange.refuse(BodyTooLarge("Too much."))

    large = b"POST /p HTTP/1.1\r\nhost: x\r\ncontent-length: 3000000\r\n\r\n"
    async with listening(refuse) as (connect, _host):
        reader, writer = await connect()
        writer.write(large + b"x" * 3_000_000 + GET)
        heads = [(await answer(reader))[0] for _ in range(2)]

    assert [head[:12] for head in heads] == ["HTTP/1.1 413"] * 2


async def test_an_old_client_gets_an_answer_that_ends_with_the_connection():
    async def stream(exchange):
        await exchange.start(200, "text/plain", {})
        await exchange.write(b"one", more=True)
        await exchange.write(b"two", more=False)

    async with listening(stream) as (connect, _host):
        old, new = [await connect() for _ in range(2)]
        old[1].write(b"GET / HTTP/1.0\r\n\r\n")
        new[1].write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        answers = [await old[0].read(), await new[0].read()]

    assert answers[0].endswith(b"\r\n\r\nonetwo")
    assert answers[1].endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


async def test_a_client_that_leaves_ends_what_is_done_for_it():
    seen = []

    async def watched(exchange):
        exchange.watch()
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            seen.append(exchange.gone)
            raise

    async def reading(exchange):
        with pytest.raises(ClientGone):
            await exchange.body()
        seen.append(exchange.gone)

    for application in (watched, reading):
        async with listening(application) as (connect, host):
            _reader, writer = await connect()
            writer.write(POST)
            await asyncio.sleep(0.02)
            writer.transport.abort()
            await asyncio.wait(host.tasks, timeout=2)

    assert seen == [True, True]


async def test_an_answer_that_fails_half_way_ends_the_connection():
    async def broken(exchange):
        await exchange.start(200, "text/plain", {})
        await exchange.write(b"one", more=True)

    async with listening(broken) as (connect, _host):
        reader, writer = await connect()
        writer.write(GET)

        assert (await reader.read()).endswith(b"3\r\none\r\n")


async def test_patience_ends(monkeypatch):
    monkeypatch.setattr(http1, "HEAD_PATIENCE", -1)
    monkeypatch.setattr(http1, "KEEP_ALIVE", -1)

    async with listening() as (connect, host):
        unfinished, idle = [await connect() for _ in range(2)]
        unfinished[1].write(GET[:10])
        idle[1].write(GET)
        await answer(idle[0])
        host.tick()

        assert [await each[0].read() for each in (unfinished, idle)] == [b"", b""]


async def test_a_client_that_takes_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(http1, "WRITE_PATIENCE", -1)
    ended = asyncio.Event()

    async def pour(exchange):
        exchange.watch()
        await exchange.start(200, "text/plain", {})
        try:
            while True:
                await exchange.write(b"x" * 100_000, more=True)
        finally:
            ended.set()

    async with listening(pour) as (connect, host):
        _reader, writer = await connect()
        writer.write(GET)
        writer.transport.pause_reading()
        while not ended.is_set():
            await asyncio.sleep(0.05)
            host.tick()
        assert host.connections == set()


async def test_a_client_that_does_not_take_the_end_of_an_answer_is_given_up(monkeypatch):
    monkeypatch.setattr(http1, "WRITE_PATIENCE", -1)
    monkeypatch.setattr(http1, "KEEP_ALIVE", -1)

    async def fill(exchange):
        await exchange.start(200, "text/plain", {})
        while not exchange._connection._transport.get_write_buffer_size():
            await exchange.write(b"x" * 10_000, more=True)
        await exchange.write(b"", more=False)

    async with listening(fill) as (connect, host):
        _reader, writer = await connect()
        writer.write(GET)
        writer.transport.pause_reading()
        await asyncio.sleep(0.1)
        assert not host.tasks
        for _second in range(3):
            host.tick()
            await asyncio.sleep(0.02)

        assert host.connections == set()


async def test_draining_ends_idle_connections_and_lets_answers_end():
    go_on = asyncio.Event()

    async def slow(exchange):
        await go_on.wait()
        await exchange.answer(200, b"done")

    async with listening(slow) as (connect, host):
        idle, busy = [await connect() for _ in range(2)]
        busy[1].write(GET)
        await asyncio.sleep(0.02)
        host.drain()
        assert await idle[0].read() == b""
        go_on.set()
        head, body = await answer(busy[0])

        assert (body, "connection: close" in head) == (b"done", True)
        assert await busy[0].read() == b""


@pytest.mark.parametrize(
    ("trusted", "passed_on", "seen"),
    [
        ("", "192.0.2.7", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "10.9.9.9, 192.0.2.7", "192.0.2.7"),
        ("127.0.0.1, 192.0.2.0/24", "10.9.9.9, 192.0.2.7", "10.9.9.9"),
        ("*", "10.9.9.9, 192.0.2.7", "10.9.9.9"),
        ("127.0.0.1", "nonsense", "nonsense"),
    ],
)
async def test_only_a_trusted_proxy_says_who_the_client_is(trusted, passed_on, seen):
    async with listening(trusted=trusted) as (connect, _host):
        reader, writer = await connect()
        writer.write(GET[:-2] + f"x-forwarded-for: {passed_on}\r\n\r\n".encode())

        assert (await answer(reader))[1] == f"GET /a b {seen} ".encode()

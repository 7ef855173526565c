"""Connections to engines: what a server may do to an answer; the engine here is a bare socket."""

import asyncio
import gzip
from contextlib import asynccontextmanager

import pytest

from gateway.upstreams import openai_compatible
from gateway.upstreams.base import Patience, UpstreamError
from gateway.upstreams.openai_compatible import OpenAICompatible

BODY = b'{"ok":true}'
LENGTH = b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n"


@asynccontextmanager
async def engine(serve):
    """Serve each connection with this function; yields a way to post, and the connections."""
    connections = []

    async def accept(reader, writer):
        connections.append(writer)
        with_end = serve(reader, writer)
        try:
            await with_end
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    upstream = OpenAICompatible()
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"

    async def post(path="/chat/completions", credential="secret", limit=1_000_000, **facts):
        answer = await upstream.post(address, credential, path, b"{}", **facts)
        try:
            return answer.status, await answer.read(limit) if limit else b""
        finally:
            answer.close()

    yield post, connections
    await upstream.close()
    server.close()


def saying(*pieces):
    """Answer every request on a connection with these bytes."""

    async def serve(reader, writer):
        while True:
            await reader.readuntil(b"\r\n\r\n{}")
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0.01)

    return serve


def ending(*pieces):
    """Answer with these bytes and hang up."""

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n{}")
        writer.writelines(pieces)
        writer.close()

    return serve


async def test_a_connection_serves_one_request_after_the_other():
    async with engine(saying(LENGTH + b"\r\n", BODY)) as (post, connections):
        answers = [await post() for _ in range(3)]

    assert answers == [(200, BODY)] * 3
    assert len(connections) == 1


async def test_a_connection_that_was_closed_while_idle_is_replaced():
    async with engine(saying(LENGTH + b"\r\n" + BODY)) as (post, connections):
        await post()
        connections[0].transport.abort()

        assert await post() == (200, BODY)
    assert len(connections) == 2


async def test_a_kept_connection_that_ends_before_its_answer_is_replaced_as_well():
    async def once(reader, writer):
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(LENGTH + b"\r\n" + BODY)
        await reader.readuntil(b"\r\n\r\n{}")
        writer.close()

    async with engine(once) as (post, connections):
        assert [await post(), await post()] == [(200, BODY)] * 2
    assert len(connections) == 2


async def test_an_answer_that_breaks_off_is_not_asked_for_again():
    async with engine(ending(LENGTH, b"\r\n", BODY[:5])) as (post, connections):
        with pytest.raises(UpstreamError, match="closed"):
            await post()

    assert len(connections) == 1


async def test_an_announcement_is_not_the_answer():
    async with engine(saying(b"HTTP/1.1 103 Early Hints\r\n\r\n", LENGTH + b"\r\n" + BODY)) as (
        post,
        _connections,
    ):
        assert await post() == (200, BODY)


async def test_an_answer_without_a_length_ends_with_its_connection():
    async with engine(ending(b"HTTP/1.1 200 OK\r\n\r\n", BODY)) as (post, connections):
        assert [await post(), await post()] == [(200, BODY)] * 2
    assert len(connections) == 2


async def test_a_packed_answer_is_unpacked():
    packed = gzip.compress(BODY)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)

    async with engine(saying(head, packed[:9], packed[9:])) as (post, _connections):
        assert await post() == (200, BODY)


@pytest.mark.parametrize(
    "pieces",
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n",),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\ncontent-length: 12\r\n\r\n", BODY),
        (b"HTTP/1.1 200 OK\r\n" + b"x-more: " + b"a" * 400_000,),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 11\r\n\r\n", BODY),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",),
    ],
)
async def test_what_cannot_be_read_is_a_failure_of_the_engine(pieces):
    async with engine(ending(*pieces)) as (post, _connections):
        with pytest.raises(UpstreamError) as caught:
            await post()

    assert caught.value.reached


async def test_what_nobody_asked_for_is_not_taken_for_the_next_answer():
    async with engine(saying(LENGTH + b"\r\n" + BODY, LENGTH + b'\r\n{"ok":null}')) as (
        post,
        connections,
    ):
        first = await post()
        await asyncio.sleep(0.05)

        assert [first, await post()] == [(200, BODY)] * 2
    assert len(connections) == 2


@pytest.mark.parametrize("more", [b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nmore", b"more"])
async def test_what_comes_with_the_end_of_an_answer_is_no_part_of_it(more):
    async with engine(saying(LENGTH + b"\r\n" + BODY + more)) as (post, connections):
        answers = [await post() for _ in range(2)]

    assert answers == [(200, BODY)] * 2
    assert len(connections) == 2


async def test_a_large_answer_that_nobody_took_holds_up_no_other():
    large = b"x" * 100_000
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"

    async with engine(saying(head + large)) as (post, _connections):
        for _number in range(5):
            await post(limit=0)

            async with asyncio.timeout(2):
                assert await post() == (200, large)


async def test_an_engine_that_falls_silent_is_not_asked_the_same_again():
    asked = []

    async def once(reader, writer):
        while True:
            asked.append(await reader.readuntil(b"\r\n\r\n{}"))
            if len(asked) == 1:
                writer.write(LENGTH + b"\r\n" + BODY)

    async with engine(once) as (post, _connections):
        await post()

        with pytest.raises(UpstreamError, match="silent"):
            await post(patience=Patience(first_byte=0.1))
    assert len(asked) == 2


async def test_an_answer_that_is_packed_too_densely_is_not_unpacked():
    packed = gzip.compress(bytes(50_000_000))
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)

    async with engine(saying(head + packed)) as (post, _connections):
        with pytest.raises(UpstreamError):
            await post(limit=100_000_000)


async def test_an_answer_that_is_too_large_is_not_read_to_its_end():
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n"

    async with engine(saying(head, *[b"x" * 100_000] * 30)) as (post, _connections):
        with pytest.raises(UpstreamError, match="too large"):
            await post(limit=1_000_000)


@pytest.mark.parametrize("facts", [{"credential": "a\r\nx: y"}, {"path": "/x HTTP/1.1\r\nx: y"}])
async def test_nothing_can_be_written_into_the_head(facts):
    async with engine(saying(LENGTH + b"\r\n" + BODY)) as (post, connections):
        with pytest.raises(UpstreamError) as caught:
            await post(**facts)

    assert not caught.value.reached
    assert "x: y" not in str(caught.value)
    assert connections == []


async def test_an_idle_connection_is_given_up_before_the_engine_does(monkeypatch):
    monkeypatch.setattr(openai_compatible, "IDLE", 0.1)

    async with engine(saying(LENGTH + b"\r\n" + BODY)) as (post, connections):
        await post()
        await asyncio.sleep(0.2)
        await post()

    assert len(connections) == 2


async def test_nobody_there_is_told_apart_from_no_answer():
    upstream = OpenAICompatible()

    with pytest.raises(UpstreamError) as caught:
        await upstream.post("http://127.0.0.1:9", "", "/chat/completions", b"{}")

    assert not caught.value.reached
    await upstream.close()

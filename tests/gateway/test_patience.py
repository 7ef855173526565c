"""How long an engine may be silent, phase by phase; the engine here is a bare socket."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from gateway.upstreams.base import Patience, UpstreamError
from gateway.upstreams.openai_compatible import OpenAICompatible

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
SHORT = 0.2
LONG = 20.0


@asynccontextmanager
async def engine(*pieces):
    """Serve these bytes to whoever asks, with the pauses that stand between them."""
    heard, over = [], asyncio.Event()

    async def serve(reader, writer):
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        for piece in pieces:
            if isinstance(piece, float):
                await asyncio.wait([asyncio.create_task(over.wait())], timeout=piece)
            else:
                writer.write(piece)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    upstream = OpenAICompatible()
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"

    async def post(patience, **facts):
        return await upstream.post(address, "secret", "/chat/completions", b"{}", patience, **facts)

    yield post, heard
    over.set()
    await upstream.close()
    server.close()


async def test_an_engine_that_says_nothing_is_given_up_when_the_first_byte_is_late():
    async with engine(LONG) as (post, _heard):
        began = time.monotonic()

        with pytest.raises(UpstreamError) as caught:
            await post(Patience(first_byte=SHORT, idle=LONG))

    assert caught.value.reached
    assert time.monotonic() - began < 10 * SHORT


async def test_a_head_alone_is_no_first_byte():
    async with engine(HEAD, LONG) as (post, _heard):
        with pytest.raises(UpstreamError) as caught:
            await post(Patience(first_byte=SHORT, idle=LONG))

    assert caught.value.reached


async def test_an_answer_that_ends_before_it_begins_is_none():
    async with engine(HEAD, b"0\r\n\r\n") as (post, _heard):
        with pytest.raises(UpstreamError) as caught:
            await post(Patience())

    assert caught.value.reached


async def test_a_refusal_needs_no_body():
    head = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"
    async with engine(head) as (post, _heard):
        answer = await post(Patience())

        assert (answer.status, await answer.read(100)) == (400, b"")
        answer.close()


async def test_silence_between_two_parts_breaks_the_answer_off():
    async with engine(HEAD, b"5\r\nhello\r\n", LONG) as (post, _heard):
        answer = await post(Patience(first_byte=LONG, idle=SHORT))
        chunks = answer.chunks()

        assert await anext(chunks) == b"hello"
        began = time.monotonic()
        with pytest.raises(UpstreamError):
            await anext(chunks)
        assert time.monotonic() - began < 10 * SHORT
        answer.close()


async def test_a_long_first_wait_is_allowed_beside_short_pauses():
    async with engine(HEAD, 3 * SHORT, b"5\r\nhello\r\n0\r\n\r\n") as (post, _heard):
        answer = await post(Patience(first_byte=LONG, idle=SHORT))

        assert await answer.read(100) == b"hello"
        answer.close()


async def test_an_address_where_nobody_listens_is_not_reached():
    upstream = OpenAICompatible()

    with pytest.raises(UpstreamError) as caught:
        await upstream.post("http://127.0.0.1:9/v1", "secret", "/models", b"{}", Patience())

    assert not caught.value.reached
    assert "secret" not in str(caught.value)
    await upstream.close()


async def test_further_headers_are_sent_beside_the_credential():
    async with engine(HEAD, b"2\r\n{}\r\n0\r\n\r\n") as (post, heard):
        answer = await post(Patience(), headers={"traceparent": "00-1-2-01"})
        answer.close()

    lines = heard[0].lower().split(b"\r\n")
    assert b"traceparent: 00-1-2-01" in lines
    assert b"authorization: bearer secret" in lines

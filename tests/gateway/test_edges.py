"""The edges of HTTP: heads, bodies and paths nobody should send, and clients that do not read."""

import asyncio
import json
import os
import resource
import socket
import time
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import httpx2 as httpx
import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from billing.funds import Settled
from common.database import service
from common.ids import uuid7
from gateway import exchange, wire
from gateway.errors import TooSlow
from gateway.exchange import Exchange
from gateway.journal import Journal, Leftover
from tenants import keys
from tenants.models import ApiKey
from tests.gateway.conftest import hello, wait_for
from tests.gateway.test_errors import post

CHAT = "/v1/chat/completions"


def get(gateway, path, key="", **headers):
    if key:
        headers["authorization"] = f"Bearer {key}"
    return httpx.get(gateway.url + path, headers=headers)


def speak(gateway, *pieces, size=65536):
    """Send bytes as they are over a connection of their own; return what comes back."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        with suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
        return connection.recv(size)


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Basic dXNlcjpwYXNz"},
        {"authorization": "Bearer ' OR '1'='1"},
        {"authorization": "Bearer tsr_live_" + "x" * 10_000},
        {"authorization": "Bearer " + "\u00e9".encode("latin-1").decode("latin-1")},
        {"x-api-key": "tsr_live_nonsense"},
        {},
    ],
)
@pytest.mark.parametrize("path", ["/v1/models", "/v1/nothing", "/v1/receipts/x"])
def test_without_a_good_key_everything_is_401(gateway, db, headers, path):
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]

    reply = httpx.get(gateway.url + path, headers=raw)

    assert reply.status_code == 401
    assert reply.headers["www-authenticate"] == "Bearer"
    assert reply.headers["x-request-id"].startswith("req_")
    assert reply.json()["error"]["type"] == "authentication_error"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/receipts/%00",
        "/v1/receipts/%ff",
        "/v1/receipts/" + "x" * 300,
        "/v1/receipts/",
        "/v1/receipts/' OR 1=1",
        "/v1/models/%00",
        "/v1/models/..%2f..%2fetc",
        "/v1//models",
        "/v1/models%00",
        "/v1/chat/completions/",
    ],
)
def test_a_path_that_leads_nowhere_is_404(gateway, key, path):
    reply = get(gateway, path, key)

    assert reply.status_code == 404
    assert reply.headers["x-request-id"].startswith("req_")
    assert reply.json()["error"]["message"]


def test_a_head_answers_like_a_get_without_its_body(gateway, key):
    reply = httpx.head(gateway.url + "/v1/models", headers={"authorization": f"Bearer {key}"})

    assert (reply.status_code, reply.content) == (200, b"")
    assert int(reply.headers["content-length"]) > 0


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_another_method_is_405_and_says_which_is_right(gateway, key, method):
    headers = {"authorization": f"Bearer {key}"}

    reply = httpx.request(method, gateway.url + CHAT, headers=headers)

    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("scope", ["management", "usage"])
def test_a_key_for_something_else_does_not_call_models(gateway, key, pay, model, engine, scope):
    pay("10")
    with service():
        ApiKey.objects.update(scopes=[scope])

    reply = post(gateway, key, json.dumps({"model": model, **hello()}))

    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "scope_missing")
    assert engine.requests == []


def test_a_key_that_only_calls_models_does_not_read_usage(gateway, key):
    with service():
        ApiKey.objects.update(scopes=["inference"])

    assert get(gateway, "/v1/usage", key).status_code == 403
    assert get(gateway, "/v1/receipts/req_1", key).status_code == 403
    assert get(gateway, "/v1/models", key).status_code == 200


def test_a_key_with_an_unknown_owner_does_not_make_us_hold_a_body(gateway, db):
    head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {keys.mint()}\r\n"

    answer = speak(gateway, f"{head}content-length: 9000000\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 401")


def test_a_head_that_is_too_large_is_refused(gateway, db):
    lines = b"".join(b"x-%d: %s\r\n" % (number, b"a" * 1000) for number in range(300))

    answer = speak(gateway, b"GET /v1/models HTTP/1.1\r\nhost: x\r\n", lines)

    assert answer.startswith(b"HTTP/1.1 431")


def test_one_header_without_end_is_refused(gateway, db):
    answer = speak(gateway, b"GET /v1/models HTTP/1.1\r\nhost: x\r\nx: ", *[b"a" * 50_000] * 8)

    assert answer.startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x00\xa5",
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /v1/x HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nhost: x\r\nx: a\x00b\r\n\r\n",
    ],
)
def test_what_is_no_http_is_400(gateway, db, head):
    assert speak(gateway, head).startswith(b"HTTP/1.1 400")


def test_an_upgrade_is_not_followed(gateway, db):
    upgrade = b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"

    answer = speak(
        gateway,
        b"GET /v1/models HTTP/1.1\r\nhost: x\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        upgrade + b"\r\n",
    )

    assert answer.startswith(b"HTTP/1.1 401")


async def test_a_body_that_stops_coming_ends_the_request(monkeypatch):
    monkeypatch.setattr(exchange, "BODY_PATIENCE", 0.05)
    silence = asyncio.Event()
    asked = Exchange({"method": "POST", "path": CHAT, "headers": []}, silence.wait, silence.wait)

    with pytest.raises(TooSlow):
        await asked.body()


async def test_a_body_that_comes_drop_by_drop_ends_the_request(monkeypatch):
    monkeypatch.setattr(exchange, "LONGEST_BODY", 0.1)

    async def drip():
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    asked = Exchange({"method": "POST", "path": CHAT, "headers": []}, drip, drip)

    with pytest.raises(TooSlow):
        await asyncio.wait_for(asked.body(), 2)


@asynccontextmanager
async def bounded(application):
    config = Config(application, http=wire.BoundedProtocol, ws="none", log_config=None)
    config.load()
    loop = asyncio.get_running_loop()
    state = ServerState()
    server = await loop.create_server(
        lambda: wire.BoundedProtocol(config, state, {}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    yield reader, writer
    writer.close()
    server.close()


async def test_a_head_that_does_not_end_ends_the_connection(monkeypatch):
    monkeypatch.setattr(wire, "HEAD_PATIENCE", 0.05)

    async def nothing(scope, receive, send):
        raise AssertionError

    async with bounded(nothing) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nx: ")

        assert await asyncio.wait_for(reader.read(), 2) == b""


CHUNKED = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n0\r\n"


async def name_headers(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    body = b" ".join(name for name, _value in scope["headers"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def test_what_stands_behind_the_body_of_a_page_is_no_header():
    async with bounded(name_headers) as (reader, writer):
        writer.write(CHUNKED + b"authorization: Bearer x\r\n\r\n")

        told = await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 2)

    assert told.endswith(b"\r\nhost transfer-encoding\r\n0\r\n\r\n")


async def test_what_stands_behind_the_body_of_a_page_has_an_end():
    async with bounded(name_headers) as (reader, writer):
        writer.write(CHUNKED + b"x: ")
        for _number in range(20):
            writer.write(b"a" * 10_000)
            await asyncio.sleep(0.01)

        with suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 2) == b""


def rss(gateway):
    """Return the megabytes a gateway holds."""
    lines = Path(f"/proc/{gateway.process.pid}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("VmRSS")]
    return int(line.split()[1]) // 1024


def test_clients_that_do_not_read_do_not_fill_memory(gateway, key, pay, make_offer, engine):
    pay("1000")
    name = make_offer(max_output=1_000_000, context_window=10**7).name
    engine.words, engine.word = 400, "w" * 30_000
    body = json.dumps({"model": name, "stream": True, "max_tokens": 400, **hello()})
    head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
    request = f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()
    before = rss(gateway)

    connections = []
    for _number in range(24):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", gateway.port))
        connection.sendall(request)
        connections.append(connection)
    wait_for(lambda: len(engine.requests) == 24, seconds=20)
    time.sleep(3)

    assert rss(gateway) - before < 16
    for connection in connections:
        connection.close()
    wait_for(lambda: len(engine.closed) == 24, seconds=20)


def settled(number):
    """Make a finished request that used nothing of interest."""
    return Settled(
        organization_id=uuid7(),
        project_id=uuid7(),
        api_key_id=None,
        event_id=f"req_{number}",
        occurred_at=datetime(2026, 11, 20, tzinfo=UTC),
        offer_id=uuid7(),
        offer_name="m",
        region="eu",
        parts={"input": 1},
        price_ids={"input": uuid7()},
        amounts={"input": Decimal("0.1")},
    )


@pytest.fixture
def full_disk():
    """Let files end where they are now, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def full(path):
        resource.setrlimit(resource.RLIMIT_FSIZE, (Path(path).stat().st_size + 10, hard))

    yield full
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_line_that_broke_off_on_a_full_disk_spoils_no_other(tmp_path, full_disk):
    journal = Journal(tmp_path, "p1")
    journal.write(settled(1))
    full_disk(journal.path)
    with pytest.raises(OSError, match="File too large"):
        journal.write(settled(2))
    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))

    journal.write(settled(3))
    journal.close(remove=False)

    found = Leftover(journal.path, os.open(journal.path, os.O_RDONLY)).events()
    assert [event.event_id for event in found] == ["req_1", "req_3"]


def test_a_journal_that_cannot_be_shortened_goes_on_as_it_is(tmp_path, full_disk, monkeypatch):
    monkeypatch.setattr("gateway.journal.SPENT", 1)
    journal = Journal(tmp_path, "p1")
    journal.write(settled(1))
    full_disk("/dev/null")
    with pytest.raises(OSError, match="File too large"):
        journal.compact([settled(1)])
    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))

    journal.compact([settled(1)])
    journal.close(remove=False)

    found = Leftover(journal.path, os.open(journal.path, os.O_RDONLY)).events()
    assert [event.event_id for event in found] == ["req_1"]
    assert [path.name for path in tmp_path.iterdir()] == ["p1.journal"]

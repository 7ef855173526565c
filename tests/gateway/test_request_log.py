"""One line for each request, and nothing in it that was said."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import openai
import pytest

from common.database import service
from gateway import request_log
from gateway.request_log import ALL, FAILURES, OFF, Line, RequestLog
from portal.environment import ROOT
from tenants.models import ApiKey
from tests.gateway.conftest import GatewayProcess, hello, recorded, wait_for
from tests.support import processes

CANARY = "canary-of-the-prompt"


@pytest.fixture
def logged(tmp_path, db, monkeypatch):
    """A gateway and what it wrote, line by line."""
    path = tmp_path / "gateway.log"
    started = subprocess.Popen

    with path.open("wb") as file:
        monkeypatch.setattr(
            subprocess, "Popen", lambda *args, **facts: started(*args, **facts, stdout=file)
        )
        gateway = GatewayProcess()
        monkeypatch.undo()

    def lines():
        found = [json.loads(line) for line in path.read_text().splitlines()]
        return {line["request"]: line for line in found if line.get("event") == "request"}

    yield gateway, lines
    gateway.end()


def line(**facts):
    return Line(datetime.now(UTC), **{"request": "r", "status": 200, "outcome": "x", **facts})


def test_a_request_has_one_line_with_who_asked_and_what_it_took(logged, key, pay, model, engine):
    gateway, lines = logged
    pay("10")
    client = gateway.client(key)
    said = {"messages": [{"role": "user", "content": CANARY}]}
    client.chat.completions.create(model=model, **said)
    list(client.chat.completions.create(model=model, stream=True, **said))
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model=CANARY, **said)

    found = wait_for(lambda: found if len(found := lines()) == 3 else None)

    whole, streamed, refused = found.values()
    with service():
        api_key = ApiKey.objects.get()
    assert (whole["model"], whole["status"], whole["outcome"]) == (model, 200, "completed")
    assert whole["tokens"] == {"input": 10, "output": 5}
    assert (whole["key"], whole["organization"]) == (
        str(api_key.pk),
        str(api_key.organization_id),
    )
    assert {event.event_id for event in recorded(2)} == {whole["request"], streamed["request"]}
    assert streamed["streamed"] is True
    assert streamed["ttft_ms"] <= streamed["ms"]
    assert (refused["status"], refused["outcome"]) == (404, "model_not_found")
    assert refused["key"] == str(api_key.pk)
    assert CANARY not in str(found)
    assert key not in str(found)


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [(ALL, ["completed", "upstream_failed"]), (FAILURES, ["upstream_failed"]), (OFF, [])],
)
async def test_the_operator_says_which_lines_there_are(wanted, kept):
    reading, writing = os.pipe()
    log = RequestLog(wanted, writing)

    log.write(line(outcome="completed"))
    log.write(line(outcome="upstream_failed"))
    await log.flush()
    os.close(writing)

    with os.fdopen(reading) as file:
        assert [json.loads(each)["outcome"] for each in file] == kept


async def test_lines_come_by_themselves(monkeypatch):
    monkeypatch.setattr(request_log, "PAUSE", 0.01)
    reading, writing = os.pipe()

    RequestLog(ALL, writing).write(line())

    assert await asyncio.wait_for(asyncio.to_thread(os.read, reading, 10_000), 5)
    os.close(reading)
    os.close(writing)


async def test_a_log_that_nobody_reads_holds_no_request_up_and_no_memory(monkeypatch):
    monkeypatch.setattr(request_log, "MOST_WAITING", 10)
    reading, writing = os.pipe()
    log = RequestLog(ALL, writing)
    for _number in range(15):
        log.write(line())
    assert log.dropped == 5

    os.close(reading)
    await log.flush()

    assert log.dropped == 15
    os.close(writing)


def test_a_gateway_that_is_told_so_writes_none(tmp_path, key, pay, model):
    pay("10")
    port, path = processes.free_port(), tmp_path / "gateway.log"
    with path.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "gateway", "--port", str(port)],
            cwd=ROOT,
            env=os.environ | {"REQUEST_LOG": "off"},
            stdout=file,
        )
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=key, max_retries=10)
    client.chat.completions.create(model=model, **hello())
    process.terminate()
    process.wait(20)

    assert path.read_bytes() == b""

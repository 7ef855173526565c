"""No key, credential, prompt or answer in any log or file, whatever goes wrong."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx2 as httpx
import pytest
from django.conf import settings

from portal.environment import ROOT
from tests.gateway.conftest import hello, recorded, wait_for
from tests.support import processes

CANARY = "canary-of-the-prompt"
ANSWER = "canary-of-the-answer"


@pytest.fixture
def logged(tmp_path, db):
    """A gateway whose every word is kept; its address and where the words are."""
    port, log = processes.free_port(), tmp_path / "gateway.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "gateway", "--port", str(port), "--grace", "2"],
            cwd=ROOT,
            env=os.environ | {"PYTHONWARNINGS": "default"},
            stdout=file,
            stderr=file,
        )
    address = f"http://127.0.0.1:{port}"

    def answers():
        try:
            return httpx.get(address + "/readyz").status_code == 200
        except httpx.TransportError:
            return False

    wait_for(answers, seconds=30)
    yield address, log
    process.terminate()
    process.wait(20)


def test_nothing_secret_is_written_anywhere(logged, key, pay, model, engine, owner_connection):
    address, log = logged
    pay("10")
    headers = {"authorization": f"Bearer {key}"}
    said = hello(messages=[{"role": "user", "content": CANARY}], model=model)

    def post(body, **more):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.post(address + "/v1/chat/completions", content=data, headers=headers | more)

    engine.word = ANSWER
    post(said)
    post({**said, "stream": True})
    post({**said, "api_key": CANARY})
    post(json.dumps(said).encode()[:-5])
    post({**said, "messages": [{"role": CANARY, "content": CANARY}]})
    post({**said, "model": CANARY})
    post(said, authorization=f"Bearer {key[:-1]}X")
    post(said, authorization=f"Bearer {CANARY}")
    engine.status = 500
    post(said)
    engine.status, engine.raw = 200, ANSWER.encode()
    post(said)
    post({**said, "stream": True})
    owner_connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = 'tessera_service'"
        " AND pid <> pg_backend_pid() AND query ILIKE '%billing%'"
    )
    recorded(2)
    time.sleep(0.5)

    journal = Path(settings.STATE_DIR) / "journal"
    written = [log, *journal.iterdir()]
    text = b"\n".join(path.read_bytes() for path in written).decode()
    for secret in (key, key[9:], CANARY, ANSWER, "engine-secret"):
        assert secret not in text

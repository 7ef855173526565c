"""The demo engine answers briefly and at once; at length, and slowly, to who asks for that."""

import subprocess
import sys
import time

import httpx2 as httpx
import pytest

from gateway.upstreams.demo import answers, tokenizer
from portal.environment import ROOT
from tests.gateway.conftest import wait_for
from tests.support import processes

#: Seconds in which a short answer is over and a long one is not.
PATIENCE = 5


@pytest.fixture(scope="module")
def engine():
    """The address of a demo engine in a process of its own."""
    port = processes.free_port()
    command = [sys.executable, "-m", "gateway.upstreams.demo", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: is_up(address), seconds=60)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def is_up(address):
    """Tell whether the engine answers."""
    try:
        return httpx.get(f"{address}/v1/models").status_code == 200
    except httpx.TransportError:
        return False


def ends_in_time(address, question):
    """Tell whether a streamed answer is over within our patience."""
    body = {
        "model": "atlas-mini",
        "stream": True,
        "messages": [{"role": "user", "content": question}],
    }
    end = time.monotonic() + PATIENCE
    with httpx.stream("POST", f"{address}/v1/chat/completions", json=body) as answer:
        return all(time.monotonic() < end for _line in answer.iter_lines())


@pytest.mark.parametrize(
    "question",
    [
        "Tell me a long story",
        "Explain tokens at length, please.",
        "Raconte une longue histoire",
        "Расскажи подробно про токены",
        "Ұзақ әңгіме айтшы",
        "اشرح الرموز بالتفصيل",
    ],
)
def test_a_long_answer_is_given_to_who_asks_for_it(question):
    assert tokenizer.count(answers.answer(question)) >= answers.LONG


@pytest.mark.parametrize("question", ["How long is a token?", "What is a token?", ""])
def test_other_answers_stay_short(question):
    assert tokenizer.count(answers.answer(question)) < answers.LONG / 2


def test_a_long_answer_alone_takes_its_time(engine):
    assert ends_in_time(engine, "What is a token?")
    assert not ends_in_time(engine, "Tell me a long story")

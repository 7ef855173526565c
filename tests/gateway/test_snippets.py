"""The code that pages give to copy, run as it stands against a real gateway."""

import os
import subprocess
import sys

import pytest

from front import face
from marketplace import snippets
from tests.gateway.conftest import recorded


@pytest.fixture
def run(gateway, key, pay):
    """Run the snippet of a language for a model; return what it prints."""
    pay("10")

    def run(language, written):
        code = {it.name: it.code for it in written}[language]
        command = [sys.executable, "-c", code] if language != "curl" else ["sh", "-c", code]
        variables = os.environ | {face.current().key_variable: key}
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("language", ["curl", "python", "langchain"])
def test_a_first_call_is_answered_and_billed(run, gateway, model, language):
    printed = run(language, snippets.for_model("chat", model, f"{gateway.url}/v1"))

    assert "word word word word word" in printed
    (event,) = recorded()
    assert event.output_tokens == 5


@pytest.mark.parametrize("language", ["curl", "python", "langchain"])
def test_a_text_becomes_a_vector(run, gateway, make_offer, language):
    vectors = make_offer(kind="embedding", prices={"input": "0.000001"}).name

    printed = run(language, snippets.for_model("embedding", vectors, f"{gateway.url}/v1"))

    assert "0.5" in printed
    assert "0.25" in printed


def test_what_the_playground_asks_is_asked_by_the_chain(run, gateway, engine, model):
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    asked = {
        "model": model,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "It's warm?"},
        ],
        "temperature": 0.2,
        "max_tokens": 50,
        "tools": [tool],
    }

    run("langchain", snippets.for_chat(asked, f"{gateway.url}/v1"))

    (received,) = engine.requests
    assert received["messages"] == asked["messages"]
    assert received["temperature"] == 0.2
    assert received["tools"] == [tool]
    assert 50 in (received.get("max_tokens"), received.get("max_completion_tokens"))


def test_a_call_that_langchain_does_not_know_has_no_code_for_it(gateway, db):
    names = [it.name for it in snippets.for_model("rerank", "ranker", f"{gateway.url}/v1")]

    assert names == ["curl", "python", "javascript"]

"""LangChain's own client, as people use it, unchanged."""

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from tests.gateway.conftest import recorded
from tests.gateway.test_responses import CALL, Capital, chat


@pytest.fixture
def chain(gateway, key, pay, model):
    """Return a chat model of LangChain's for our model."""
    pay("10")

    def chain(**facts):
        address = gateway.url + "/v1"
        return ChatOpenAI(model=model, base_url=address, api_key=key, max_retries=0, **facts)

    return chain


def weather(city: str) -> str:
    """Tell how warm it is in a city."""
    return f"21 °C in {city}"


@pytest.mark.parametrize("facts", [{}, {"use_responses_api": True}])
def test_a_chain_is_answered_with_what_was_billed(chain, facts):
    answer = chain(**facts).invoke("Say five words.")

    assert answer.text == "word " * 5
    (event,) = recorded()
    used = answer.usage_metadata
    assert (used["input_tokens"], used["output_tokens"]) == (10, 5)
    assert (event.input_tokens, event.output_tokens) == (10, 5)


@pytest.mark.parametrize("facts", [{"stream_usage": True}, {"use_responses_api": True}])
def test_a_chain_is_streamed_with_what_was_billed(chain, facts):
    pieces = list(chain(**facts).stream("Say five words."))

    assert "".join(piece.text for piece in pieces) == "word " * 5
    whole = sum(pieces[1:], pieces[0])
    assert whole.usage_metadata["total_tokens"] == 15
    (event,) = recorded()
    assert event.streamed is True


@pytest.mark.parametrize("facts", [{}, {"use_responses_api": True}])
def test_a_chain_calls_tools_and_is_given_their_answers(chain, engine, facts):
    engine.tool_calls = [CALL]
    bound = chain(**facts).bind_tools([weather])
    asked = [HumanMessage("Is it warm in Paris?")]

    called = bound.invoke(asked)
    engine.tool_calls = None
    answer = bound.invoke([*asked, called, ToolMessage("21 °C", tool_call_id="call_1")])

    (call,) = called.tool_calls
    assert (call["name"], call["args"], call["id"]) == ("weather", {"city": "Paris"}, "call_1")
    assert answer.text == "word " * 5
    roles = [message["role"] for message in engine.requests[1]["messages"]]
    assert roles == ["user", "assistant", "tool"]


@pytest.mark.parametrize("facts", [{}, {"use_responses_api": True}])
def test_a_chain_reads_structured_answers(chain, engine, facts):
    engine.raw = chat({"role": "assistant", "content": '{"city":"Paris"}'})

    asked = chain(**facts).with_structured_output(Capital, method="json_schema")

    assert asked.invoke("Which?") == Capital(city="Paris")
    assert engine.requests[0]["response_format"]["type"] == "json_schema"


def test_texts_become_vectors(gateway, key, pay, make_offer):
    pay("10")
    vectors = make_offer(kind="embedding", prices={"input": "0.000001"}).name
    address = gateway.url + "/v1"
    embeddings = OpenAIEmbeddings(
        model=vectors, base_url=address, api_key=key, check_embedding_ctx_length=False
    )

    assert embeddings.embed_documents(["one", "two"]) == [[0.5, 0.25]] * 2

"""What each kind of call looks like to its client: path, body, and how its answer is read.

Every word is counted as it comes, in whichever shape; usage is noted where the answer tells it.
"""

import time

import msgspec

from tests.faults import plan
from tests.faults.engine import VOCABULARY

PATHS = {
    "chat": "/v1/chat/completions",
    "completions": "/v1/completions",
    "embeddings": "/v1/embeddings",
    "messages": "/v1/messages",
    "rerank": "/v1/rerank",
    "responses": "/v1/responses",
}
#: What refusals for money say, in every shape.
SAID = {"balance cannot pay": "insufficient_funds", "'s budget '": "budget_exceeded"}
#: How a response's stream ends when all is well.
ENDS = ("response.completed", "response.incomplete")


def body(script, customer):
    """Return the JSON of a call; engines find in it how they are to treat it."""
    text = " ".join(["word"] * script.prompt_words)
    models = {"embeddings": customer.embedding_model, "rerank": customer.rerank_model}
    facts = {"model": models.get(script.kind, customer.model)}
    facts |= {"script": msgspec.structs.asdict(script), **ASKED[script.kind](text)}
    if script.kind in CAPS and script.cap is not None:
        facts[CAPS[script.kind]] = script.cap
    if script.stream:
        facts["stream"] = True
    if script.wants_usage and script.kind not in plan.DIALECTS:
        facts["stream_options"] = {"include_usage": True}
    return facts


ASKED = {
    "chat": lambda text: {"messages": [{"role": "user", "content": text}]},
    "completions": lambda text: {"prompt": text},
    "embeddings": lambda text: {"input": text},
    "messages": lambda text: {
        "messages": [{"role": "user", "content": text}],
        "max_tokens": 3 * plan.MOST_WORDS,
    },
    "rerank": lambda text: {"query": "seven words", "documents": [text, "the one document"]},
    "responses": lambda text: {"input": text},
}
CAPS = {
    "chat": "max_tokens",
    "completions": "max_tokens",
    "messages": "max_tokens",
    "responses": "max_output_tokens",
}


def code_of(error):
    """Return the code of an error; Anthropic's shape has kinds, and says the rest in words."""
    for words, code in SAID.items():
        if words in error["message"]:
            return code
    return error.get("code") or error["type"]


def read_event(event, seen):
    """Take in one event of a stream."""
    data = event[event.index(b"data: ") + len(b"data: ") :]
    if data == b"[DONE]":
        seen.is_done = True
        return
    part = msgspec.json.decode(data)
    if part.get("error"):
        seen.code = code_of(part["error"])
    else:
        read(part, seen)


def read(part, seen):
    """Take in a whole answer, or an event's content: words and usage."""
    READERS.get(seen.kind, _read_plain)(part, seen)


def _read_plain(part, seen):
    _tell(part.get("usage"), seen)
    seen.vectors += len(part.get("data", ())) + len(part.get("results", ()))
    for choice in part.get("choices", ()):
        holder = choice.get("delta") or choice.get("message") or choice
        _hear(holder.get("content") or holder.get("text") or "", seen)


def _read_response(part, seen):
    kind = part.get("type")
    if part.get("object") == "response":
        _tell(part["usage"], seen)
        for item in part["output"]:
            for content in item["content"]:
                _hear(content["text"], seen)
    elif kind == "response.output_text.delta":
        _hear(part["delta"], seen)
    elif kind == "response.failed":
        seen.code = code_of(part["response"]["error"])
        _tell(part["response"]["usage"], seen)
    elif kind in ENDS:
        seen.is_done = True
        _tell(part["response"]["usage"], seen)


def _read_message(part, seen):
    match part["type"]:
        case "message":
            _tell(part["usage"], seen)
            for block in part["content"]:
                _hear(block["text"], seen)
        case "content_block_delta":
            _hear(part["delta"]["text"], seen)
        case "message_delta":
            _tell(part["usage"], seen)
        case "message_stop":
            seen.is_done = True


READERS = {"responses": _read_response, "messages": _read_message}


def _tell(usage, seen):
    if usage:
        read_tokens = usage.get("input_tokens", 0) + usage.get("cache_read_input_tokens", 0)
        seen.prompt_told = usage.get("prompt_tokens", read_tokens)
        seen.completion_told = usage.get("completion_tokens", usage.get("output_tokens", 0))


def _hear(text, seen):
    if words := count(text):
        seen.words += words
        seen.marks.append((time.time(), seen.words))


def count(text):
    """Return the tokens of a text of the engine's words."""
    found = text.count(" ")
    assert all(f"{word} " in VOCABULARY for word in text.split())
    return found

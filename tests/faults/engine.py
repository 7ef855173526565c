"""An engine that treats each call as its script says, and keeps a ledger of what it produced.

``python -m tests.faults.engine --port 9000 --ledger FILE``. A line of the ledger is with the kernel
before what it tells of is sent: killing the engine takes none away.
"""

import argparse
import asyncio
import os
import time
from pathlib import Path

import msgspec
import uvicorn

#: Four bytes on the average, as tokens of most languages have.
VOCABULARY = ("a ", "so ", "to ", "the ", "one ", "née ", "and ", "word ", "more ", "seven ")
#: Tokens a template adds to the words of a prompt.
TEMPLATE = 8
HUGE = 10**15
#: What answers with no text.
WORDLESS = ("/embeddings", "/rerank")
LIES = {
    "zero": lambda number: 0,
    "negative": lambda number: -number,
    "double": lambda number: 2 * number,
    "huge": lambda number: HUGE,
}


class Dead(Exception):
    """The script says that the engine dies here."""


class Answer:
    """The answer to one call, as far as it has come."""

    def __init__(self, path, body, ledger):
        self.path, self.body, self.ledger = path, body, ledger
        self.script = body["script"]
        self.act = self.script["act"]
        cap = body.get("max_completion_tokens") or body.get("max_tokens") or 10**6
        #: A token of its own ends an answer, unless the cap ends it before.
        self.ended = self.script["words"] < cap
        self.words = 0 if path.endswith(WORDLESS) else min(self.script["words"], cap)
        #: Where it dies or hangs.
        self.last = min(self.script["at"], self.words)
        self.first = sum(self.script["call"].encode())
        self.prompt = sum(TEMPLATE + len(prompt.split()) for prompt in prompts_of(body))

    def word(self, number):
        """Return one token of the text."""
        return VOCABULARY[(self.first + number * 7) % len(VOCABULARY)]

    def note(self, made):
        """Write down that so many words are on their way."""
        line = {"call": self.script["call"], "act": self.act, "prompt": self.prompt, "made": made}
        line |= {"completion": self.completion(made), "at": time.time()}
        os.write(self.ledger, msgspec.json.encode(line) + b"\n")

    def completion(self, made):
        """Return the tokens of an answer of so many words."""
        return made + 1 if made and made == self.words and self.ended else made

    def usage(self):
        """Return what is told of the usage: the truth, unless the script says otherwise."""
        change = LIES.get(self.act, int)
        prompt, completion = change(self.prompt), change(self.completion(self.words))
        told = {"prompt_tokens": prompt, "completion_tokens": completion}
        return {**told, "total_tokens": prompt + completion}

    async def until(self, number):
        """Wait for one word, or fail where the script says so."""
        if self.act == "die" and number == self.last:
            raise Dead
        if self.act == "hang" and number == self.last:
            await asyncio.sleep(3600)
        await asyncio.sleep(self.script["pause_ms"] / 1000)


def prompts_of(body):
    """Return the texts of a prompt; a ranker reads its query once more with every document."""
    if "documents" in body:
        return [f"{body['query']} {document}" for document in body["documents"]]
    if "messages" in body:
        return [" ".join(message["content"] for message in body["messages"])]
    return [body.get("prompt") or body["input"]]


def application(ledger):
    """Return the engine's ASGI application."""

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        raw = b""
        while True:
            message = await receive()
            raw += message.get("body", b"")
            if not message.get("more_body"):
                break
        answer = Answer(scope["path"], msgspec.json.decode(raw), ledger)
        work = asyncio.create_task(respond(answer, send))
        left = asyncio.create_task(departure(receive))
        await asyncio.wait({work, left}, return_when=asyncio.FIRST_COMPLETED)
        for task in (work, left):
            task.cancel()
        if work.done() and work.exception():
            raise work.exception()

    return app


async def departure(receive):
    """Return once the gateway has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def respond(answer, send):
    """Answer one call."""
    if answer.act == "fail":
        await whole(send, b'{"error": {"message": "the engine fails"}}', status=500)
    elif answer.body.get("stream"):
        await stream(answer, send)
    else:
        answer.note(0)
        data = msgspec.json.encode(shape(answer))
        try:
            for number in range(answer.words + 1):
                await answer.until(number)
        except Dead:
            await whole(send, data, sent=len(data) // 2)
            raise
        answer.note(answer.words)
        await whole(send, data)


def shape(answer):
    """Return a whole answer."""
    usage = {} if answer.act in ("absent", "odd") else {"usage": answer.usage()}
    if answer.path.endswith(WORDLESS):
        usage.get("usage", {}).pop("completion_tokens", None)
    if answer.path.endswith("/rerank"):
        results = [{"index": place, "relevance_score": 0.5 - place} for place in range(2)]
        return {"id": "rank-1", "model": answer.body["model"], "results": results, **usage}
    if answer.path.endswith("/embeddings"):
        data = [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]
        return {"object": "list", "model": answer.body["model"], "data": data, **usage}
    text = "".join(answer.word(number) for number in range(answer.words))
    return {**chunk(answer, text, "stop", "message"), **usage}


def chunk(answer, text, finish, name="delta"):
    """Return a part of an answer, or all of it."""
    content = {"text": text}
    if answer.path.endswith("/chat/completions"):
        content = {name: {"role": "assistant", "content": text}}
    choice = {"index": 0, "finish_reason": finish, "logprobs": None, **content}
    facts = {"id": "cmpl-1", "object": "chat.completion", "created": 1}
    return {**facts, "model": answer.body["model"], "choices": [choice]}


async def stream(answer, send):
    """Answer word by word."""
    head = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    for number in range(answer.words):
        await answer.until(number)
        answer.note(number + 1)
        event = chunk(answer, answer.word(number), None)
        if answer.act == "odd" and number == 0:
            # Usage comes too early, and never again.
            event["usage"] = {"prompt_tokens": answer.prompt, "completion_tokens": 1}
        await part(send, event)
    await answer.until(answer.words)
    await part(send, chunk(answer, "", "stop"))
    if answer.act not in ("absent", "odd"):
        await part(send, {**chunk(answer, "", None), "choices": [], "usage": answer.usage()})
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


async def part(send, value):
    """Send one event."""
    data = b"data: " + msgspec.json.encode(value) + b"\n\n"
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def whole(send, data, status=200, sent=None):
    """Send a whole answer, or the beginning of one."""
    head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(data))]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": data[:sent], "more_body": sent is not None})


def main():
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    asked = parser.parse_args()
    ledger = os.open(asked.ledger, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    uvicorn.run(
        application(ledger),
        port=asked.port,
        log_level="critical",
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_keep_alive=5,
    )


if __name__ == "__main__":
    main()

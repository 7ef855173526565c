"""An engine that answers exactly as a test has scripted it, in a thread of its own."""

import asyncio
import json
import threading
import time

import uvicorn

from tests.support import processes

WORD = "word "


class ScriptedEngine:
    """OpenAI-compatible; ``reply`` holds what the next answers look like."""

    def __init__(self):
        self.requests = []
        self.closed = []
        self.reset()
        self.port = processes.free_port()
        config = uvicorn.Config(self.app, port=self.port, log_level="error", interface="asgi3")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def reset(self):
        """Answer five words, promptly and truthfully."""
        self.requests.clear()
        self.closed.clear()
        self.words = 5
        self.word = WORD
        self.obeys_cap = True
        self.pause = 0.0
        self.usage = {}
        self.status = 200
        self.raw = None
        self.break_after = None
        #: Takes requests and says nothing; says so many words and then nothing more.
        self.hangs = False
        self.silent_after = None
        self.stall_after = None
        self.tool_calls = None
        self.finish_reason = "stop"

    def stop(self):
        """End the thread."""
        self.server.should_exit = True
        self.thread.join(timeout=5)

    @property
    def base_url(self):
        """Return the address an upstream has."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def app(self, scope, receive, send):
        """Answer one request."""
        raw = b""
        while True:
            message = await receive()
            raw += message.get("body", b"")
            if not message.get("more_body"):
                break
        body = json.loads(raw)
        self.requests.append({"path": scope["path"], "headers": dict(scope["headers"]), **body})
        watch = asyncio.create_task(self.watch(receive))
        if self.hangs:
            await watch
            return
        if self.raw is not None or self.status != 200:
            await whole(send, self.status, self.raw or b'{"error":{"message":"engine says no"}}')
        elif body.get("stream"):
            await self.stream(body, send, watch)
        elif scope["path"].endswith("/embeddings"):
            await whole(send, 200, json.dumps(self.embedding(body)).encode())
        else:
            await asyncio.sleep(self.pause)
            await whole(send, 200, json.dumps(self.completion(body, scope["path"])).encode())
        watch.cancel()

    async def watch(self, receive):
        """Notice when the gateway goes away."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self.closed.append(time.monotonic())

    def cap(self, body):
        """Return how many words the answer has."""
        cap = body.get("max_completion_tokens") or body.get("max_tokens") or self.words
        return min(self.words, cap) if self.obeys_cap else self.words

    def usage_of(self, body, words):
        """Return the usage the engine reports, lies included."""
        usage = {"prompt_tokens": 10, "completion_tokens": words, "total_tokens": 10 + words}
        return {**usage, **self.usage} if self.usage is not None else None

    def completion(self, body, path):
        """Return a whole answer."""
        words = self.cap(body)
        message = {"role": "assistant", "content": WORD * words}
        if self.tool_calls:
            message = {"role": "assistant", "content": None, "tool_calls": self.tool_calls}
        choice = {"index": 0, "finish_reason": self.finish_reason, "logprobs": None}
        chat = path.endswith("/chat/completions")
        echoed = body.get("prompt") if body.get("echo") else ""
        choice |= {"message": message} if chat else {"text": echoed + WORD * words}
        return {
            "id": "cmpl-1",
            "object": "chat.completion" if chat else "text_completion",
            "created": 1,
            "model": body["model"],
            "choices": [{**choice, "index": place} for place in range(choices_of(body))],
            "usage": self.usage_of(body, words),
        }

    def embedding(self, body):
        """Return embeddings of two numbers."""
        items = body["input"] if isinstance(body["input"], list) else [body["input"]]
        data = [
            {"object": "embedding", "index": place, "embedding": [0.5, 0.25]}
            for place, _item in enumerate(items)
        ]
        usage = {"prompt_tokens": 4 * len(items), "total_tokens": 4 * len(items), **self.usage}
        return {"object": "list", "model": body["model"], "data": data, "usage": usage}

    async def stream(self, body, send, watch):
        """Stream word by word."""
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        words = self.cap(body)
        chunk = {"id": "cmpl-1", "object": "chat.completion.chunk", "created": 1}
        chunk["model"] = body["model"]

        async def event(**facts):
            data = b"data: " + json.dumps({**chunk, **facts}).encode() + b"\n\n"
            await send({"type": "http.response.body", "body": data, "more_body": True})

        await event(choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}}])
        for number in range(words):
            if watch.done():
                return
            if number == self.break_after:
                raise ConnectionResetError
            if number == self.silent_after:
                await watch
                return
            await asyncio.sleep(60 if number == self.stall_after else self.pause)
            await event(
                choices=[{"index": 0, "delta": {"content": self.word}, "finish_reason": None}]
            )
        await event(choices=[{"index": 0, "delta": {}, "finish_reason": self.finish_reason}])
        if (body.get("stream_options") or {}).get("include_usage") and self.usage is not None:
            await event(choices=[], usage=self.usage_of(body, words))
        done = {"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": False}
        await send(done)


def choices_of(body):
    """Return how many answers are asked for: so many for each prompt."""
    prompts = len(body["prompt"]) if isinstance(body.get("prompt"), list) else 1
    return prompts * (body.get("n") or 1)


async def whole(send, status, data):
    """Send a whole answer."""
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data, "more_body": False})

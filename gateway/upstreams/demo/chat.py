"""`/v1/chat/completions`."""

import uuid
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from gateway.upstreams.demo import bodies, catalogue, context, logprobs, template, writing
from gateway.upstreams.demo.answer import Generated
from gateway.upstreams.demo.bodies import ChatRequest
from gateway.upstreams.demo.delivery import Event
from gateway.upstreams.demo.engine import Engine
from gateway.upstreams.demo.errors import ApiError
from gateway.upstreams.demo.tokens import Tokens
from gateway.upstreams.demo.usage import Lie, Usage
from gateway.upstreams.demo.web import Exchange
from gateway.upstreams.demo.writing import Choice


async def serve(engine: Engine, exchange: Exchange) -> None:
    """Answer a conversation."""
    request = bodies.read(ChatRequest, await exchange.body())
    answer = compose(engine, request)
    await engine.deliver(exchange, answer, model=request.model, stream=bool(request.stream))


def compose(engine: Engine, request: ChatRequest) -> "ChatAnswer":
    """Return the answer of a checked conversation, or refuse."""
    model = catalogue.writer(request.model)
    request.check()
    _check_images(request, model)
    context.check_length(map(template.text_of, request.messages), model, param="messages")
    prompt = template.chat(request.messages, request.tools)
    limits = context.room(request, model, prompt.tokens, param="messages")
    behaviour = engine.behaviours.of(model.name)
    choices = [
        writing.chat(request, model, limits, behaviour, index) for index in range(request.n or 1)
    ]
    usage = Usage(
        prompt=prompt.tokens,
        completion=sum(map(len, choices)),
        cached=engine.cached(model.name, prompt),
        reasoning=sum(len(choice.thoughts) for choice in choices),
    )
    return ChatAnswer(request, choices, usage, behaviour.usage)


def _check_images(request: ChatRequest, model: catalogue.Model) -> None:
    for place, message in enumerate(request.messages):
        if not isinstance(message.content, list) or model.sees:
            continue
        for number, part in enumerate(message.content):
            if part.type == "image_url":
                raise ApiError(
                    f"The model `{model.name}` reads no images.",
                    param=f"messages[{place}].content[{number}]",
                )


class ChatAnswer(Generated):
    """An answer in a conversation."""

    prefix = "chatcmpl"
    whole = "chat.completion"
    chunk = "chat.completion.chunk"

    def __init__(
        self, request: ChatRequest, choices: list[Choice], usage: Usage, lie: Lie | None
    ) -> None:
        super().__init__(request, choices, usage, lie)
        self.shows_thoughts = request.include_reasoning
        self.hidden = 0 if self.shows_thoughts else usage.reasoning
        self.top = (request.top_logprobs or 0) if request.logprobs else None

    def choice(self, index: int, choice: Choice) -> dict[str, object]:
        """Return a choice of a whole answer."""
        message: dict[str, object] = {"role": "assistant", "content": None, "refusal": None}
        if choice.call is None:
            message["content"] = choice.content.text
        else:
            message["tool_calls"] = [
                {
                    "id": _call_id(),
                    "type": "function",
                    "function": {"name": choice.call.name, "arguments": choice.content.text},
                }
            ]
        if choice.thoughts and self.shows_thoughts:
            message["reasoning_content"] = choice.thoughts.text
        return {
            "index": index,
            "message": message,
            "logprobs": None if self.top is None else self._logprobs(choice.content.ids),
            "finish_reason": choice.finish_reason,
        }

    def openings(self) -> Iterable[bytes]:
        """Return who speaks, for every choice."""
        for index in range(len(self.choices)):
            yield _element(index, b'{"role":"assistant","content":"","refusal":null}')

    def steps(self, index: int, choice: Choice) -> Iterator[Event]:
        """Return thoughts, then the text or the call, then why it ends."""
        yield from self._thoughts(index, choice.thoughts)
        if choice.call is None:
            yield from self._pieces(index, choice.content, b'{"content":', b"}")
        else:
            opening = {
                "index": 0,
                "id": _call_id(),
                "type": "function",
                "function": {"name": choice.call.name, "arguments": ""},
            }
            delta = msgspec.json.encode({"tool_calls": [opening]})
            yield Event(_element(index, delta), choice.call_name, choice.call_name)
            before, after = b'{"tool_calls":[{"index":0,"function":{"arguments":', b"}}]}"
            yield from self._pieces(index, choice.content, before, after)
        yield Event(_element(index, b"{}", choice.finish_reason))

    def _thoughts(self, index: int, thoughts: Tokens) -> Iterator[Event]:
        if self.shows_thoughts:
            yield from self._pieces(index, thoughts, b'{"reasoning_content":', b"}", told=False)
        else:
            yield from (Event(b"", 1) for _ in thoughts.ids)

    def _pieces(
        self, index: int, run: Tokens, before: bytes, after: bytes, *, told: bool = True
    ) -> Iterator[Event]:
        for ids, text in run.readable():
            delta = before + msgspec.json.encode(text) + after
            shown = self._logprobs(ids) if told and self.top is not None else None
            yield Event(_element(index, delta, logprobs=shown), len(ids), len(ids))

    def _logprobs(self, ids: Sequence[int]) -> dict[str, object]:
        return {
            "content": [logprobs.chat(token, self.top or 0) for token in ids],
            "refusal": None,
        }


def _element(
    index: int, delta: bytes, reason: str | None = None, logprobs: object | None = None
) -> bytes:
    return b'{"index":%d,"delta":%b,"logprobs":%b,"finish_reason":%b}' % (
        index,
        delta,
        b"null" if logprobs is None else msgspec.json.encode(logprobs),
        b"null" if reason is None else b'"%b"' % reason.encode(),
    )


def _call_id() -> str:
    return f"call_{uuid.uuid4().hex[:24]}"

"""`/v1/completions`."""

from collections.abc import Iterator

import msgspec

from gateway.upstreams.demo import bodies, catalogue, context, logprobs, template, writing
from gateway.upstreams.demo.answer import Generated
from gateway.upstreams.demo.bodies import CompletionRequest
from gateway.upstreams.demo.catalogue import Model
from gateway.upstreams.demo.delivery import Event
from gateway.upstreams.demo.engine import Engine
from gateway.upstreams.demo.inputs import Input, inputs
from gateway.upstreams.demo.usage import Lie, Usage
from gateway.upstreams.demo.web import Exchange
from gateway.upstreams.demo.writing import Choice

#: OpenAI's limit when the caller names none.
USUAL_LIMIT = 16


async def serve(engine: Engine, exchange: Exchange) -> None:
    """Continue a text, or several."""
    request = bodies.read(CompletionRequest, await exchange.body())
    answer = compose(engine, request)
    await engine.deliver(exchange, answer, model=request.model, stream=bool(request.stream))


def compose(engine: Engine, request: CompletionRequest) -> "PlainAnswer":
    """Return the answer of a checked request, or refuse."""
    model = catalogue.writer(request.model)
    request.check()
    if request.max_tokens is None:
        request.max_tokens = max(USUAL_LIMIT, request.min_tokens or 0)
    prompts = inputs(request.prompt, model, "prompt")
    number = request.n or 1
    choices = [
        choice for each in prompts for choice in _continue(engine, request, model, each, number)
    ]
    usage = Usage(
        prompt=sum(each.tokens for each in prompts),
        completion=sum(map(len, choices)),
        cached=sum(
            engine.cached(model.name, template.plain(each.text, each.tokens)) for each in prompts
        ),
    )
    texts = [each.text for each in prompts for _ in range(number)]
    return PlainAnswer(request, choices, usage, engine.behaviours.of(model.name).usage, texts)


def _continue(
    engine: Engine, request: CompletionRequest, model: Model, prompt: Input, number: int
) -> Iterator[Choice]:
    limits = context.room(request, model, prompt.tokens, param="prompt")
    behaviour = engine.behaviours.of(model.name)
    for index in range(number):
        yield writing.plain(request, prompt.text, limits, behaviour, index)


class PlainAnswer(Generated):
    """The continuation of a text."""

    prefix = "cmpl"
    whole = "text_completion"
    chunk = "text_completion"

    def __init__(
        self,
        request: CompletionRequest,
        choices: list[Choice],
        usage: Usage,
        lie: Lie | None,
        prompts: list[str],
    ) -> None:
        super().__init__(request, choices, usage, lie)
        self.top = request.logprobs
        self.echoes = prompts if request.echo else [""] * len(prompts)

    def choice(self, index: int, choice: Choice) -> dict[str, object]:
        """Return a choice of a whole answer."""
        return {
            "index": index,
            "text": self.echoes[index] + choice.content.text,
            "logprobs": self._logprobs(list(choice.content.ids), len(self.echoes[index])),
            "finish_reason": choice.finish_reason,
        }

    def steps(self, index: int, choice: Choice) -> Iterator[Event]:
        """Return the text, then why it ends."""
        if self.echoes[index]:
            yield Event(self._element(index, self.echoes[index]))
        place = len(self.echoes[index])
        for ids, text in choice.content.readable():
            shown = self._logprobs(ids, place)
            yield Event(self._element(index, text, logprobs=shown), len(ids), len(ids))
            place += len(text)
        yield Event(self._element(index, "", choice.finish_reason))

    def _element(
        self, index: int, text: str, reason: str | None = None, logprobs: object | None = None
    ) -> bytes:
        return msgspec.json.encode(
            {"index": index, "text": text, "logprobs": logprobs, "finish_reason": reason}
        )

    def _logprobs(self, ids: list[int], start: int) -> dict[str, object] | None:
        return None if self.top is None else logprobs.plain(ids, self.top, start)

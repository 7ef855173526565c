"""What a request is answered with: its choices, each exactly as long as it may or must be."""

import msgspec

from gateway.upstreams.demo import answers, calls, examples, tokens
from gateway.upstreams.demo.behaviour import Behaviour
from gateway.upstreams.demo.bodies import ChatRequest, Generation
from gateway.upstreams.demo.calls import Call
from gateway.upstreams.demo.catalogue import Model
from gateway.upstreams.demo.context import Room
from gateway.upstreams.demo.phrases import EFFORTS
from gateway.upstreams.demo.template import text_of
from gateway.upstreams.demo.tokens import Tokens


class Choice(msgspec.Struct, frozen=True):
    """One answer: thoughts first, then a text or a call's arguments."""

    content: Tokens
    finish_reason: str
    thoughts: Tokens = tokens.NONE
    call: Call | None = None
    #: Tokens that the name of the called function took.
    call_name: int = 0
    #: Whether it was asked to be long.
    is_long: bool = False

    def __len__(self) -> int:
        """Return how many tokens were generated."""
        return len(self.thoughts) + self.call_name + len(self.content)


def chat(
    request: ChatRequest, model: Model, limits: Room, behaviour: Behaviour, index: int
) -> Choice:
    """Return one choice of a chat."""
    if behaviour.fixed is not None:
        return _cut(Choice(tokens.canned(behaviour.fixed), "stop"), limits)
    if call := calls.wanted(request):
        return _calling(call, request, model, limits)
    thoughts = _thoughts(request, model)
    variant = (request.seed or 0) + index
    wanted = request.response_format
    if wanted is not None and wanted.type != "text":
        content = tokens.of(_json_answer(request, variant))
        least = limits.least - len(thoughts) - len(content)
        return _cut(
            Choice(content.then(tokens.line_breaks(max(0, least))), "stop", thoughts), limits
        )
    is_long = answers.is_long(text_of(request.messages[-1]))
    content = tokens.of(_answer(request, variant))
    choice = Choice(content, "stop", thoughts, is_long=is_long)
    return _cut(_ended(choice, request, limits), limits)


def plain(
    request: Generation, prompt: str, limits: Room, behaviour: Behaviour, index: int
) -> Choice:
    """Return one choice of a plain completion."""
    if behaviour.fixed is not None:
        return _cut(Choice(tokens.canned(behaviour.fixed), "stop"), limits)
    content = tokens.of(answers.answer(prompt, (request.seed or 0) + index))
    choice = Choice(content, "stop", is_long=answers.is_long(prompt))
    return _cut(_ended(choice, request, limits), limits)


def _ended(choice: Choice, request: Generation, limits: Room) -> Choice:
    """Make the answer as long as it must be, and end it at the first stop text."""
    missing = limits.least - len(choice)
    content = choice.content.then(tokens.canned(missing)) if missing > 0 else choice.content
    before = content.before(request.stops()) if request.stops() else None
    return msgspec.structs.replace(choice, content=before or content)


def _cut(choice: Choice, limits: Room) -> Choice:
    """Return no more tokens than there is room for."""
    if len(choice) <= limits.most:
        # An answer that was made longer until it filled its room did not come to an end.
        full = limits.least == limits.most == len(choice)
        return msgspec.structs.replace(choice, finish_reason="length") if full else choice
    thoughts = choice.thoughts.first(limits.most)
    name = min(choice.call_name, limits.most - len(thoughts))
    content = choice.content.first(limits.most - len(thoughts) - name)
    return msgspec.structs.replace(
        choice, content=content, thoughts=thoughts, call_name=name, finish_reason="length"
    )


def _calling(call: Call, request: ChatRequest, model: Model, limits: Room) -> Choice:
    choice = Choice(
        content=tokens.of(call.arguments),
        finish_reason="tool_calls",
        thoughts=_thoughts(request, model),
        call=call,
        call_name=len(tokens.of(call.name)),
    )
    return _cut(choice, Room(limits.most))


def _thoughts(request: ChatRequest, model: Model) -> Tokens:
    number = EFFORTS[request.reasoning_effort or "medium"] if model.reasons else 0
    return tokens.of(answers.thoughts(number)) if number else tokens.NONE


def _answer(request: ChatRequest, variant: int) -> str:
    last = request.messages[-1]
    return answers.answer(text_of(last), variant, from_tool=last.role in ("tool", "function"))


def _json_answer(request: ChatRequest, variant: int) -> str:
    question = text_of(request.messages[-1])
    wanted = request.response_format
    if wanted is not None and wanted.json_schema is not None:
        schema = wanted.json_schema.schema
        value = examples.fill(schema, question, param="response_format.json_schema.schema")
    else:
        value = {
            "question": answers.quote(question),
            "answer": answers.brief(question, variant),
            "simulated": True,
        }
    return msgspec.json.encode(value).decode()

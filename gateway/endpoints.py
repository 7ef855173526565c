"""The ways of calling models: what each one asks of a body, and how a body is checked for it."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import structs

from gateway import calls, prompts
from gateway.calls import Call
from gateway.dialects.base import Dialect
from gateway.dialects.messages import answer as messages
from gateway.dialects.ranking import Ranking
from gateway.dialects.responses import answer as responses
from gateway.errors import GatewayError, InvalidRequest, envelope
from gateway.prompts import Prompt
from marketplace.queries import OfferSnapshot


class Endpoint(msgspec.Struct, frozen=True):
    """What distinguishes one way of calling models from another."""

    path: str
    kinds: tuple[str, ...]
    prompt: Callable[[dict[str, Any], OfferSnapshot], Prompt]
    generates: bool
    #: Speaks with callers whose shape is not the engines'; none: all passes as it is.
    dialect: Callable[[dict[str, Any], str], Dialect] | None = None
    #: How a refusal is told, given the request's id.
    envelope: Callable[[GatewayError, str], bytes] = envelope
    #: Anthropic's clients send the key, and look for the request's id, in headers of their own.
    is_anthropics: bool = False


def _whole_chat(body: dict[str, Any], offer: OfferSnapshot) -> Prompt:
    return prompts.messages(
        body, offer.template_tokens_per_message, offer.template_tokens_base, offer.media
    )


def _chat_prompt(body: dict[str, Any], offer: OfferSnapshot) -> Prompt:
    found = _whole_chat(body, offer)
    if found.bound <= offer.context_window:
        return found
    # What is longer than the model can read, the engine refuses.
    return structs.replace(found, bound=offer.context_window)


def _plain_prompt(body: dict[str, Any], offer: OfferSnapshot) -> Prompt:
    return prompts.completion(body)


def _embedding_prompt(body: dict[str, Any], offer: OfferSnapshot) -> Prompt:
    return prompts.inputs(body, "input")


def _pairs_prompt(body: dict[str, Any], offer: OfferSnapshot) -> Prompt:
    extra = offer.template_tokens_base
    return prompts.pairs(body["query"], body["documents"], extra, offer.context_window)


CHAT = Endpoint("/chat/completions", ("chat",), _chat_prompt, generates=True)
COMPLETIONS = Endpoint("/completions", ("chat",), _plain_prompt, generates=True)
EMBEDDINGS = Endpoint("/embeddings", ("embedding",), _embedding_prompt, generates=False)
RERANK = Endpoint("/rerank", ("rerank",), _pairs_prompt, generates=False, dialect=Ranking)
RESPONSES = structs.replace(CHAT, dialect=responses.Responses, envelope=responses.envelope)
MESSAGES = structs.replace(
    CHAT, dialect=messages.Messages, envelope=messages.envelope, is_anthropics=True
)
#: Asks no engine: how large a prompt is.
COUNT = structs.replace(MESSAGES, path="", dialect=None, generates=False)


def checked(endpoint: Endpoint, offer: OfferSnapshot, body: dict[str, Any]) -> tuple[Call, Prompt]:
    if offer.kind not in endpoint.kinds:
        raise InvalidRequest(
            f"The model '{offer.name}' is not for this endpoint.",
            param="model",
            code="model_not_supported",
        )
    calls.refuse_forbidden(body)
    prompt = endpoint.prompt(body, offer)
    if not endpoint.generates:
        return Call(body=body, model=calls.text(body, "model")), prompt
    call = calls.generation(body, offer.max_output or offer.context_window)
    call.choices *= prompt.items
    if calls.flag(body, "echo"):
        call.echoed = prompt.size * call.choices // prompt.items
    return call, prompt


def tightened(
    endpoint: Endpoint, offer: OfferSnapshot, body: dict[str, Any], prompt: Prompt, saved: int
) -> Prompt:
    """Return the prompt when its texts have so many tokens fewer than bytes."""
    # Before the context window cut it: that has cut bytes as well.
    whole = _whole_chat(body, offer) if endpoint.prompt is _chat_prompt else prompt
    bound = min(prompt.bound, whole.bound - saved)
    return structs.replace(prompt, bound=bound) if bound < prompt.bound else prompt


def wished(offer: OfferSnapshot, call: Call) -> int:
    return call.cap or offer.max_output or offer.context_window

"""What fits a model's context."""

from collections.abc import Iterable

import msgspec

from gateway.upstreams.demo import tokenizer
from gateway.upstreams.demo.bodies import Generation
from gateway.upstreams.demo.catalogue import Model
from gateway.upstreams.demo.errors import ApiError


class Room(msgspec.Struct, frozen=True):
    """How many tokens an answer may have, and how many it must have."""

    most: int
    least: int = 0


def room(request: Generation, model: Model, tokens: int, *, param: str) -> Room:
    """Return the room for each choice, or refuse what does not fit the model's context."""
    limit = request.limit()
    free = model.context - tokens
    if free < 1 or (limit is not None and limit[1] > free):
        asked = f" and {limit[1]} for the answer" if limit else ""
        raise _too_long(
            f"This model's context is {model.context} tokens; the prompt has {tokens}{asked}.",
            param if free < 1 or limit is None else limit[0],
        )
    most = min(model.longest, free) if limit is None else limit[1]
    return Room(most, most if request.ignore_eos else min(request.min_tokens or 0, most))


def check_length(texts: Iterable[str], model: Model, *, param: str) -> None:
    """Refuse what is too long for the model's context however its tokens fall, uncounted."""
    if sum(map(len, texts)) > model.context * tokenizer.LONGEST:
        raise _too_long(f"This model's context is {model.context} tokens; this is more.", param)


def check_tokens(tokens: int, model: Model, *, param: str) -> None:
    """Refuse what has more tokens than the model's context."""
    if tokens > model.context:
        raise _too_long(
            f"This model's context is {model.context} tokens; this has {tokens}.", param
        )


def _too_long(message: str, param: str) -> ApiError:
    return ApiError(message, param=param, code="context_length_exceeded")

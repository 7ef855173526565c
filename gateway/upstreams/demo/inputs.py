"""Texts to read, however they were sent: one, several, or as tokens."""

from collections.abc import Sequence

import msgspec

from gateway.upstreams.demo import context, tokenizer
from gateway.upstreams.demo.catalogue import Model
from gateway.upstreams.demo.errors import ApiError


class Input(msgspec.Struct, frozen=True):
    """A text and how many tokens it is."""

    text: str
    tokens: int


def inputs(value: str | Sequence[str | int | list[int]], model: Model, param: str) -> list[Input]:
    """Return the texts; refuses a list of different kinds, and what is too long for the model."""
    if isinstance(value, str):
        return [_text(value, model, param)]
    if isinstance(value[0], int):
        return [_tokens(value, model, param)]
    return [
        _tokens(each, model, param) if isinstance(each, list) else _text(each, model, param)
        for each in value
    ]


def _text(value: object, model: Model, param: str) -> Input:
    if not isinstance(value, str) or not value:
        raise _wrong(param)
    context.check_length([value], model, param=param)
    return _checked(Input(value, tokenizer.count(value)), model, param)


def _tokens(value: Sequence[str | int | list[int]], model: Model, param: str) -> Input:
    ids = [each for each in value if isinstance(each, int) and 0 <= each < tokenizer.size()]
    if not ids or len(ids) != len(value):
        raise _wrong(param)
    return _checked(Input(tokenizer.decode(ids), len(ids)), model, param)


def _checked(text: Input, model: Model, param: str) -> Input:
    context.check_tokens(text.tokens, model, param=param)
    return text


def _wrong(param: str) -> ApiError:
    return ApiError(
        f"'{param}' must be a text, tokens of this model, or a list of either; none may be empty.",
        param=param,
        code="invalid_value",
    )

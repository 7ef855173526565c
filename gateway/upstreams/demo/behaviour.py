"""Misbehaviour on command: for one model, or for all (`*`)."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from gateway.upstreams.demo import catalogue
from gateway.upstreams.demo.errors import ApiError
from gateway.upstreams.demo.usage import Lie

ALL = "*"
Milliseconds = Annotated[float, Meta(ge=0, le=600_000)]
Number = Annotated[int, Meta(ge=0)]


class Behaviour(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a model behaves; nothing is set in one that behaves well."""

    #: Waits before the first token, and before each token.
    delay_first_ms: Milliseconds = 0
    delay_token_ms: Milliseconds = 0
    #: Answers with this status, for ever or so many times.
    fail: Annotated[int, Meta(ge=400, le=599)] | None = None
    fail_times: Annotated[int, Meta(ge=1)] | None = None
    #: Never answers, or stops answering after so many tokens; the connection stays.
    hang: bool = False
    hang_after_tokens: Number | None = None
    #: Closes the connection after so many tokens.
    drop_after_tokens: Number | None = None
    #: Sends what is no JSON, with status 200.
    malformed: bool = False
    #: Lies about the tokens.
    usage: Lie | None = None
    #: Always says the same, in exactly so many tokens (fewer where the request's limit is lower).
    fixed: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    #: Pretends that so many tokens of the prompt came from a cache.
    cached_tokens: Number | None = None

    @property
    def watches(self) -> bool:
        """Tell whether an answer can take long, so that a client may leave before it is there."""
        return bool(
            self.hang
            or self.delay_first_ms
            or self.delay_token_ms
            or self.hang_after_tokens is not None
        )


GOOD = Behaviour()


class Order(Behaviour, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The body of `POST /demo/behaviour`: for whom, and what."""

    model: str | None = None


class Behaviours:
    """What every model was told; a model's own orders stand above those for all."""

    def __init__(self) -> None:
        self.reset()

    def reset(self, model: str | None = None) -> None:
        """Forget what a model was told, or everything."""
        if model is None:
            self._told: dict[str, Behaviour] = {}
            self._failures: dict[str, int] = {}
        elif self._told.pop(model, None) is None:
            raise ApiError(f"Nothing was ordered for `{model}`.", status=404, param="model")
        self._merged: dict[str, Behaviour] = {}

    def tell(self, order: Order) -> None:
        """Replace what a model was told before."""
        model = order.model or ALL
        if model != ALL and model not in catalogue.MODELS:
            raise ApiError(f"There is no model `{model}`.", param="model")
        told = msgspec.to_builtins(order)
        told.pop("model", None)
        behaviour = msgspec.convert(told, Behaviour)
        self._told[model] = behaviour
        self._failures[model] = behaviour.fail_times or 0
        self._merged = {}

    def of(self, model: str) -> Behaviour:
        """Return how a model behaves now."""
        if not self._told:
            return GOOD
        if model not in self._merged:
            told = [msgspec.to_builtins(self._told.get(name, GOOD)) for name in (ALL, model)]
            self._merged[model] = msgspec.convert(told[0] | told[1], Behaviour)
        return self._merged[model]

    def failure(self, model: str) -> int | None:
        """Return the status with which this request fails, and count it."""
        for name in (model, ALL):
            told = self._told.get(name, GOOD)
            if told.fail is None:
                continue
            if told.fail_times is None:
                return told.fail
            if self._failures[name]:
                self._failures[name] -= 1
                return told.fail
        return None

    def body(self) -> dict[str, Behaviour]:
        """Return what was told, by model."""
        return dict(self._told)

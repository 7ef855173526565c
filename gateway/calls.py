"""A call's body: read, checked parameter by parameter, and made ready for the engine."""

from typing import Any

import msgspec
from msgspec import structs

from gateway.errors import InvalidRequest
from marketplace.queries import RouteSnapshot

#: Parameters with which a caller could send our request, or our credential, somewhere else.
REDIRECTING = frozenset(
    {
        "api_base", "api_key", "api_type", "api_version", "base_url", "custom_llm_provider",
        "extra_body", "extra_headers", "extra_query", "headers", "litellm_params", "model_list",
        "organization", "proxy", "proxies", "user_config",
    }
)  # fmt: skip
#: Engines' own switches: to fetch from another machine, to run a caller's code, to answer from
#: other weights, to jump the queue, and to make prompt or answer larger than what we count.
SWITCHES = frozenset(
    {
        "bootstrap_host", "bootstrap_port", "bootstrap_room", "chat_template",
        "custom_logit_processor", "data_parallel_rank", "ec_transfer_params", "id_slot",
        "kv_transfer_params", "lora", "lora_path", "lora_request", "max_length",
        "max_new_tokens", "media_io_kwargs", "mm_processor_kwargs", "n_predict", "num_predict",
        "priority", "prompt_embeds", "return_hidden_states", "session_params", "vllm_xargs",
    }
)  # fmt: skip
FORBIDDEN = REDIRECTING | SWITCHES
#: What customers write freely: a tool may well have an argument called ``api_key``.
FREE = frozenset(
    {"messages", "tools", "functions", "response_format", "prompt", "input", "metadata",
     "logit_bias", "prediction", "documents", "query", "structured_outputs", "guided_json"}
)  # fmt: skip
MOST_CHOICES = 128
DEEPEST = 64


class Call(msgspec.Struct):
    """A checked call."""

    body: dict[str, Any]
    model: str
    stream: bool = False
    wants_usage: bool = False
    choices: int = 1
    #: Bytes of the prompt that the engine repeats before its answers.
    echoed: int = 0
    #: The cap the caller named, and the parameter it stood in.
    cap: int | None = None
    cap_name: str = "max_tokens"


def decode(raw: bytes) -> dict[str, Any]:
    """Return the JSON object of a body, or refuse."""
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}", code="invalid_json") from None
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.", code="invalid_json")
    return body


def refuse_forbidden(value: Any, depth: int = 0) -> None:
    """Refuse parameters, however deep, that could lead the request or its bill astray."""
    if depth > DEEPEST:
        raise InvalidRequest("The body is nested too deeply.", code="invalid_json")
    if isinstance(value, list):
        for each in value:
            refuse_forbidden(each, depth + 1)
    if not isinstance(value, dict):
        return
    if not FORBIDDEN.isdisjoint(value):
        name = next(name for name in value if name in FORBIDDEN)
        raise InvalidRequest(
            f"The parameter '{name}' is not accepted here.", param=name, code="unknown_parameter"
        )
    for name, inner in value.items():
        # Nearly all are texts and numbers, and need no closer look.
        if isinstance(inner, (dict, list)) and name not in FREE:
            refuse_forbidden(inner, depth + 1)


def wrong(name: str, wanted: str) -> InvalidRequest:
    """Return the refusal of a parameter that is not what it must be."""
    return InvalidRequest(f"'{name}' must be {wanted}.", param=name)


def text(body: dict[str, Any], name: str) -> str:
    """Return a required text parameter."""
    if name not in body:
        raise InvalidRequest(
            f"The parameter '{name}' is missing.", param=name, code="missing_required_parameter"
        )
    value = body[name]
    if not isinstance(value, str) or not value:
        raise wrong(name, "a text that is not empty")
    return value


def number(body: dict[str, Any], name: str, least: int, most: int) -> int | None:
    """Return an optional whole number within bounds."""
    value = body.get(name)
    if value is None:
        return None
    if type(value) is not int or not least <= value <= most:
        raise wrong(name, f"a whole number from {least} to {most}")
    return value


def flag(body: dict[str, Any], name: str, within: str = "") -> bool:
    """Return an optional truth value, false when absent."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise wrong(within + name, "true or false")
    return bool(value)


def generation(body: dict[str, Any], max_output: int) -> Call:
    """Return the checked call of an endpoint that writes text."""
    stream = flag(body, "stream")
    options = body.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise wrong("stream_options", "an object")
    if options is not None and not stream:
        raise InvalidRequest(
            "'stream_options' is only allowed with 'stream': true.", param="stream_options"
        )
    call = Call(body=body, model=text(body, "model"), stream=stream)
    if options:
        call.wants_usage = flag(options, "include_usage", "stream_options.")
    for name in ("n", "best_of"):
        if name in body and (value := number(body, name, 1, MOST_CHOICES)) is not None:
            call.choices = max(value, call.choices)
    for name in ("max_tokens", "max_completion_tokens"):
        if name in body and (value := number(body, name, 1, max_output)) is not None:
            call.cap, call.cap_name = min(value, call.cap or value), name
    return call


def for_engine(call: Call, route: RouteSnapshot, cap: int | None) -> bytes:
    """Return the body the engine gets: its own model name, our cap, usage asked for where it tells."""
    body = dict(call.body)
    body["model"] = route.upstream_model
    if cap is not None:
        body.pop("max_tokens", None)
        body.pop("max_completion_tokens", None)
        body[call.cap_name] = cap
    if call.stream and not route.tells_usage:
        body.pop("stream_options", None)
    elif call.stream:
        body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
    return msgspec.json.encode(body)


def copy_for_engine(call: Call, route: RouteSnapshot, cap: int | None) -> bytes:
    """Return the same body for an answer that nobody reads: as a whole, never in parts."""
    body = {name: it for name, it in call.body.items() if name not in ("stream", "stream_options")}
    return for_engine(structs.replace(call, body=body, stream=False), route, cap)

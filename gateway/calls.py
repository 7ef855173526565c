"""A call's body: read, checked parameter by parameter, and made ready for the engine."""

from typing import Any

import msgspec

from gateway.errors import InvalidRequest

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
#: Bytes may take fewer tokens than this to tell: text is bounded by its UTF-8 bytes, an image by
#: a number no engine we know passes.
TOKENS_PER_IMAGE = 16_384
#: Of sound and film nobody can say; then only what the model can read at most is a bound.
UNBOUNDED = 1 << 40
MEDIA = frozenset({"audio", "file", "image", "image_pil", "input_audio", "video"})
#: Templates print JSON with spaces and escapes of their own, so its bytes grow.
JSON_GROWTH = 3
#: Many print tools line by line with so many spaces for each level, after a text of their own
#: that tells the model how to call them.
INDENT = 4
TOOLS_TEXT = 512
LARGEST_TOOLS = 1_000_000
MOST_CHOICES = 128
DEEPEST = 64


class Prompt(msgspec.Struct, frozen=True):
    """How large a prompt is: never fewer tokens than the engine counts, and its plain bytes."""

    bound: int
    size: int
    #: How many prompts it is: each has its own answers.
    items: int = 1


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
    for name, inner in value.items():
        if name in FORBIDDEN:
            raise InvalidRequest(
                f"The parameter '{name}' is not accepted here.",
                param=name,
                code="unknown_parameter",
            )
        if name not in FREE:
            refuse_forbidden(inner, depth + 1)


def _wrong(name: str, wanted: str) -> InvalidRequest:
    return InvalidRequest(f"'{name}' must be {wanted}.", param=name)


def text(body: dict[str, Any], name: str) -> str:
    """Return a required text parameter."""
    if name not in body:
        raise InvalidRequest(
            f"The parameter '{name}' is missing.", param=name, code="missing_required_parameter"
        )
    value = body[name]
    if not isinstance(value, str) or not value:
        raise _wrong(name, "a text that is not empty")
    return value


def number(body: dict[str, Any], name: str, least: int, most: int) -> int | None:
    """Return an optional whole number within bounds."""
    value = body.get(name)
    if value is None:
        return None
    if type(value) is not int or not least <= value <= most:
        raise _wrong(name, f"a whole number from {least} to {most}")
    return value


def flag(body: dict[str, Any], name: str, within: str = "") -> bool:
    """Return an optional truth value, false when absent."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise _wrong(within + name, "true or false")
    return bool(value)


def generation(body: dict[str, Any], max_output: int) -> Call:
    """Return the checked call of an endpoint that writes text."""
    stream = flag(body, "stream")
    options = body.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise _wrong("stream_options", "an object")
    if options is not None and not stream:
        raise InvalidRequest(
            "'stream_options' is only allowed with 'stream': true.", param="stream_options"
        )
    call = Call(body=body, model=text(body, "model"), stream=stream)
    call.wants_usage = flag(options or {}, "include_usage", "stream_options.")
    call.choices = max(number(body, "n", 1, MOST_CHOICES) or 1, _best_of(body))
    for name in ("max_tokens", "max_completion_tokens"):
        value = number(body, name, 1, max_output)
        if value is not None:
            call.cap, call.cap_name = min(value, call.cap or value), name
    return call


def _best_of(body: dict[str, Any]) -> int:
    return number(body, "best_of", 1, MOST_CHOICES) or 1


def messages(body: dict[str, Any], per_message: int, base: int) -> Prompt:
    """Return the size of a chat prompt; refuses what is no list of messages."""
    given = body.get("messages")
    if given is None:
        raise InvalidRequest(
            "The parameter 'messages' is missing.",
            param="messages",
            code="missing_required_parameter",
        )
    if not isinstance(given, list) or not given:
        raise _wrong("messages", "a list that is not empty")
    bound = size = 0
    for place, message in enumerate(given):
        inner_bound, inner_size = _message(message, f"messages[{place}]")
        bound += inner_bound + per_message
        size += inner_size
    extra = _encoded(body, ("response_format", "tool_choice", "chat_template_kwargs"))
    extra += _encoded(body, ("documents", "prediction", "structured_outputs"))
    tools = _tools([body[name] for name in ("tools", "functions") if body.get(name)])
    bound += base + JSON_GROWTH * extra + tools.bound
    return Prompt(bound, size + extra // 2 + tools.size)


def _tools(given: list[Any]) -> Prompt:
    if not given:
        return Prompt(0, 0)
    compact = len(msgspec.json.encode(given))
    if compact > LARGEST_TOOLS:
        raise InvalidRequest(f"The tools are larger than {LARGEST_TOOLS:,} bytes.", param="tools")
    return Prompt(TOOLS_TEXT + max(JSON_GROWTH * compact, _indented(given)), compact // 2)


def _indented(value: Any, level: int = 0) -> int:
    """Return the bytes of a value that is printed as indented JSON, each member on its own line."""
    if level > DEEPEST:
        raise InvalidRequest("The body is nested too deeply.", param="tools")
    line = 2 + INDENT * (level + 1)
    if isinstance(value, dict):
        names = sum(len(msgspec.json.encode(name)) + 2 for name in value)
        inner = sum(_indented(each, level + 1) + line for each in value.values())
        return names + inner + line
    if isinstance(value, list):
        return sum(_indented(each, level + 1) + line for each in value) + line
    return len(msgspec.json.encode(value))


def _encoded(body: dict[str, Any], names: tuple[str, ...]) -> int:
    return sum(len(msgspec.json.encode(body[name])) for name in names if body.get(name))


ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


def _message(message: Any, place: str) -> tuple[int, int]:
    if not isinstance(message, dict):
        raise _wrong(place, "an object")
    if message.get("role") not in ROLES:
        raise _wrong(f"{place}.role", "one of " + ", ".join(sorted(ROLES)))
    content = message.get("content")
    bound, size = _content(content, f"{place}.content")
    rest = {name: value for name, value in message.items() if name not in ("role", "content")}
    extra = len(msgspec.json.encode(rest)) if rest else 0
    return bound + JSON_GROWTH * extra, size + extra // 2


def _content(content: Any, place: str) -> tuple[int, int]:
    if content is None:
        return 0, 0
    if isinstance(content, str):
        size = utf8(content)
        return size, size
    if not isinstance(content, list):
        raise _wrong(place, "a text or a list of parts")
    bound = size = 0
    for number_, part in enumerate(content):
        inner_bound, inner_size = _part(part, f"{place}[{number_}]")
        bound, size = bound + inner_bound, size + inner_size
    return bound, size


def _part(part: Any, place: str) -> tuple[int, int]:
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        raise _wrong(place, "an object with a type")
    written = part["type"] if part["type"] in ("text", "refusal") else ""
    if written and not isinstance(part.get(written), str):
        raise _wrong(f"{place}.{written}", "a text")
    bound = size = 0
    for name, value in part.items():
        if name in ("text", "refusal") and isinstance(value, str):
            length = utf8(value)
            bound, size = bound + length + 4, size + length
        elif name != "type":
            bound += _beside_text(name, value, place)
    return bound, size


def _beside_text(name: str, value: Any, place: str) -> int:
    """Return the bound of a picture, a sound or whatever else stands in a part."""
    if name.endswith("_url"):
        refuse_address(value, f"{place}.{name}")
        return TOKENS_PER_IMAGE if name == "image_url" else UNBOUNDED
    return UNBOUNDED if name in MEDIA else JSON_GROWTH * len(msgspec.json.encode(value))


def refuse_address(value: Any, place: str) -> None:
    """Refuse media that the engine would have to fetch: from inside, it reaches what nobody may."""
    address = value.get("url") if isinstance(value, dict) else value
    if not isinstance(address, str) or not address.startswith("data:"):
        raise InvalidRequest(
            "Addresses are not fetched: send the content itself, as a data: URL.", param=place
        )


def utf8(value: str) -> int:
    """Return the bytes of a text."""
    return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))


def inputs(body: dict[str, Any], name: str) -> Prompt:
    """Return the size of a text, tokens, or a list of either."""
    value = body.get(name)
    if value is None:
        raise InvalidRequest(
            f"The parameter '{name}' is missing.", param=name, code="missing_required_parameter"
        )
    if isinstance(value, str):
        return Prompt(utf8(value) + 8, utf8(value))
    if not isinstance(value, list) or not value:
        raise _wrong(name, "a text, a list of texts, or tokens")
    if all(type(each) is int for each in value):
        return Prompt(len(value) + 8, len(value))
    sizes = [_item(each, name) for each in value]
    return Prompt(sum(sizes) + 8 * len(sizes), sum(sizes), len(sizes))


def pairs(query: str, documents: list[str], extra: int, longest: int) -> Prompt:
    """Return the size of what a ranker reads: the query once more with every document.

    Each pair has ``extra`` tokens of the model's template, and no more than it can read.
    """
    asked = utf8(query)
    sizes = [asked + utf8(document) for document in documents]
    return Prompt(sum(min(size + extra, longest) for size in sizes), sum(sizes))


def completion(body: dict[str, Any]) -> Prompt:
    """Return the size of what a text is to be written after, and of what is to follow it."""
    prompt = inputs(body, "prompt")
    suffix = body.get("suffix")
    if suffix is None:
        return prompt
    if not isinstance(suffix, str):
        raise _wrong("suffix", "a text")
    extra = (utf8(suffix) + 8) * prompt.items
    return Prompt(prompt.bound + extra, prompt.size + extra, prompt.items)


def _item(value: Any, name: str) -> int:
    if isinstance(value, str) and value:
        return utf8(value)
    if isinstance(value, list) and value and all(type(each) is int for each in value):
        return len(value)
    raise _wrong(name, "a list of texts that are not empty, or of lists of tokens")


def for_engine(call: Call, upstream_model: str, cap: int | None) -> bytes:
    """Return the body the engine gets: its own model name, our cap, usage always asked for."""
    body = dict(call.body)
    body["model"] = upstream_model
    if cap is not None:
        body.pop("max_tokens", None)
        body.pop("max_completion_tokens", None)
        body[call.cap_name] = cap
    if call.stream:
        body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
    return msgspec.json.encode(body)

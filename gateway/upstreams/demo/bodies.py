"""Bodies of requests: their parameters, and refusals that name the wrong one."""

import re
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from gateway.upstreams.demo.errors import ApiError

T = TypeVar("T")

Positive = Annotated[int, Meta(ge=1)]
Choices = Annotated[int, Meta(ge=1, le=128)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Texts = Annotated[list[str | int | list[int]], Meta(min_length=1, max_length=2048)]
Stops = Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(max_length=4)]


class StreamOptions(Struct):
    """How a stream is sent."""

    include_usage: bool = False
    #: vLLM's extension: every chunk says what was used so far.
    continuous_usage_stats: bool = False


class Image(Struct):
    """An image in a message."""

    url: str
    detail: Literal["low", "high", "auto"] = "auto"


class Part(Struct):
    """A part of a message."""

    type: Literal["text", "refusal", "image_url"]
    text: str | None = None
    refusal: str | None = None
    image_url: Image | None = None


class Message(Struct):
    """A message of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None


class Function(Struct, omit_defaults=True):
    """What a model may ask its caller to run."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Tool(Struct):
    """A function on offer."""

    type: Literal["function"]
    function: Function


class Named(Struct):
    """The name of a function."""

    name: str


class NamedTool(Struct):
    """The one function that must be called."""

    type: Literal["function"]
    function: Named


class JsonSchema(Struct):
    """The shape an answer must have."""

    name: str
    schema: dict[str, Any] = {}


class ResponseFormat(Struct):
    """In which form the answer is wanted."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class Generation(Struct, kw_only=True):
    """What chat and plain completions have in common."""

    model: str
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Choices | None = None
    max_tokens: Positive | None = None
    stop: str | Stops | None = None
    seed: int | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    logit_bias: dict[str, float] | None = None
    user: str | None = None
    # vLLM's extensions.
    ignore_eos: bool | None = None
    min_tokens: Annotated[int, Meta(ge=0)] | None = None

    def limit(self) -> tuple[str, int] | None:
        """Return the caller's limit of tokens per choice and the parameter it stands in."""
        return None if self.max_tokens is None else ("max_tokens", self.max_tokens)

    def stops(self) -> list[str]:
        """Return the texts that end the answer."""
        return [self.stop] if isinstance(self.stop, str) else self.stop or []

    def check(self) -> None:
        """Refuse parameters that contradict each other."""
        if self.stream_options is not None and not self.stream:
            raise ApiError("stream_options needs stream to be true.", param="stream_options")
        if self.stop == "":
            raise ApiError("stop must not be empty.", param="stop")
        limit = self.limit()
        if limit is not None and (self.min_tokens or 0) > limit[1]:
            raise ApiError(f"min_tokens must not be above {limit[0]}.", param="min_tokens")


class ChatRequest(Generation, kw_only=True):
    """The body of `/v1/chat/completions`."""

    messages: Annotated[list[Message], Meta(min_length=1)]
    max_completion_tokens: Positive | None = None
    tools: Annotated[list[Tool], Meta(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    #: vLLM's extension: false counts the thoughts but does not show them.
    include_reasoning: bool = True

    def limit(self) -> tuple[str, int] | None:
        """Return the newer parameter when both stand there."""
        if self.max_completion_tokens is not None:
            return "max_completion_tokens", self.max_completion_tokens
        return super().limit()

    def check(self) -> None:
        """Refuse parameters that contradict each other."""
        super().check()
        if self.top_logprobs and not self.logprobs:
            raise ApiError("top_logprobs needs logprobs to be true.", param="top_logprobs")
        self._check_format()
        self._check_tools()

    def _check_format(self) -> None:
        wanted = self.response_format
        if wanted is not None and wanted.type == "json_schema" and wanted.json_schema is None:
            raise ApiError("json_schema is missing.", param="response_format.json_schema")

    def _check_tools(self) -> None:
        if self.tool_choice in (None, "none", "auto"):
            return
        if not self.tools:
            raise ApiError("tool_choice needs tools.", param="tool_choice")
        if isinstance(self.tool_choice, NamedTool):
            name = self.tool_choice.function.name
            if all(tool.function.name != name for tool in self.tools):
                raise ApiError(f"There is no tool `{name}`.", param="tool_choice")


class CompletionRequest(Generation, kw_only=True):
    """The body of `/v1/completions`."""

    prompt: str | Texts
    echo: bool | None = None
    logprobs: Annotated[int, Meta(ge=0, le=5)] | None = None
    suffix: str | None = None

    def check(self) -> None:
        """Refuse parameters that contradict each other."""
        super().check()
        if self.suffix:
            raise ApiError("suffix is not supported.", param="suffix")


class EmbeddingRequest(Struct, kw_only=True):
    """The body of `/v1/embeddings`."""

    model: str
    input: str | Texts
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    user: str | None = None


class Document(Struct):
    """A document to be ranked."""

    text: str


class RerankRequest(Struct, kw_only=True):
    """The body of `/v1/rerank`."""

    model: str
    query: Annotated[str, Meta(min_length=1)]
    documents: Annotated[list[str | Document], Meta(min_length=1, max_length=2048)]
    top_n: Annotated[int, Meta(ge=1)] | None = None
    return_documents: bool = True


def read(wanted: type[T], raw: bytes) -> T:
    """Return the body as the wanted structure, or refuse and name the parameter."""
    try:
        return msgspec.json.decode(raw, type=wanted)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(f"The body is not valid JSON: {error}", code="invalid_json") from None


_PLACE = re.compile(r" - at `\$\.?(?P<path>.*)`$")
_MISSING = re.compile(r"^Object missing required field `(?P<name>.*)`$")


def _invalid(message: str) -> ApiError:
    path = ""
    if place := _PLACE.search(message):
        path, message = place["path"], message[: place.start()]
    if missing := _MISSING.match(message):
        param = f"{path}.{missing['name']}".lstrip(".")
        return ApiError(
            f"The parameter '{param}' is missing.",
            param=param,
            code="missing_required_parameter",
        )
    where = f"Invalid '{path}': " if path else "Invalid body: "
    return ApiError(f"{where}{message}.", param=path or None, code="invalid_value")

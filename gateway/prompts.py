"""How large a prompt is: never fewer tokens than the engine counts, told from the body alone.

Bytes may take fewer tokens than this to tell: text is bounded by its UTF-8 bytes, pictures and sounds
by the rule in the model's record.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from gateway import pictures, sounds
from gateway.calls import DEEPEST, wrong
from gateway.errors import InvalidRequest
from marketplace.media import UNBOUNDED, UNKNOWN, MediaRule

#: What stands in a part beside text; of film nobody can say how much it is.
MEDIA = frozenset({"audio", "file", "image", "image_pil", "video"})
#: Templates print JSON with spaces and escapes of their own, so its bytes grow.
JSON_GROWTH = 3
#: Many print tools line by line with so many spaces for each level, after a text of their own
#: that tells the model how to call them.
INDENT = 4
TOOLS_TEXT = 512
LARGEST_TOOLS = 1_000_000
#: Where tools stand.
TOOLS = frozenset({"tools", "functions"})
#: What a template may print beside the messages and the tools.
BESIDE = frozenset(
    {"response_format", "tool_choice", "chat_template_kwargs", "documents", "prediction",
     "structured_outputs"}
)  # fmt: skip


class Prompt(msgspec.Struct, frozen=True):
    """How large a prompt is: never fewer tokens than the engine counts, and its plain bytes."""

    bound: int
    size: int
    #: How many prompts it is: each has its own answers.
    items: int = 1
    #: How many of the tokens its pictures, and its sounds, can be.
    image: int = 0
    audio: int = 0
    likely_image: int = 0
    likely_audio: int = 0
    #: Whether a spoken answer is asked for.
    speaks: bool = False


NOTHING = Prompt(0, 0)


def messages(
    body: dict[str, Any], per_message: int, base: int, media: MediaRule = UNKNOWN
) -> Prompt:
    """Return the size of a chat prompt; refuses what is no list of messages."""
    given = body.get("messages")
    if given is None:
        raise InvalidRequest(
            "The parameter 'messages' is missing.",
            param="messages",
            code="missing_required_parameter",
        )
    if not isinstance(given, list) or not given:
        raise wrong("messages", "a list that is not empty")
    tally = _Tally(media)
    for place, message in enumerate(given):
        _message(message, place, tally)
    extra = 0 if BESIDE.isdisjoint(body) else _encoded(body, BESIDE)
    tools = NOTHING if TOOLS.isdisjoint(body) else _tools(body)
    bound = tally.bound + per_message * len(given) + base + JSON_GROWTH * extra + tools.bound
    size = tally.size + extra // 2 + tools.size
    return Prompt(
        bound,
        size,
        image=tally.image,
        audio=tally.audio,
        likely_image=tally.likely_image,
        likely_audio=tally.likely_audio,
        speaks=_speaks(body),
    )


def _speaks(body: dict[str, Any]) -> bool:
    wanted = body.get("modalities")
    return body.get("audio") is not None or (isinstance(wanted, list) and "audio" in wanted)


def _tools(body: dict[str, Any]) -> Prompt:
    given = [body[name] for name in TOOLS if body.get(name)]
    if not given:
        return NOTHING
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


def _encoded(body: dict[str, Any], names: Iterable[str]) -> int:
    return sum(len(msgspec.json.encode(body[name])) for name in names if body.get(name))


#: What nearly every message has, and nothing else.
PLAIN = frozenset({"role", "content"})
ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


class _Tally(msgspec.Struct):
    """What the messages come to so far."""

    media: MediaRule
    bound: int = 0
    size: int = 0
    image: int = 0
    audio: int = 0
    likely_image: int = 0
    likely_audio: int = 0


def _message(message: Any, place: int, tally: _Tally) -> None:
    if not isinstance(message, dict):
        raise wrong(f"messages[{place}]", "an object")
    if message.get("role") not in ROLES:
        raise wrong(f"messages[{place}].role", "one of " + ", ".join(sorted(ROLES)))
    content = message.get("content")
    if isinstance(content, str):
        size = utf8(content)
        tally.bound += size
        tally.size += size
    elif content is not None:
        _parts(content, f"messages[{place}].content", tally)
    if message.keys() <= PLAIN:
        return
    rest = {name: value for name, value in message.items() if name not in PLAIN}
    extra = len(msgspec.json.encode(rest))
    tally.bound += JSON_GROWTH * extra
    tally.size += extra // 2


def _parts(content: Any, place: str, tally: _Tally) -> None:
    if not isinstance(content, list):
        raise wrong(place, "a text or a list of parts")
    for number_, part in enumerate(content):
        _part(part, f"{place}[{number_}]", tally)


def _part(part: Any, place: str, tally: _Tally) -> None:
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        raise wrong(place, "an object with a type")
    written = part["type"] if part["type"] in ("text", "refusal") else ""
    if written and not isinstance(part.get(written), str):
        raise wrong(f"{place}.{written}", "a text")
    for name, value in part.items():
        if name in ("text", "refusal") and isinstance(value, str):
            length = utf8(value)
            tally.bound += length + 4
            tally.size += length
        elif name != "type":
            _beside_text(name, value, place, tally)


def _beside_text(name: str, value: Any, place: str, tally: _Tally) -> None:
    """Count a picture, a sound or whatever else stands in a part."""
    if name.endswith("_url"):
        refuse_address(value, f"{place}.{name}")
    if name == "image_url":
        seen = pictures.measured(value)
        count = tally.media.image(*seen)
        tally.image += count
        tally.likely_image += tally.media.likely_image(*seen)
    elif name == "input_audio":
        most, likely = sounds.measured(value)
        count = tally.media.audio(most)
        tally.audio += count
        tally.likely_audio += tally.media.likely_audio(likely)
    elif name in MEDIA or name.endswith("_url"):
        # Of film, and of what else nobody has a rule for, nobody can say.
        count = UNBOUNDED
        tally.image += count
        tally.audio += count
    else:
        count = JSON_GROWTH * len(msgspec.json.encode(value))
    tally.bound += count


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
        raise wrong(name, "a text, a list of texts, or tokens")
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
        raise wrong("suffix", "a text")
    extra = (utf8(suffix) + 8) * prompt.items
    return Prompt(prompt.bound + extra, prompt.size + extra, prompt.items)


def _item(value: Any, name: str) -> int:
    if isinstance(value, str) and value:
        return utf8(value)
    if isinstance(value, list) and value and all(type(each) is int for each in value):
        return len(value)
    raise wrong(name, "a list of texts that are not empty, or of lists of tokens")

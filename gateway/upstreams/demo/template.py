"""How a conversation becomes a prompt, and how many tokens that is.

    <begin>                                                   1  BASE, together with the last line
    <start> role <text> … <end>                               4  PER_MESSAGE, for every message
    <start> tool-list <text> [tools as compact JSON] <end>    4  PER_MESSAGE, if tools are offered
    <start> assistant <text>                                  3  where the answer begins

Marks and roles are one token each. Inside a message stand its texts, its name (one more token)
and its tool calls as compact JSON; an image counts what its detail says.
"""

from typing import Any

import msgspec

from gateway.upstreams.demo import tokenizer
from gateway.upstreams.demo.bodies import Message, Part, Tool

PER_MESSAGE = 4
BASE = 4
PER_NAME = 1
IMAGES = {"low": 85, "auto": 765, "high": 1105}


class Prompt(msgspec.Struct, frozen=True):
    """What a request sends: its tokens, and the pieces they are in, first to last."""

    tokens: int
    pieces: list[tuple[str, int]]


def count_chat(messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None) -> int:
    """Return how many tokens the engine counts for these messages and tools, as sent in a body."""
    return chat(
        msgspec.convert(messages, list[Message]), msgspec.convert(tools, list[Tool] | None)
    ).tokens


def chat(messages: list[Message], tools: list[Tool] | None) -> Prompt:
    """Return the prompt of a conversation."""
    pieces = [_piece(_json(tools), PER_MESSAGE)] if tools else []
    pieces += [_message(message) for message in messages]
    return Prompt(BASE + sum(tokens for _, tokens in pieces), pieces)


def plain(text: str, tokens: int) -> Prompt:
    """Return the prompt of a plain completion: what it says and no mark around it."""
    return Prompt(tokens, [(text, tokens)])


def text_of(message: Message) -> str:
    """Return what a message says, without its images."""
    if isinstance(message.content, str):
        return message.content
    return "".join(_text(part) for part in message.content or [])


def _message(message: Message) -> tuple[str, int]:
    text, extra = text_of(message), PER_MESSAGE
    if message.name:
        extra += PER_NAME + tokenizer.count(message.name)
    if message.tool_calls:
        extra += tokenizer.count(_json(message.tool_calls))
    if isinstance(message.content, list):
        extra += sum(_image(part) for part in message.content)
    return _piece(text, extra, message.role)


def _piece(text: str, extra: int, role: str = "") -> tuple[str, int]:
    return f"{role}\0{text}", tokenizer.count(text) + extra


def _text(part: Part) -> str:
    return part.text or part.refusal or ""


def _image(part: Part) -> int:
    return IMAGES[part.image_url.detail] if part.image_url is not None else 0


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()

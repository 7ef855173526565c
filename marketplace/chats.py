"""What a conversation of the playground may be, when its author asks to keep it."""

import json
from typing import Annotated, Any, Literal

import msgspec
from django.utils.translation import gettext as _

from marketplace.errors import BadChat, ChatTooLarge

#: The most that one conversation may take, with its pictures, as JSON in bytes.
LARGEST = 1_000_000
TURNS = 400

Text = Annotated[str, msgspec.Meta(max_length=LARGEST)]
Short = Annotated[str, msgspec.Meta(max_length=200)]


class Turn(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A message as the API takes it."""

    role: Literal["user", "assistant", "tool"]
    content: Text | list[dict[str, Any]] | None = None
    tool_calls: list[dict[str, Any]] = []
    tool_call_id: Short = ""


class Pane(msgspec.Struct, forbid_unknown_fields=True):
    """A model and what was said with it."""

    model: Short
    turns: Annotated[list[Turn], msgspec.Meta(max_length=TURNS)]


class Chat(msgspec.Struct, forbid_unknown_fields=True):
    """A conversation: with one model, or with two side by side."""

    panes: Annotated[list[Pane], msgspec.Meta(min_length=1, max_length=2)]
    #: The fields of the form, by name.
    settings: dict[Short, Text]


def read(body: bytes) -> dict[str, Any]:
    """Return a conversation that may be kept; refuses what is none, and what is too long."""
    if len(body) > LARGEST:
        raise ChatTooLarge
    try:
        chat = msgspec.json.decode(body, type=Chat)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadChat(str(error)) from error
    text = msgspec.json.encode(chat)
    # PostgreSQL keeps no NUL in JSON.
    if b"\\u0000" in text:
        raise BadChat(_("A character in it cannot be kept: U+0000."))
    return dict(json.loads(text))


def title(chat: dict[str, Any]) -> str:
    """Return the beginning of the first question."""
    turns = chat["panes"][0]["turns"]
    content = next((it["content"] for it in turns if it["role"] == "user"), "")
    if isinstance(content, list):
        content = next((it.get("text", "") for it in content if it.get("type") == "text"), "")
    words = " ".join(str(content or "").split())
    return words[:80] or _("Without words")

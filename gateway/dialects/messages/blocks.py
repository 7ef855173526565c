"""The conversation of ``/v1/messages``, block by block, as chat messages."""

from typing import Any

import msgspec

from gateway import prompts
from gateway.dialects.base import expect, missing, text, unsupported, wrong
from gateway.dialects.talk import Talk, joined

Block = dict[str, Any]
MEDIA_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")


def messages(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the system's text and the messages, or refuse what is neither text nor blocks."""
    talk = Talk()
    if body.get("system"):
        talk.say("system", _plain(body["system"], "system"))
    given = body.get("messages")
    if given is None:
        raise missing("messages")
    if not isinstance(given, list) or not given:
        raise wrong("messages", "a list that is not empty")
    for number, message in enumerate(given):
        place = f"messages[{number}]"
        _message(talk, expect(message, dict, place, "an object"), place)
    if given[-1].get("role") == "assistant":
        raise unsupported(
            f"messages[{len(given) - 1}].role",
            "The last message must be the user's: an answer cannot be begun for the model.",
        )
    return talk.messages


def _message(talk: Talk, message: Block, place: str) -> None:
    match message.get("role"):
        case "user":
            _user(talk, _blocks(message, f"{place}.content"), f"{place}.content")
        case "assistant":
            _assistant(talk, _blocks(message, f"{place}.content"), f"{place}.content")
        case "system":
            talk.say("system", _plain(message.get("content"), f"{place}.content"))
        case _:
            raise wrong(f"{place}.role", "one of user, assistant, system")


def _blocks(message: Block, place: str) -> list[Block]:
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    blocks: list[Any] = expect(content, list, place, "a text or a list of blocks")
    return [
        expect(block, dict, f"{place}[{number}]", "an object with a type")
        for number, block in enumerate(blocks)
    ]


def _plain(content: Any, place: str) -> str:
    """Return a text that may be given in blocks."""
    blocks = _blocks({"content": content}, place)
    return "\n\n".join(
        text(block.get("text"), f"{place}[{number}].text") for number, block in enumerate(blocks)
    )


def _user(talk: Talk, blocks: list[Block], place: str) -> None:
    parts = []
    for number, block in enumerate(blocks):
        if block.get("type") == "tool_result":
            _result(talk, block, f"{place}[{number}]")
        else:
            parts.append(_part(block, f"{place}[{number}]"))
    # What tools answered comes before anything else: chat wants it right after the calls.
    if parts or not blocks:
        talk.say("user", joined(parts))


def _result(talk: Talk, block: Block, place: str) -> None:
    id_ = text(block.get("tool_use_id"), f"{place}.tool_use_id")
    content = block.get("content") or ""
    inner = _blocks({"content": content}, f"{place}.content")
    parts = [_part(each, f"{place}.content[{number}]") for number, each in enumerate(inner)]
    if block.get("is_error"):
        # Chat has no mark for it; the word is what models know errors by.
        parts.insert(0, {"type": "text", "text": "Error:"})
    talk.say("tool", joined(parts), tool_call_id=id_)


def _assistant(talk: Talk, blocks: list[Block], place: str) -> None:
    said = []
    for number, block in enumerate(blocks):
        where = f"{place}[{number}]"
        match block.get("type"):
            case "text":
                said.append(text(block.get("text"), f"{where}.text"))
            case "thinking":
                talk.think(text(block.get("thinking"), f"{where}.thinking"))
            case "tool_use":
                _answer(talk, said)
                _call(talk, block, where)
            case _:
                raise unsupported(f"{where}.type", "It may be text, thinking, tool_use.")
    _answer(talk, said)


def _answer(talk: Talk, said: list[str]) -> None:
    if said:
        talk.answer("".join(said))
        said.clear()


def _call(talk: Talk, block: Block, place: str) -> None:
    given = expect(block.get("input"), dict, f"{place}.input", "an object")
    arguments = msgspec.json.encode(given).decode()
    talk.call(
        text(block.get("id"), f"{place}.id"), text(block.get("name"), f"{place}.name"), arguments
    )


def _part(block: Block, place: str) -> dict[str, Any]:
    kind = block.get("type")
    if kind == "text":
        return {"type": "text", "text": text(block.get("text"), f"{place}.text")}
    if kind == "image":
        source = expect(block.get("source"), dict, f"{place}.source", "an object")
        return {"type": "image_url", "image_url": {"url": _address(source, f"{place}.source")}}
    raise unsupported(f"{place}.type", "It may be text, image, tool_result.")


def _address(source: Block, place: str) -> str:
    kind = source.get("type")
    if kind == "url":
        prompts.refuse_address(source.get("url"), f"{place}.url")
        return text(source["url"], f"{place}.url")
    if kind != "base64":
        raise unsupported(f"{place}.type", "It may be 'base64'.")
    if source.get("media_type") not in MEDIA_TYPES:
        raise wrong(f"{place}.media_type", "one of " + ", ".join(MEDIA_TYPES))
    return f"data:{source['media_type']};base64,{text(source.get('data'), f'{place}.data')}"

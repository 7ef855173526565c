"""The input of ``/v1/responses``, item by item, as chat messages."""

from collections.abc import Callable
from typing import Any

from gateway import prompts
from gateway.dialects.base import expect, missing, text, unsupported, wrong
from gateway.dialects.talk import Content, Talk, joined

ROLES = ("user", "assistant", "system", "developer")
Item = dict[str, Any]


def messages(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return instructions and input as messages, or refuse what is neither text nor items."""
    talk = Talk()
    if body.get("instructions") is not None:
        talk.say("system", text(body["instructions"], "instructions"))
    given = body.get("input")
    if given is None:
        raise missing("input")
    if isinstance(given, str):
        talk.say("user", given)
        return talk.messages
    if not isinstance(given, list) or not given:
        raise wrong("input", "a text or a list of items")
    for number, item in enumerate(given):
        _item(talk, expect(item, dict, f"input[{number}]", "an object"), f"input[{number}]")
    return talk.messages


def _item(talk: Talk, item: Item, place: str) -> None:
    kind = item.get("type", "message")
    add = ITEMS.get(kind) if isinstance(kind, str) else None
    if add is None:
        raise unsupported(
            f"{place}.type", f"It may be {', '.join(ITEMS)}; nothing is kept between requests."
        )
    add(talk, item, place)


def _message(talk: Talk, item: Item, place: str) -> None:
    role = item.get("role")
    if role not in ROLES:
        raise wrong(f"{place}.role", "one of " + ", ".join(ROLES))
    content = _content(item.get("content"), f"{place}.content")
    if role == "assistant":
        talk.answer(content)
    else:
        # The older name of the same is the one that every template knows.
        talk.say("system" if role == "developer" else role, content)


def _call(talk: Talk, item: Item, place: str) -> None:
    id_, name, arguments = (
        text(item.get(each), f"{place}.{each}") for each in ("call_id", "name", "arguments")
    )
    talk.call(id_, name, arguments)


def _output(talk: Talk, item: Item, place: str) -> None:
    id_ = text(item.get("call_id"), f"{place}.call_id")
    talk.say("tool", _content(item.get("output"), f"{place}.output"), tool_call_id=id_)


def _reasoning(talk: Talk, item: Item, place: str) -> None:
    """Give thoughts back: in full where they stand there, else what sums them up."""
    found = item.get("content") or item.get("summary") or []
    parts = expect(found, list, f"{place}.content", "a list of parts")
    thoughts = [
        text(part.get("text") if isinstance(part, dict) else part, f"{place}.content[{number}]")
        for number, part in enumerate(parts)
    ]
    if not thoughts and item.get("encrypted_content"):
        raise unsupported(
            f"{place}.encrypted_content", "Thoughts come and go in clear, as 'content'."
        )
    if thoughts:
        talk.think("\n\n".join(thoughts))


ITEMS: dict[str, Callable[[Talk, Item, str], None]] = {
    "message": _message,
    "function_call": _call,
    "function_call_output": _output,
    "reasoning": _reasoning,
}


def _content(given: Any, place: str) -> Content:
    if isinstance(given, str):
        return given
    parts = expect(given, list, place, "a text or a list of parts")
    return joined([_part(part, f"{place}[{number}]") for number, part in enumerate(parts)])


def _part(part: Any, place: str) -> dict[str, Any]:
    kind = expect(part, dict, place, "an object with a type").get("type")
    if kind in ("input_text", "output_text", "text"):
        return {"type": "text", "text": text(part.get("text"), f"{place}.text")}
    if kind == "refusal":
        return {"type": "refusal", "refusal": text(part.get("refusal"), f"{place}.refusal")}
    if kind == "input_image":
        return _image(part, place)
    if kind == "input_file":
        return _file(part, place)
    if kind == "input_audio":
        return {"type": "input_audio", "input_audio": part.get("input_audio")}
    raise unsupported(
        f"{place}.type",
        "It may be input_text, input_image, input_file, input_audio, output_text, refusal.",
    )


def _image(part: dict[str, Any], place: str) -> dict[str, Any]:
    if part.get("file_id") is not None:
        raise unsupported(f"{place}.file_id", "Send the image itself as 'image_url', a data: URL.")
    prompts.refuse_address(part.get("image_url"), f"{place}.image_url")
    detail = {"detail": part["detail"]} if part.get("detail") else {}
    return {"type": "image_url", "image_url": {"url": part["image_url"], **detail}}


def _file(part: dict[str, Any], place: str) -> dict[str, Any]:
    for name in ("file_id", "file_url"):
        if part.get(name) is not None:
            raise unsupported(f"{place}.{name}", "Send the file itself as 'file_data'.")
    file = {"file_data": text(part.get("file_data"), f"{place}.file_data")}
    if part.get("filename") is not None:
        file["filename"] = text(part["filename"], f"{place}.filename")
    return {"type": "file", "file": file}

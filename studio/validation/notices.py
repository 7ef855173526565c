"""What is no fault of an example and yet should be known before a model learns it; plain Python."""

import re
from collections.abc import Iterator
from typing import Any

from studio.validation import personal
from studio.validation.problems import Problem
from studio.validation.seen import Seen

#: Marks by which templates of models say who speaks; in a text they can be taken for just that.
SPECIAL = re.compile(r"<\|[a-z_]+\|>|\[/?INST\]|<<?/?SYS>>|</?s>|<(?:start|end)_of_turn>")


def of(example: dict[str, Any], seen: Seen) -> Iterator[Problem]:
    """Yield what should be known of an example that can be used; ``seen`` holds those before."""
    if seen.add(example):
        yield Problem("repeated_example", "it stood there before, word for word")
    for number, message in enumerate(example["messages"]):
        path = f"messages[{number}].content"
        text = _text(message.get("content"))
        if kinds := dict.fromkeys(it.kind for it in personal.found(text)):
            yield Problem("personal_data", ", ".join(kinds), path)
        if ("<" in text or "[" in text) and (mark := SPECIAL.search(text)):
            yield Problem("special_token", f"{mark.group()} is a mark of templates", path)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content)
    return content or ""

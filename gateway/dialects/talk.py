"""A conversation on its way into chat messages."""

from collections.abc import Sequence
from typing import Any

Message = dict[str, Any]
Content = str | list[dict[str, Any]]


class Talk:
    """Messages; what an assistant thought, said and called in one turn becomes one of them."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def say(self, role: str, content: Content, **facts: Any) -> None:
        """Add a message of somebody else than the assistant."""
        self.messages.append({"role": role, **facts, "content": content})

    def think(self, text: str) -> None:
        """Add a thought: it begins a turn."""
        turn = self._turn(ends_with=("content", "tool_calls"))
        turn["reasoning_content"] = turn.get("reasoning_content", "") + text

    def answer(self, content: Content) -> None:
        """Add what the assistant said."""
        self._turn(ends_with=("content", "tool_calls"))["content"] = content

    def call(self, id_: str, name: str, arguments: str) -> None:
        """Add a call the assistant made."""
        function = {"name": name, "arguments": arguments}
        calls = self._turn().setdefault("tool_calls", [])
        calls.append({"id": id_, "type": "function", "function": function})

    def _turn(self, ends_with: Sequence[str] = ()) -> Message:
        """Return the assistant's message that goes on, or a new one after what ends a turn."""
        last = self.messages[-1] if self.messages else {}
        if last.get("role") != "assistant" or any(name in last for name in ends_with):
            last = {"role": "assistant"}
            self.messages.append(last)
        return last


def joined(parts: list[dict[str, Any]]) -> Content:
    """Return a single text as such: older templates read nothing else."""
    if len(parts) == 1 and parts[0]["type"] == "text":
        only: str = parts[0]["text"]
        return only
    return parts

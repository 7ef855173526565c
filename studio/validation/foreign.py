"""Examples as other tools write them: told apart, and made into conversations; plain Python.

Known are pairs of a question and an answer under their usual names (prompt and completion, and
Alpaca's instruction, input and output) and ShareGPT's conversations.
"""

from typing import Any

#: What a question, its answer and the manner of answering are called, the usual name first.
QUESTION = ("prompt", "question", "instruction", "input", "user")
ANSWER = ("completion", "answer", "output", "response", "assistant")
SYSTEM = ("system",)
#: Who speaks, by other names.
ROLES = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant",
         "developer": "system"}  # fmt: skip


def recognised(example: dict[str, Any]) -> str:
    """Return what the form of an example is called; nothing where it is none of these."""
    if "messages" in example:
        return ""
    turns = example.get("conversations")
    if isinstance(turns, list) and turns and all(map(_is_turn, turns)):
        return "ShareGPT"
    if named(example, ("instruction",)) and named(example, ("output",)):
        return "Alpaca"
    question, answer = named(example, QUESTION), named(example, ANSWER)
    return f"{question} and {answer}" if question and answer else ""


def as_chat(example: dict[str, Any]) -> dict[str, Any]:
    """Return a recognised example as messages; what is in other fields is left out."""
    manner = [_message("system", str(example[it])) for it in SYSTEM if named(example, (it,))]
    if recognised(example) == "ShareGPT":
        return {"messages": [*manner, *map(_of_turn, example["conversations"])]}
    question = str(example[named(example, QUESTION)])
    # Alpaca's input is what the instruction is to be applied to; it may be empty.
    if "instruction" in example and str(example.get("input") or "").strip():
        question = f"{example['instruction']}\n\n{example['input']}"
    answer = str(example[named(example, ANSWER)])
    return {"messages": [*manner, _message("user", question), _message("assistant", answer)]}


def named(example: dict[str, Any], names: tuple[str, ...]) -> str:
    """Return the first of the names that text stands under; nothing where none does."""
    return next((it for it in names if isinstance(example.get(it), str) and example[it]), "")


def _is_turn(turn: Any) -> bool:
    return isinstance(turn, dict) and all(isinstance(turn.get(it), str) for it in ("from", "value"))


def _of_turn(turn: dict[str, str]) -> dict[str, str]:
    return _message(ROLES.get(turn["from"], turn["from"]), turn["value"])


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}

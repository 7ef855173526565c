"""What can be mended in an example without asking what it means; plain Python.

Each takes an example that was decoded and returns it mended, or nothing where it is to be left out.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from studio.validation import chat, foreign, personal
from studio.validation.seen import Seen

Example = dict[str, Any]
Apply = Callable[[Example], Example | None]


@dataclass(frozen=True, slots=True)
class Fix:
    """A way to mend; ``mends`` are the codes of what the check has found."""

    code: str
    mends: frozenset[str]
    apply: Apply


def convert(example: Example) -> Example:
    """Make messages of an example that is written as another tool writes it."""
    return foreign.as_chat(example) if foreign.recognised(example) else example


def rename_roles(example: Example) -> Example:
    """Call who speaks by the names that are known."""
    return _with_messages(example, [_renamed(it) for it in _messages(example)])


def remove_keys(example: Example) -> Example:
    """Remove what has no meaning here."""
    kept = {name: it for name, it in example.items() if name in chat.EXAMPLE_KEYS}
    return _with_messages(kept, [_without_keys(it) for it in _messages(kept)])


def system_first(example: Example) -> Example:
    """Put what system messages say into one, at the beginning."""
    said = _messages(example)
    systems = [it for it in said if it.get("role") == "system"]
    if not systems or systems == said[:1] or not all(map(_is_plain, systems)):
        return example
    manner = {"role": "system", "content": "\n\n".join(it["content"] for it in systems)}
    return _with_messages(example, [manner, *(it for it in said if it.get("role") != "system")])


def end_with_answer(example: Example) -> Example | None:
    """Leave out what follows the assistant's last answer."""
    said = _messages(example)
    answers = [place for place, it in enumerate(said) if it.get("role") == "assistant"]
    return _with_messages(example, said[: answers[-1] + 1]) if answers else None


def mend_weights(example: Example) -> Example:
    """Keep the weights 0 and 1 of answers, however they are written, and remove all others."""
    return _with_messages(example, [_weighed(it) for it in _messages(example)])


def redact(example: Example) -> Example:
    """Replace personal data and secrets by their kind in brackets."""
    return _with_messages(example, [_redacted(it) for it in _messages(example)])


def leave_out_unusable(example: Example) -> Example | None:
    """Leave out what still cannot be used."""
    return None if next(chat.problems(example), None) else example


def once() -> Apply:
    """Leave out what stood there before, word for word."""
    seen = Seen()
    return lambda example: None if seen.add(example) else example


#: In the order in which they are made: what comes later works on what came before.
ORDER: Mapping[str, tuple[frozenset[str], Callable[[], Apply]]] = {
    "convert": (frozenset({"other_format"}), lambda: convert),
    "roles": (frozenset({"invalid_role"}), lambda: rename_roles),
    "keys": (frozenset({"unknown_key"}), lambda: remove_keys),
    "weights": (frozenset({"invalid_weight"}), lambda: mend_weights),
    "system": (frozenset({"system_not_first"}), lambda: system_first),
    "answer": (frozenset({"last_not_assistant"}), lambda: end_with_answer),
    "redact": (frozenset({"personal_data"}), lambda: redact),
    "repeated": (frozenset({"repeated_example"}), once),
    "unusable": (frozenset(), lambda: leave_out_unusable),
}
#: What is wrong with the whole file and not with an example of it.
OF_THE_FILE = frozenset({"file_deleted", "too_few_examples", "not_json_lines"})


def offered(codes: Iterable[str]) -> list[str]:
    """Return the fixes for what was found, in their order; leaving out is for any fault of a line."""
    found = set(codes)
    # How messages stand is looked at once they can be told apart.
    if found & {"other_format", "invalid_role"}:
        found |= {"system_not_first", "last_not_assistant"}
    fitting = [code for code, (mends, _make) in ORDER.items() if mends & found]
    notices = {"personal_data", "repeated_example"}
    return [*fitting, "unusable"] if found - OF_THE_FILE - notices else fitting


def chosen(codes: Iterable[str]) -> list[Fix]:
    """Return these fixes in their order, to be used on one file."""
    wanted = set(codes)
    return [Fix(code, mends, make()) for code, (mends, make) in ORDER.items() if code in wanted]


def _messages(example: Example) -> list[Example]:
    said = example.get("messages")
    whole = isinstance(said, list) and all(isinstance(it, dict) for it in said)
    return said if whole and said else []


def _with_messages(example: Example, said: list[Example]) -> Example:
    return {**example, "messages": said} if said else example


def _is_plain(message: Example) -> bool:
    return isinstance(message.get("content"), str)


def _renamed(message: Example) -> Example:
    role = message.get("role")
    known = foreign.ROLES.get(role) if isinstance(role, str) else None
    return {**message, "role": known} if known else message


def _without_keys(message: Example) -> Example:
    return {name: it for name, it in message.items() if name in chat.MESSAGE_KEYS}


def _weighed(message: Example) -> Example:
    weight = message.get("weight")
    if weight is None:
        return message
    rest = {name: it for name, it in message.items() if name != "weight"}
    is_meant = isinstance(weight, (bool, int, float)) and weight in (0, 1)
    return {**rest, "weight": int(weight)} if is_meant and _answers(message) else rest


def _answers(message: Example) -> bool:
    return message.get("role") == "assistant"


def _redacted(message: Example) -> Example:
    content = message.get("content")
    if isinstance(content, str):
        return {**message, "content": personal.redacted(content)}
    if not isinstance(content, list):
        return message
    return {**message, "content": [_redacted_part(part) for part in content]}


def _redacted_part(part: Any) -> Any:
    text = part.get("text") if isinstance(part, dict) else None
    return {**part, "text": personal.redacted(text)} if isinstance(text, str) else part

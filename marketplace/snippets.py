"""The first call in three languages, from one description of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from marketplace.models import Kind


@dataclass(frozen=True, slots=True)
class Snippet:
    """Code to copy."""

    name: str
    label: str
    code: str


@dataclass(frozen=True, slots=True)
class _Call:
    path: str
    #: Empty where OpenAI's clients have none for it; they post any body.
    method: str
    arguments: dict[str, Any]
    result: str


def _call(kind: str, model: str) -> _Call:
    if kind == Kind.EMBEDDING:
        arguments: dict[str, Any] = {"model": model, "input": "What is a tessera?"}
        return _Call("embeddings", "embeddings.create", arguments, "data[0].embedding")
    if kind == Kind.RERANK:
        documents = ["A tile of a mosaic.", "A kind of pasta."]
        arguments = {"model": model, "query": "What is a tessera?", "documents": documents}
        return _Call("rerank", "", arguments, "results")
    messages = [{"role": "user", "content": "What is a tessera?"}]
    return _Call(
        "chat/completions",
        "chat.completions.create",
        {"model": model, "messages": messages},
        "choices[0].message.content",
    )


def for_model(kind: str, model: str, base_url: str, *, key: str = "") -> list[Snippet]:
    """Return the same call for curl, Python and JavaScript.

    The key stands in it when one is given; otherwise it comes from the environment.
    """
    return _written(_call(kind, model), base_url, key)


def for_chat(arguments: Mapping[str, Any], base_url: str) -> list[Snippet]:
    """Return a chat completion with these arguments; the key comes from the environment."""
    call = _call(Kind.CHAT, "")
    return _written(replace(call, arguments=dict(arguments)), base_url, "")


def _written(call: _Call, base_url: str, key: str) -> list[Snippet]:
    return [
        Snippet("curl", "curl", _curl(call, base_url, key)),
        Snippet("python", "Python", _python(call, base_url, key)),
        Snippet("javascript", "JavaScript", _javascript(call, base_url, key)),
    ]


def _curl(call: _Call, base_url: str, key: str) -> str:
    arguments = ",\n".join(
        f"    {json.dumps(name)}: {_json(it, 4)}" for name, it in call.arguments.items()
    )
    # The shell takes what stands between apostrophes as it is, but for an apostrophe.
    arguments = arguments.replace("'", "'\\''")
    return (
        f"curl {base_url}/{call.path} \\\n"
        f'  -H "Authorization: Bearer {key or "$TESSERA_API_KEY"}" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d '{{\n{arguments}\n  }}'"
    )


def _python(call: _Call, base_url: str, key: str) -> str:
    secret = json.dumps(key) if key else 'os.environ["TESSERA_API_KEY"]'
    return (
        ("" if key else "import os\n\n") + "from openai import OpenAI\n\n"
        f'client = OpenAI(base_url="{base_url}", api_key={secret})\n'
        f"{_in_python(call)}"
    )


def _in_python(call: _Call) -> str:
    if not call.method:
        body = json.dumps(call.arguments, indent=4).replace("\n", "\n    ")
        return (
            f'answer = client.post(\n    "/{call.path}",\n    cast_to=object,\n    body={body},\n)\n'
            f'print(answer["{call.result}"])'
        )
    arguments = "\n".join(f"    {name}={_literal(it)}," for name, it in call.arguments.items())
    return f"answer = client.{call.method}(\n{arguments}\n)\nprint(answer.{call.result})"


def _javascript(call: _Call, base_url: str, key: str) -> str:
    secret = json.dumps(key) if key else "process.env.TESSERA_API_KEY"
    return (
        'import OpenAI from "openai";\n\n'
        "const client = new OpenAI({\n"
        f'  baseURL: "{base_url}",\n  apiKey: {secret},\n}});\n'
        f"{_in_javascript(call)}\nconsole.log(answer.{call.result});"
    )


def _in_javascript(call: _Call) -> str:
    if not call.method:
        body = json.dumps(call.arguments, indent=2).replace("\n", "\n  ")
        return f'const answer = await client.post("/{call.path}", {{\n  body: {body},\n}});'
    arguments = "\n".join(f"  {name}: {_json(it, 2)}," for name, it in call.arguments.items())
    return f"const answer = await client.{call.method}({{\n{arguments}\n}});"


#: Longer values are written over several lines.
ONE_LINE = 80


def _json(value: Any, indent: int) -> str:
    line = json.dumps(value, ensure_ascii=False)
    if len(line) <= ONE_LINE or not isinstance(value, dict | list):
        return line
    return json.dumps(value, ensure_ascii=False, indent=2).replace("\n", "\n" + " " * indent)


def _literal(value: Any, indent: int = 4) -> str:
    """Write what JSON can say as Python does: ``True`` and not ``true``."""
    if isinstance(value, dict):
        parts = [f"{_literal(name)}: {_literal(it, indent + 4)}" for name, it in value.items()]
        return _enclosed("{", parts, "}", indent)
    if isinstance(value, list):
        return _enclosed("[", [_literal(it, indent + 4) for it in value], "]", indent)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _enclosed(opening: str, parts: list[str], closing: str, indent: int) -> str:
    line = f"{opening}{', '.join(parts)}{closing}"
    if len(line) <= ONE_LINE and "\n" not in line:
        return line
    margin = "\n" + " " * indent
    lines = "".join(f"{margin}    {part}," for part in parts)
    return f"{opening}{lines}{margin}{closing}"

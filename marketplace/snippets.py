"""The first call in three languages, from one description of it."""

import json
from dataclasses import dataclass
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
    method: str
    arguments: dict[str, Any]
    result: str


def _call(kind: str, model: str) -> _Call:
    if kind == Kind.EMBEDDING:
        arguments: dict[str, Any] = {"model": model, "input": "What is a tessera?"}
        return _Call("embeddings", "embeddings.create", arguments, "data[0].embedding")
    messages = [{"role": "user", "content": "What is a tessera?"}]
    return _Call(
        "chat/completions",
        "chat.completions.create",
        {"model": model, "messages": messages},
        "choices[0].message.content",
    )


def for_model(kind: str, model: str, base_url: str) -> list[Snippet]:
    """Return the same call for curl, Python and JavaScript; the key comes from the environment."""
    call = _call(kind, model)
    return [
        Snippet("curl", "curl", _curl(call, base_url)),
        Snippet("python", "Python", _python(call, base_url)),
        Snippet("javascript", "JavaScript", _javascript(call, base_url)),
    ]


def _curl(call: _Call, base_url: str) -> str:
    return (
        f"curl {base_url}/{call.path} \\\n"
        '  -H "Authorization: Bearer $TESSERA_API_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d '{json.dumps(call.arguments)}'"
    )


def _python(call: _Call, base_url: str) -> str:
    arguments = "\n".join(f"    {name}={json.dumps(it)}," for name, it in call.arguments.items())
    return (
        "import os\n\nfrom openai import OpenAI\n\n"
        f'client = OpenAI(base_url="{base_url}", api_key=os.environ["TESSERA_API_KEY"])\n'
        f"answer = client.{call.method}(\n{arguments}\n)\n"
        f"print(answer.{call.result})"
    )


def _javascript(call: _Call, base_url: str) -> str:
    arguments = "\n".join(f"  {name}: {json.dumps(it)}," for name, it in call.arguments.items())
    return (
        'import OpenAI from "openai";\n\n'
        "const client = new OpenAI({\n"
        f'  baseURL: "{base_url}",\n  apiKey: process.env.TESSERA_API_KEY,\n}});\n'
        f"const answer = await client.{call.method}({{\n{arguments}\n}});\n"
        f"console.log(answer.{call.result});"
    )

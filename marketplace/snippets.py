"""The first call in several languages, from one description of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from marketplace.models import Kind
from tenants import ports

QUESTION = "What is a token?"


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
    #: LangChain's class, empty where it has none: how it is made, asked, and where the answer is.
    chain: str = ""
    chain_facts: Mapping[str, str] = field(default_factory=dict)
    chain_method: str = "invoke"
    chain_result: str = ""


def _call(kind: str, model: str) -> _Call:
    if kind == Kind.EMBEDDING:
        arguments: dict[str, Any] = {"model": model, "input": QUESTION}
        return _Call(
            "embeddings",
            "embeddings.create",
            arguments,
            "data[0].embedding",
            chain="OpenAIEmbeddings",
            # It would else cut texts by the tokenizer of a model of OpenAI's.
            chain_facts={"check_embedding_ctx_length": "False"},
            chain_method="embed_query",
        )
    if kind == Kind.RERANK:
        documents = ["A piece of text that a model reads.", "A kind of pasta."]
        arguments = {"model": model, "query": QUESTION, "documents": documents}
        return _Call("rerank", "", arguments, "results")
    messages = [{"role": "user", "content": QUESTION}]
    return _Call(
        "chat/completions",
        "chat.completions.create",
        {"model": model, "messages": messages},
        "choices[0].message.content",
        chain="ChatOpenAI",
        chain_result=".text",
    )


def for_model(kind: str, model: str, base_url: str, *, key: str = "") -> list[Snippet]:
    """Return the same call for curl, Python, JavaScript and, where it has one, LangChain.

    The key stands in it when one is given; otherwise it comes from the environment, from the
    variable that is named after the operator.
    """
    return _written(_call(kind, model), base_url, key)


def for_chat(arguments: Mapping[str, Any], base_url: str) -> list[Snippet]:
    """Return a chat completion with these arguments; the key comes from the environment."""
    call = _call(Kind.CHAT, "")
    return _written(replace(call, arguments=dict(arguments)), base_url, "")


def _written(call: _Call, base_url: str, key: str) -> list[Snippet]:
    variable = ports.operator.face().key_variable
    shell = key or f"${variable}"
    python = json.dumps(key) if key else f'os.environ["{variable}"]'
    script = json.dumps(key) if key else f"process.env.{variable}"
    found = [
        Snippet("curl", "curl", _curl(call, base_url, shell)),
        Snippet("python", "Python", _imports(key) + _python(call, base_url, python)),
        Snippet("javascript", "JavaScript", _javascript(call, base_url, script)),
    ]
    if call.chain:
        code = _imports(key) + _langchain(call, base_url, python)
        found.append(Snippet("langchain", "LangChain", code))
    return found


def _curl(call: _Call, base_url: str, key: str) -> str:
    arguments = ",\n".join(
        f"    {json.dumps(name)}: {_json(it, 4)}" for name, it in call.arguments.items()
    )
    # The shell takes what stands between apostrophes as it is, but for an apostrophe.
    arguments = arguments.replace("'", "'\\''")
    return (
        f"curl {base_url}/{call.path} \\\n"
        f'  -H "Authorization: Bearer {key}" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d '{{\n{arguments}\n  }}'"
    )


def _imports(key: str) -> str:
    return "" if key else "import os\n\n"


def _python(call: _Call, base_url: str, secret: str) -> str:
    return (
        "from openai import OpenAI\n\n"
        f'client = OpenAI(base_url="{base_url}", api_key={secret})\n'
        f"{_in_python(call)}"
    )


def _langchain(call: _Call, base_url: str, secret: str) -> str:
    """Write the call as a chain's link; whatever it is asked beside the text, it is asked too."""
    facts = {name: _literal(it) for name, it in call.arguments.items()}
    model, asked = facts.pop("model"), facts.pop("messages", "") or facts.pop("input", "")
    made = {"model": model, "base_url": json.dumps(base_url), "api_key": secret, **call.chain_facts}
    constructed = "".join(f"    {name}={it},\n" for name, it in made.items())
    told = "".join(f"    {name}={it},\n" for name, it in facts.items())
    return (
        f"from langchain_openai import {call.chain}\n\n"
        f"model = {call.chain}(\n{constructed})\n"
        f"answer = model.{call.chain_method}(\n    {asked},\n{told})\n"
        f"print(answer{call.chain_result})"
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


def _javascript(call: _Call, base_url: str, secret: str) -> str:
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

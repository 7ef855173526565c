"""The shapes that OpenAI published."""

import json
from pathlib import Path

from jsonschema import Draft202012Validator

from portal.environment import ROOT

CONTRACT = json.loads(Path(ROOT / "tests/contracts/openai-2.3.0.json").read_text())


def nullable(schema):
    """Say in JSON Schema's words what the contract says in OpenAPI's older ones."""
    if isinstance(schema, list):
        return [nullable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: nullable(each) for name, each in schema.items() if name != "nullable"}
    return {"anyOf": [inner, {"type": "null"}]} if schema.get("nullable") is True else inner


def faults(name, answer):
    """Return what is wrong with the shape of an answer."""
    schema = {**nullable(CONTRACT), "$ref": f"#/components/schemas/{name}"}
    found = Draft202012Validator(schema).iter_errors(answer)
    return [f"{error.json_path}: {error.message}" for error in found]

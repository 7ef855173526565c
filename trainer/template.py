"""A model's chat template, rendered as ``transformers`` does, with less of the world around it.

What a template makes of the same messages must be the same whenever and wherever it is asked: what
was quoted is what is trained. So the date that some templates write is always one day.
"""

import json
from datetime import UTC, datetime
from typing import Any, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

TODAY = datetime(2026, 1, 1, tzinfo=UTC)


class Generation(Extension):
    """``{% generation %}`` around what a model has said; it says nothing to us."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Return what stands inside."""
        next(parser.stream)
        return list(parser.parse_statements(("name:endgeneration",), drop_needle=True))


class ChatTemplate:
    """Messages as one text."""

    def __init__(self, source: str, specials: dict[str, str]) -> None:
        world = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
        )
        world.filters["tojson"] = _json
        world.globals["raise_exception"] = _refuse
        world.globals["strftime_now"] = TODAY.strftime
        self._template = world.from_string(source)
        self._specials = specials

    def render(
        self, messages: list[dict[str, Any]], tools: list[Any] | None, *, is_asking: bool = False
    ) -> str:
        """Return the text; ``is_asking`` ends it where the model is to go on. May raise TemplateError."""
        return self._template.render(
            messages=messages, tools=tools, add_generation_prompt=is_asking, **self._specials
        )


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)


def _json(value: Any, ensure_ascii: bool = False, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, **options)

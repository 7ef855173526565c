"""What an engine lists, read as far as it can be sold without asking anybody."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.text import slugify

from marketplace.models import Kind

#: Families of models that rank, that make vectors, and that no endpoint of ours calls.
RANKS = re.compile(r"rerank", re.IGNORECASE)
VECTORS = re.compile(r"embed|minilm|(^|[/_-])(bge|e5|gte)[_-]", re.IGNORECASE)
OTHERS = re.compile(r"whisper|tts|diffusion", re.IGNORECASE)
#: Engines other than vLLM do not say how much a model reads.
USUAL_CONTEXT = 8_192
LONGEST_ANSWER = 4_096
MOST_MODELS = 50


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One model of an engine."""

    name: str
    slug: str
    publisher: str
    kind: Kind
    context: int

    @property
    def longest(self) -> int:
        """How long an answer may be and still leave most of the context to the prompt."""
        return min(LONGEST_ANSWER, max(1, self.context // 4)) if self.kind == Kind.CHAT else 0


def read(listed: Iterable[Mapping[str, Any]]) -> list[ServedModel]:
    """Return the models of OpenAI's list that can be called here, each once."""
    found = {model.slug: model for model in map(_model, listed) if model is not None}
    return list(found.values())[:MOST_MODELS]


def _model(row: Mapping[str, Any]) -> ServedModel | None:
    name = row.get("id")
    slug = slugify(re.sub(r"[^\w-]", "-", name))[:60] if isinstance(name, str) else ""
    if not isinstance(name, str) or not slug or len(name) > 100 or OTHERS.search(name):
        return None
    publisher, _, _rest = name.rpartition("/")
    context = row.get("max_model_len")
    return ServedModel(
        name=name,
        slug=slug,
        publisher=publisher.split("/")[-1][:50] or "Own engine",
        kind=_kind(name),
        context=context if type(context) is int and context > 0 else USUAL_CONTEXT,
    )


def _kind(name: str) -> Kind:
    # Rankers are often called after the vectors they were made of.
    if RANKS.search(name):
        return Kind.RERANK
    return Kind.EMBEDDING if VECTORS.search(name) else Kind.CHAT

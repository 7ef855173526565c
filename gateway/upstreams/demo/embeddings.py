"""`/v1/embeddings` and `/v1/rerank`."""

from collections.abc import Iterator

import msgspec

from gateway.upstreams.demo import bodies, catalogue, vectors
from gateway.upstreams.demo.bodies import EmbeddingRequest, RerankRequest
from gateway.upstreams.demo.catalogue import Model
from gateway.upstreams.demo.delivery import Event
from gateway.upstreams.demo.engine import Engine
from gateway.upstreams.demo.errors import ApiError
from gateway.upstreams.demo.inputs import Input, inputs
from gateway.upstreams.demo.usage import Lie, Usage
from gateway.upstreams.demo.web import Exchange


class Whole:
    """An answer that comes in one piece and generates no tokens."""

    hidden = 0
    is_long = False

    def __init__(self, content: dict[str, object], prompt: int, lie: Lie | None) -> None:
        self.content = content
        self.usage = Usage(prompt)
        self.lie: Lie | None = lie

    def body(self) -> bytes:
        """Return it whole."""
        told = self.usage.told(self.lie)
        if told is None:
            return msgspec.json.encode(self.content)
        usage = {"prompt_tokens": told.prompt, "total_tokens": told.prompt}
        return msgspec.json.encode({**self.content, "usage": usage})

    def events(self) -> Iterator[Event]:
        """Return nothing: it is never streamed."""
        return iter(())


async def serve_embeddings(engine: Engine, exchange: Exchange) -> None:
    """Answer with the vectors of texts."""
    request = bodies.read(EmbeddingRequest, await exchange.body())
    model = catalogue.embedder(request.model)
    dimensions = request.dimensions or model.dimensions
    if dimensions > model.dimensions:
        raise ApiError(f"dimensions must be at most {model.dimensions}.", param="dimensions")
    texts = inputs(request.input, model, "input")
    content: dict[str, object] = {
        "object": "list",
        "model": model.name,
        "data": [_embedding(place, text, dimensions, request) for place, text in enumerate(texts)],
    }
    await _deliver(engine, exchange, model, content, sum(text.tokens for text in texts))


async def serve_rerank(engine: Engine, exchange: Exchange) -> None:
    """Answer with documents in the order of their likeness to a query."""
    request = bodies.read(RerankRequest, await exchange.body())
    model = catalogue.ranker(request.model)
    query = inputs(request.query, model, "query")[0]
    documents = inputs(list(map(_text, request.documents)), model, "documents")
    sought = vectors.vector(query.text, model.dimensions)
    results = [
        _result(place, document, sought, request) for place, document in enumerate(documents)
    ]
    results.sort(key=lambda result: -float(str(result["relevance_score"])))
    content: dict[str, object] = {
        "id": f"rerank-{exchange.id}",
        "model": model.name,
        "results": results[: request.top_n],
    }
    # A ranker reads the query again with every document.
    tokens = sum(document.tokens for document in documents) + query.tokens * len(documents)
    await _deliver(engine, exchange, model, content, tokens)


async def _deliver(
    engine: Engine, exchange: Exchange, model: Model, content: dict[str, object], tokens: int
) -> None:
    whole = Whole(content, tokens, engine.behaviours.of(model.name).usage)
    await engine.deliver(exchange, whole, model=model.name, stream=False)


def _embedding(
    place: int, text: Input, dimensions: int, request: EmbeddingRequest
) -> dict[str, object]:
    values = vectors.vector(text.text, dimensions)
    packed = request.encoding_format == "base64"
    return {
        "object": "embedding",
        "index": place,
        "embedding": vectors.packed(values) if packed else values,
    }


def _result(
    place: int, document: Input, sought: list[float], request: RerankRequest
) -> dict[str, object]:
    found = vectors.vector(document.text, len(sought))
    result: dict[str, object] = {
        "index": place,
        "relevance_score": vectors.likeness(sought, found),
    }
    if request.return_documents:
        result["document"] = {"text": document.text}
    return result


def _text(document: str | bodies.Document) -> str:
    return document if isinstance(document, str) else document.text

"""The simulated models."""

import msgspec

from gateway.upstreams.demo import errors

#: Who answers: stands in `/v1/models` and, as a fingerprint, in every answer.
OWNER = "tessera-demo-simulator"
FINGERPRINT = "fp_tessera_demo_simulator"
NOTICE = "A simulator: it counts tokens as an engine does and answers with prepared text."
#: 2026-01-01, when these models were made up.
CREATED = 1_767_225_600


class Model(msgspec.Struct, frozen=True):
    """What a model can do."""

    name: str
    #: Prompt and answer together have at most so many tokens.
    context: int
    #: The longest answer when the caller names no limit; 0 writes no text.
    longest: int
    reasons: bool = False
    sees: bool = False
    #: The length of its vectors; 0 makes none.
    dimensions: int = 0
    #: It compares vectors and does not give them away.
    ranks: bool = False


MODELS = {
    model.name: model
    for model in (
        Model("atlas-mini", context=32_768, longest=4_096),
        Model("atlas-large", context=131_072, longest=16_384, sees=True),
        Model("atlas-reason", context=131_072, longest=32_768, reasons=True),
        Model("atlas-embed", context=8_192, longest=0, dimensions=384),
        Model("atlas-rerank", context=8_192, longest=0, dimensions=384, ranks=True),
    )
}


def writer(name: str) -> Model:
    """Return a model that writes text, or refuse."""
    model = find(name)
    if not model.longest:
        raise errors.ApiError(f"The model `{name}` writes no text.", param="model")
    return model


def embedder(name: str) -> Model:
    """Return a model that makes vectors, or refuse."""
    model = find(name)
    if not model.dimensions or model.ranks:
        raise errors.ApiError(f"The model `{name}` makes no embeddings.", param="model")
    return model


def ranker(name: str) -> Model:
    """Return a model that ranks documents, or refuse."""
    model = find(name)
    if not model.ranks:
        raise errors.ApiError(f"The model `{name}` ranks no documents.", param="model")
    return model


def find(name: str) -> Model:
    """Return a model, or refuse."""
    if name not in MODELS:
        raise errors.unknown_model(name)
    return MODELS[name]


def describe(model: Model) -> dict[str, str | int]:
    """Return the model as `/v1/models` shows it."""
    return {
        "id": model.name,
        "object": "model",
        "created": CREATED,
        "owned_by": OWNER,
        "max_model_len": model.context,
    }

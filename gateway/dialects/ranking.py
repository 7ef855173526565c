"""``/v1/rerank`` in the shape that Cohere, Jina and vLLM share."""

from typing import Any

import msgspec

from gateway import calls
from gateway.dialects.base import Parts, expect, missing, text, wrong
from gateway.errors import GatewayError
from gateway.upstreams.base import UpstreamError
from gateway.usage import read

MOST_DOCUMENTS = 2_048


class _Result(msgspec.Struct):
    index: int
    relevance_score: float


class _Answer(msgspec.Struct):
    results: list[_Result]


_decoder = msgspec.json.Decoder(_Answer)


class Ranking:
    """One request to ``/v1/rerank``: engines give numbers, the documents stay here."""

    def __init__(self, body: dict[str, Any], request_id: str) -> None:
        self._id = request_id.removeprefix("req_")
        self._model = body["model"]
        self._documents = _documents(body.get("documents"))
        self._shows = calls.flag(body, "return_documents")
        most = len(self._documents)
        self._most = min(calls.number(body, "top_n", 1, MOST_DOCUMENTS) or most, most)
        self.body = {
            **body,
            "query": _query(body.get("query")),
            "documents": self._documents,
            "top_n": self._most,
            "return_documents": False,
        }

    def whole(self, data: bytes, parts: Parts) -> bytes:
        """Return the documents' places, the most relevant first."""
        tokens = read(parts)
        return msgspec.json.encode(
            {
                "id": f"rerank-{self._id}",
                "model": self._model,
                "results": [self._told(result) for result in self._ranked(data)],
                "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            }
        )

    def _ranked(self, data: bytes) -> list[_Result]:
        try:
            results = _decoder.decode(data).results
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UpstreamError("the answer cannot be read", reached=True) from error
        if any(not 0 <= result.index < len(self._documents) for result in results):
            raise UpstreamError("the answer names documents that were not sent", reached=True)
        return sorted(results, key=lambda result: -result.relevance_score)[: self._most]

    def _told(self, result: _Result) -> dict[str, Any]:
        told: dict[str, Any] = {"index": result.index, "relevance_score": result.relevance_score}
        if self._shows:
            told["document"] = {"text": self._documents[result.index]}
        return told

    def events(self, event: bytes) -> bytes:
        """Return nothing: a ranking is not streamed."""
        return b""

    def end(self, parts: Parts, error: GatewayError | None) -> bytes:
        """Return nothing: a ranking is not streamed."""
        return b""


def _query(given: Any) -> str:
    if given is None:
        raise missing("query")
    if not isinstance(given, str) or not given:
        raise wrong("query", "a text that is not empty")
    return given


def _documents(given: Any) -> list[str]:
    if given is None:
        raise missing("documents")
    if not isinstance(given, list) or not 0 < len(given) <= MOST_DOCUMENTS:
        raise wrong("documents", f"a list of 1 to {MOST_DOCUMENTS:,} documents")
    return [_document(each, f"documents[{number}]") for number, each in enumerate(given)]


def _document(given: Any, place: str) -> str:
    if isinstance(given, str):
        return given
    document = expect(given, dict, place, "a text, or an object with a text")
    return text(document.get("text"), f"{place}.text")

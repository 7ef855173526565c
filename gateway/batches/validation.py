"""The input file of a batch, line by line in constant memory: all that can be refused beforehand."""

from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import IO, Any

import msgspec

MOST_LINES = 50_000
LARGEST_FILE = 200_000_000
#: A line is a request's body and a little around it.
LARGEST_LINE = 10_100_000
LONGEST_ID = 512
#: So many problems are told; a file with one fails as a whole.
MOST_PROBLEMS = 100


class Line(msgspec.Struct, frozen=True):
    """A line that can be called: where it lies in the file, and for which model."""

    number: int
    custom_id: str
    begins: int
    size: int
    model: str


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with a line, or with the file."""

    code: str
    message: str
    param: str | None = None
    line: int | None = None


class Unfit(Exception):
    """A line that cannot be called."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param


#: Raises ``Unfit`` for a model that this key may not call, or not here.
Check = Callable[[str], None]


def examine(content: IO[bytes], endpoint: str, check: Check) -> Iterator[Line | Problem]:
    """Yield each line, or what is wrong with it; after too many problems nothing more is read."""
    reader = _Reader(endpoint, check)
    begins = number = lines = problems = 0
    while raw := content.readline(LARGEST_LINE + 1):
        number += 1
        found = reader.read(raw, number, begins)
        begins += len(raw)
        if found is None:
            continue
        lines += 1
        if lines > MOST_LINES:
            found = Problem("too_many_requests", f"A batch has {MOST_LINES:,} requests at most.")
        yield found
        problems += isinstance(found, Problem)
        if problems == MOST_PROBLEMS or lines > MOST_LINES or len(raw) > LARGEST_LINE:
            return
    if not lines:
        yield Problem("empty_file", "There is no request in the file.")


class _Reader:
    """Understands one line after the other."""

    def __init__(self, endpoint: str, check: Check) -> None:
        self._endpoint = endpoint
        self._check = check
        #: Digests of the names that were seen: names can be long.
        self._seen: set[bytes] = set()

    def read(self, raw: bytes, number: int, begins: int) -> Line | Problem | None:
        """Return the line or its problem; None for one that is blank."""
        if not raw.strip():
            return None
        try:
            request = _decoded(raw)
            custom_id = self._custom_id(request)
            model = self._model(request)
        except Unfit as unfit:
            return Problem(unfit.code, unfit.message, unfit.param, number)
        return Line(number, custom_id, begins, len(raw), model)

    def _custom_id(self, request: dict[str, Any]) -> str:
        custom_id = _text(request, "custom_id")
        if len(custom_id) > LONGEST_ID or "\0" in custom_id:
            raise Unfit(
                "invalid_custom_id",
                f"'custom_id' must be a text of up to {LONGEST_ID} characters.",
                "custom_id",
            )
        digest = blake2b(custom_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if digest in self._seen:
            raise Unfit(
                "duplicate_custom_id",
                "Another line has this 'custom_id'; it must be unique in the file.",
                "custom_id",
            )
        self._seen.add(digest)
        return custom_id

    def _model(self, request: dict[str, Any]) -> str:
        if _text(request, "method") != "POST":
            raise Unfit("invalid_method", "'method' must be POST.", "method")
        if _text(request, "url") != self._endpoint:
            raise Unfit(
                "invalid_url", f"'url' must be the batch's endpoint, {self._endpoint}.", "url"
            )
        body = request.get("body")
        if not isinstance(body, dict):
            raise Unfit("invalid_body", "'body' must be a JSON object.", "body")
        model = _text(body, "model", "body.")
        self._check(model)
        if body.get("stream"):
            raise Unfit(
                "invalid_body", "A batch answers as a whole: leave out 'stream'.", "body.stream"
            )
        return model


def _decoded(raw: bytes) -> dict[str, Any]:
    if len(raw) > LARGEST_LINE:
        raise Unfit("line_too_long", f"A line has {LARGEST_LINE:,} bytes at most.")
    try:
        request = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unfit("invalid_json_line", "This line is not valid JSON.") from None
    if not isinstance(request, dict):
        raise Unfit("invalid_json_line", "This line must be a JSON object.")
    return request


def _text(request: dict[str, Any], name: str, within: str = "") -> str:
    value = request.get(name)
    if value is None:
        message = f"The parameter '{within}{name}' is missing."
        raise Unfit("missing_required_parameter", message, within + name)
    if not isinstance(value, str) or not value:
        message = f"'{within}{name}' must be a text that is not empty."
        raise Unfit("invalid_value", message, within + name)
    return value

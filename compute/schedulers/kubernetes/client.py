"""Questions to a Kubernetes API server: a path and facts in, facts out, troubles in plain words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common import http
from compute.scheduler import Unreachable

BOUNDS = http.Bounds(patience=15.0, largest=64_000_000)
TROUBLES = {
    http.Trouble.REFUSED: "Nobody listens at {}.",
    http.Trouble.UNKNOWN_NAME: "Nobody knows the host of {}.",
    http.Trouble.SILENT: "{} does not answer in time.",
    http.Trouble.UNTRUSTED: "The certificate of {} is not trusted.",
    http.Trouble.BROKEN: "{} does not answer as a web server does.",
    http.Trouble.FORBIDDEN: "{} may not be asked.",
}
#: What the server has understood and refuses for good.
DEFINITE = frozenset({400, 404, 409, 422})


class Refused(Exception):
    """The server has understood, and says no."""

    def __init__(self, status: int, words: str) -> None:
        self.status = status
        super().__init__(words)


@dataclass(frozen=True, slots=True)
class Client:
    """One API server, and the token we are known by."""

    address: str
    token: str
    authorities: str = ""

    def ask(self, method: str, path: str, facts: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the object that is answered; raises Refused, or Unreachable if nothing is known."""
        answer = self.read(method, path, facts)
        try:
            found = json.loads(answer)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Unreachable(f"{self.address} does not answer as Kubernetes does.")
        return found

    def read(self, method: str, path: str, facts: Mapping[str, Any] | None = None) -> bytes:
        """Return what is answered as it is."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        body = None if facts is None else json.dumps(facts).encode()
        bounds = http.Bounds(BOUNDS.patience, BOUNDS.largest, self.authorities)
        try:
            answer = http.ask(method, self.address + path, headers, body, bounds=bounds)
        except http.Unreachable as error:
            raise Unreachable(TROUBLES[error.trouble].format(self.address)) from error
        if 200 <= answer.status < 300:
            return answer.body
        words = _words(answer)
        if answer.status == 401:
            raise Unreachable(f"{self.address} refuses our token.")
        if answer.status in DEFINITE and words:
            raise Refused(answer.status, words)
        raise Unreachable(f"{self.address} answers {answer.status}: {words or 'nothing more'}")


def _words(answer: http.Answer) -> str:
    """Return what a ``Status`` of Kubernetes says; nothing where it is none."""
    try:
        facts = json.loads(answer.body)
    except ValueError:
        return ""
    if not isinstance(facts, dict) or facts.get("kind") != "Status":
        return ""
    return str(facts.get("message") or facts.get("reason") or "it says no")[:300]

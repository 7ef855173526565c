"""Questions to a Kubernetes API server: a path and facts in, facts out, troubles in plain words."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

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
#: What the server has understood and refuses for good; 403 too, where it is no right that we lack.
DEFINITE = frozenset({400, 403, 404, 409, 410, 422})
#: How the server says that our account may not: the operator has to look, and nothing is known.
NOT_ALLOWED = re.compile(r"\bcannot \w+ resource\b")
#: How many things a list tells at a time, and how often it is begun anew when it grew too old.
PAGE = 500
LISTINGS = 3
TOO_OLD = 410
#: A server that is too busy is waited for this long, in seconds, and once.
LONGEST_PAUSE = 2.0


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

    def items(self, path: str, **query: str) -> Sequence[dict[str, Any]]:
        """Return all things of a list, page by page; one that grew too old is begun anew."""
        for _ in range(LISTINGS):
            try:
                return self._listed(path, query)
            except Refused as refusal:
                if refusal.status != TOO_OLD:
                    raise
        raise Unreachable(f"{self.address} changes faster than it can be listed.")

    def _listed(self, path: str, query: Mapping[str, str]) -> Sequence[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        mark = ""
        while True:
            asked = {**query, "limit": str(PAGE), **({"continue": mark} if mark else {})}
            page = self.ask("GET", f"{path}?{urlencode(asked)}")
            if not isinstance(page.get("items"), list):
                raise Unreachable(f"{self.address} does not answer as Kubernetes does.")
            found += page["items"]
            mark = (page.get("metadata") or {}).get("continue") or ""
            if not mark:
                return found

    def read(self, method: str, path: str, facts: Mapping[str, Any] | None = None) -> bytes:
        """Return what is answered as it is."""
        answer = self._answer(method, path, facts)
        # It was too busy to look at the question: asking once more can do nothing twice.
        if answer.status == 429 and (pause := _pause(answer)) <= LONGEST_PAUSE:
            time.sleep(pause)
            answer = self._answer(method, path, facts)
        if 200 <= answer.status < 300:
            return answer.body
        words = _words(answer)
        if answer.status == 401:
            raise Unreachable(f"{self.address} refuses our token.")
        if answer.status == 403 and (not words or NOT_ALLOWED.search(words)):
            raise Unreachable(f"{self.address} does not allow it: {words or 'nothing more'}")
        if answer.status == 429:
            raise Unreachable(f"{self.address} is too busy and wants to be asked later.")
        if answer.status in DEFINITE and words:
            raise Refused(answer.status, words)
        raise Unreachable(f"{self.address} answers {answer.status}: {words or 'nothing more'}")

    def _answer(self, method: str, path: str, facts: Mapping[str, Any] | None) -> http.Answer:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        body = None if facts is None else json.dumps(facts).encode()
        bounds = http.Bounds(BOUNDS.patience, BOUNDS.largest, self.authorities)
        try:
            return http.ask(method, self.address + path, headers, body, bounds=bounds)
        except http.Unreachable as error:
            raise Unreachable(TROUBLES[error.trouble].format(self.address)) from error


def _pause(answer: http.Answer) -> float:
    """Return how long a busy server wants to be left alone, in seconds; a second if it is silent."""
    return float(answer.retry_after) if answer.retry_after.isdecimal() else 1.0


def _words(answer: http.Answer) -> str:
    """Return what a ``Status`` of Kubernetes says; nothing where it is none."""
    try:
        facts = json.loads(answer.body)
    except ValueError:
        return ""
    if not isinstance(facts, dict) or facts.get("kind") != "Status":
        return ""
    return str(facts.get("message") or facts.get("reason") or "it says no")[:300]

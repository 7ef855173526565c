"""Questions to Slurm's REST service: a path and facts in, facts out, troubles in plain words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common import http
from compute.scheduler import Unreachable
from compute.schedulers.slurm.options import token_of

#: The service itself waits nine seconds for a controller that is gone.
BOUNDS = http.Bounds(patience=20.0, largest=64_000_000)
TROUBLES = {
    http.Trouble.REFUSED: "Nobody listens at {address}.",
    http.Trouble.UNKNOWN_NAME: "Nobody knows the host of {address}.",
    http.Trouble.SILENT: "{address} does not answer in time.",
    http.Trouble.UNTRUSTED: "The certificate of {address} is not trusted.",
    http.Trouble.BROKEN: "{address} does not answer as a web server does.",
    http.Trouble.FORBIDDEN: "{address} may not be asked.",
}
REFUSES_US = "Slurm at {address} refuses our user or our token."
NOT_SPOKEN = "{address} is no REST service of Slurm, or none that is spoken here."
#: Without a number of Slurm's own: the controller is gone, or does not believe the token.
CANNOT_SAY = (
    "Slurm at {address} cannot ask its controller, or the controller refuses our token: {words}"
)
#: Slurm's own errors begin here; smaller numbers are troubles of the network.
FIRST_OF_SLURM, LAST_OF_SLURM = 2000, 2999


class Refused(Exception):
    """The controller has understood, and says no."""

    def __init__(self, number: int, words: str) -> None:
        self.number = number
        super().__init__(words)


class NotSpoken(Unreachable):
    """The service does not know the dialect that it was asked in."""


@dataclass(frozen=True, slots=True)
class Client:
    """One service, and for whom we speak there."""

    address: str
    user: str
    credential: str
    authorities: str = ""

    def ask(self, method: str, path: str, facts: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return what the service says; raises Refused, or Unreachable where nothing is known."""
        headers = {
            "X-SLURM-USER-NAME": self.user,
            "X-SLURM-USER-TOKEN": self._token(),
            "Content-Type": "application/json",
        }
        body = None if facts is None else json.dumps(facts).encode()
        bounds = http.Bounds(BOUNDS.patience, BOUNDS.largest, self.authorities)
        try:
            answer = http.ask(method, self.address + path, headers, body, bounds=bounds)
        except http.Unreachable as error:
            raise Unreachable(self._say(TROUBLES[error.trouble])) from error
        return self._read(answer)

    def _token(self) -> str:
        try:
            return token_of(self.credential, self.user)
        except ValueError as error:
            raise Unreachable(f"The credential cannot be used: {error}.") from error

    def _read(self, answer: http.Answer) -> dict[str, Any]:
        if answer.status in (401, 403):
            raise Unreachable(self._say(REFUSES_US))
        try:
            facts = json.loads(answer.body)
        except ValueError:
            facts = None
        if answer.status == 404 and not isinstance(facts, dict):
            raise NotSpoken(self._say(NOT_SPOKEN))
        if not isinstance(facts, dict):
            raise Unreachable(self._say(f"{{address}} answers {answer.status}, and not as Slurm."))
        if errors := facts.get("errors"):
            self._refuse(errors)
        if answer.status != 200:
            raise Unreachable(self._say(f"{{address}} answers {answer.status}."))
        return facts

    def _refuse(self, errors: list[dict[str, Any]]) -> None:
        numbers = [error.get("error_number", error.get("error_code", 0)) for error in errors]
        words = "; ".join(
            str(error.get("error") or error.get("description") or "") for error in errors
        )
        for number in numbers:
            if FIRST_OF_SLURM <= number <= LAST_OF_SLURM:
                raise Refused(number, words)
        raise Unreachable(self._say(CANNOT_SAY, words))

    def _say(self, sentence: str, words: str = "") -> str:
        return sentence.format(address=self.address, words=words)

"""The door to engines that take adapters while they run, and vLLM behind it."""

import json
from dataclasses import dataclass
from typing import Protocol

from common import http

#: It reads an adapter from the disk before it answers.
PATIENT = http.Bounds(patience=60.0)
#: What it says of an adapter that it has, and of one that it does not have: then all is done.
HAS_IT, HAS_IT_NOT = "has already been loaded", "cannot be found"


class EngineRefused(Exception):
    """The engine does not take the adapter, or cannot be asked; in words."""


class AdapterEngine(Protocol):
    """An engine that has a base model, and as many adapters of it as it is given."""

    def names(self) -> frozenset[str]:
        """Return all that can be called now; raises :class:`EngineRefused`."""

    def load(self, name: str, path: str) -> None:
        """Let the adapter in this folder be called so; one that is there already stays."""

    def unload(self, name: str) -> None:
        """Forget the adapter; twice is once."""


@dataclass(frozen=True, slots=True)
class Vllm:
    """vLLM with ``VLLM_ALLOW_RUNTIME_LORA_UPDATING``; it forgets its adapters when it restarts."""

    base_url: str
    credential: str

    def names(self) -> frozenset[str]:
        """Return all that can be called now; raises :class:`EngineRefused`."""
        try:
            answer = http.get(f"{self.base_url}/models", bearer=self.credential)
            return frozenset(str(row["id"]) for row in json.loads(answer.body)["data"])
        except http.Unreachable as error:
            raise EngineRefused(f"The server does not answer ({error.trouble}).") from error
        except (ValueError, KeyError, TypeError) as error:
            raise EngineRefused("The server does not list its models.") from error

    def load(self, name: str, path: str) -> None:
        """Let the adapter in this folder be called so; one that is there already stays."""
        self._post("load_lora_adapter", {"lora_name": name, "lora_path": path}, HAS_IT)

    def unload(self, name: str) -> None:
        """Forget the adapter; twice is once."""
        self._post("unload_lora_adapter", {"lora_name": name}, HAS_IT_NOT)

    @property
    def _headers(self) -> dict[str, str]:
        bearer = {"Authorization": f"Bearer {self.credential}"} if self.credential else {}
        return {"Content-Type": "application/json", **bearer}

    def _post(self, what: str, facts: dict[str, str], done: str) -> None:
        try:
            body = json.dumps(facts).encode()
            answer = http.ask(
                "POST", f"{self.base_url}/{what}", self._headers, body, bounds=PATIENT
            )
        except http.Unreachable as error:
            raise EngineRefused(f"The server does not answer ({error.trouble}).") from error
        if answer.status != 200 and done not in answer.body.decode("utf-8", "replace"):
            raise EngineRefused(f"The server refuses the adapter ({answer.status}).")

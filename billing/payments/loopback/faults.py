"""Faults on command: what a network and a busy Stripe do to the requests of a client."""

import threading
from dataclasses import dataclass

KINDS = ("latency", "error", "rate_limit", "lost_request", "lost_answer")


@dataclass
class Fault:
    """One kind of trouble for the next requests that match."""

    kind: str
    method: str = "POST"
    path: str = "/v1/"
    times: int = 1
    milliseconds: int = 0


class Faults:
    """The faults still to come; forgotten at a restart."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let the next matching requests meet a fault."""
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        """Let everything work again."""
        with self._lock:
            self._waiting.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Use the first fault that matches a request up by one."""
        with self._lock:
            for fault in self._waiting:
                if fault.method == method and path.startswith(fault.path):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                    return fault
        return None

"""The running account: its memory, its settings and its faults, shared by API, pages and control."""

from dataclasses import dataclass, field, replace

from billing.payments.loopback.context import Context
from billing.payments.loopback.faults import Faults
from billing.payments.loopback.options import Options
from billing.payments.loopback.store import Store


@dataclass(frozen=True)
class Service:
    """One per process."""

    store: Store
    options: Options
    faults: Faults = field(default_factory=Faults)

    def context(self) -> Context:
        """Return a context for something that no API request asked for."""
        return Context(self.store, self.options)

    def context_of(self, request_id: str, idempotency_key: str | None) -> Context:
        """Return the context of one API request."""
        return replace(self.context(), request_id=request_id, idempotency_key=idempotency_key)

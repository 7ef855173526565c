"""What one request, page or timer acts with."""

from dataclasses import dataclass

from billing.payments.loopback.options import Options
from billing.payments.loopback.store import Store


@dataclass(frozen=True)
class Context:
    """The account's memory and settings, and the request an event will name as its cause."""

    store: Store
    options: Options
    request_id: str | None = None
    idempotency_key: str | None = None

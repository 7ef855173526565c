"""What happens by itself: sessions expire, debits settle, old idempotency keys are forgotten."""

import logging
import threading

from billing.payments.loopback import cards, clock
from billing.payments.loopback.checkout import sessions
from billing.payments.loopback.context import Context

logger = logging.getLogger(__name__)

TICK = 0.5
KEY_SECONDS = 24 * 3600


class Timers(threading.Thread):
    """Looks twice a second for what is due."""

    def __init__(self, context: Context) -> None:
        super().__init__(name="timers", daemon=True)
        self._context = context
        self._stopping = threading.Event()

    def run(self) -> None:
        """Look until told to stop."""
        while not self._stopping.wait(TICK):
            try:
                with self._context.store.transaction():
                    run_due(self._context)
            except Exception:  # a timer that died in silence would look like a lost payment
                logger.exception("timers failed; they try again")

    def stop(self) -> None:
        """End after the look under way."""
        self._stopping.set()
        self.join(timeout=5)


def run_due(context: Context) -> None:
    """Do everything whose time has come, inside the caller's transaction."""
    now = clock.now()
    for session in context.store.where("checkout.session", status="open"):
        if session["expires_at"] <= now:
            sessions.expire(context, session)
    for intent in context.store.where("payment_intent", status="processing"):
        if intent["_settle_at"] is not None and intent["_settle_at"] <= now:
            method = context.store.get("payment_method", intent["payment_method"])
            bounces = cards.behaviour(method["_number"]).decline is not None
            sessions.settle(context, intent, succeeded=not bounces)
    context.store.write("DELETE FROM idempotency WHERE created < ?", (now - KEY_SECONDS,))

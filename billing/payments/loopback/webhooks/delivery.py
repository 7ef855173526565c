"""The delivery loop: what is due is sent, what fails is tried again later, across restarts."""

import json
import logging
import threading
import time

from billing.payments.loopback import rendering
from billing.payments.loopback.options import Options
from billing.payments.loopback.store import Object, Store
from billing.payments.loopback.webhooks import queue, sender, signing

logger = logging.getLogger(__name__)

STOP_SECONDS = 1.0
# The delivery, the address, the body and the signing secret.
Letter = tuple[Object, str, bytes, str]


class Deliverer(threading.Thread):
    """Sends webhooks one at a time, oldest due first; only a burst is sent at once."""

    def __init__(self, store: Store, options: Options) -> None:
        super().__init__(name="webhooks", daemon=True)
        self._store = store
        self._options = options
        self._stopping = threading.Event()

    def run(self) -> None:
        """Deliver until told to stop."""
        while not self._stopping.is_set():
            seen = self._store.commits
            try:
                if not self.deliver_due():
                    self._sleep(seen)
            except Exception:  # a loop that died in silence would look like an outage
                if not self._stopping.wait(1.0):
                    logger.exception("webhook deliveries failed; they go on")

    def stop(self) -> None:
        """End; a delivery that takes too long is left to the next start."""
        self._stopping.set()
        self._store.announce()
        self.join(timeout=STOP_SECONDS)

    def deliver_due(self) -> bool:
        """Send the next delivery that is due; tell whether there was one."""
        with self._store.transaction():
            batch = [(d, *self._letter(d)) for d in queue.due(self._store, time.time())]
        if not batch:
            return False
        if len(batch) == 1:
            self._deliver(batch[0])
        else:
            # Not an executor: its threads would hold the process up when it is told to stop.
            threads = [
                threading.Thread(target=self._deliver, args=(b,), daemon=True) for b in batch
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        return True

    def _deliver(self, letter: Letter) -> None:
        status, error = self._send(letter)
        with self._store.transaction():
            self._record(letter[0], status, error)

    def _letter(self, delivery: Object) -> tuple[str, bytes, str]:
        """Return where to, what and the signing secret; an endpoint that is gone gets nothing."""
        endpoint = self._store.find(delivery["endpoint"], "webhook_endpoint")
        event = self._store.find(delivery["event"], "event")
        if endpoint is None or event is None:
            return "", b"", ""
        body = json.dumps(rendering.public(event), indent=2).encode()
        return endpoint["url"], body, endpoint["_secret"]

    def _send(self, letter: Letter) -> tuple[int | None, str | None]:
        delivery, url, body, secret = letter
        special = json.loads(delivery["signing"])
        timestamp = int(time.time()) - special.get("age_seconds", 0)
        signature = signing.header(body, special.get("secret", secret), timestamp)
        try:
            return sender.send(url, body, signature), None
        except sender.NotDelivered as error:
            return None, str(error)

    def _record(self, delivery: Object, status: int | None, error: str | None) -> None:
        attempts = delivery["attempts"] + 1
        delivered = status is not None and 200 <= status < 300
        given_up = not delivered and attempts >= self._options.retry_limit
        state = "delivered" if delivered else "failed" if given_up else "pending"
        pause = min(self._options.retry_base * 2 ** (attempts - 1), self._options.retry_cap)
        now = time.time()
        queue.record(
            self._store,
            delivery,
            state=state,
            attempts=attempts,
            last_status=status,
            last_error=error,
            due_at=delivery["due_at"] if delivered else now + pause,
            burst=None,
            finished_at=None if state == "pending" else now,
        )
        if not delivered:
            logger.debug("webhook %s to be retried: %s", delivery["type"], error or status)

    def _sleep(self, seen: int) -> None:
        """Wait for the next due time or the next commit, a second at most."""
        with self._store.transaction():
            moment = queue.next_due(self._store)
        pause = 1.0 if moment is None else min(1.0, max(0.01, moment - time.time()))
        self._store.wait_for_news(seen, pause)

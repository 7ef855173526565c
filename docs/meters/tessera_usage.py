"""Hands usage to Tessera, for the meters beside this file. Python's own library is enough.

``TESSERA_URL`` is the portal's address, ``TESSERA_KEY`` a key with the scope ``metering``. Sending
again what was sent before is harmless: an event counts once. So whoever is not sure sends again.
"""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

Event = dict[str, Any]

PATH = "/api/v1/usage/events"
MOST_EVENTS = 1_000
ATTEMPTS = 6


def event(
    *, event_id: str, source: str, time: str, model: str, tokens: dict[str, int], **facts: Any
) -> Event:
    """Return a CloudEvent; ``subject`` says whose usage it is, other facts are told as they are."""
    subject = facts.pop("subject", None)
    told = {name: value for name, value in facts.items() if value is not None}
    return {
        "specversion": "1.0",
        "type": "tessera.usage.v1",
        "source": source,
        "id": event_id,
        "time": time,
        **({"subject": subject} if subject else {}),
        "data": {"model": model, "tokens": tokens, **told},
    }


def send(events: Iterable[Event]) -> int:
    """Send all events, tell people of those that were refused, and return how many those are."""
    refused = 0
    for batch in _batches(events):
        for outcome in _post(batch)["events"]:
            if outcome["status"] in ("invalid", "conflict"):
                refused += 1
                print(json.dumps(outcome), file=sys.stderr)
    return refused


def _batches(events: Iterable[Event]) -> Iterator[list[Event]]:
    rest = iter(events)
    while batch := list(islice(rest, MOST_EVENTS)):
        yield batch


def _post(batch: Sequence[Event]) -> dict[str, Any]:
    """Send one batch; what may pass by itself is tried again, ever later."""
    request = Request(  # noqa: S310 - the address is the operator's own
        os.environ["TESSERA_URL"].rstrip("/") + PATH,
        json.dumps(batch).encode(),
        {
            "Authorization": "Bearer " + os.environ["TESSERA_KEY"],
            "Content-Type": "application/cloudevents-batch+json",
        },
    )
    for attempt in range(ATTEMPTS):
        try:
            with urlopen(request, timeout=30) as answer:  # noqa: S310
                answered: dict[str, Any] = json.load(answer)
                return answered
        except HTTPError as error:
            if error.code < 500 and error.code != 429:
                raise SystemExit(f"refused: {error.read().decode()}") from None
        except URLError as error:
            print(f"waiting: {error.reason}", file=sys.stderr)
        time.sleep(2**attempt)
    raise SystemExit("Tessera does not answer; send the same again later.")

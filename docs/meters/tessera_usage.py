"""Hands usage to Tessera, for the meters beside this file. Python's own library is enough.

``TESSERA_URL`` is the portal's address, ``TESSERA_KEY`` a key with the scope ``metering``. Sending
again what was sent before is harmless: an event counts once. So whoever is not sure sends again.

    python tessera_usage.py FILE.refused

sends again what a meter kept because it was refused, once the reason is gone.
"""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

Event = dict[str, Any]

PATH = "/api/v1/usage/events"
REFUSED = ("invalid", "conflict")
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


def send(events: Iterable[Event], refused: Path) -> int:
    """Send all events, and return how many were refused.

    Those are told to people, and kept in a file, a line each with the reasons: what was served and
    is not yet recorded must not be lost.
    """
    count = 0
    for batch in _batches(events):
        outcomes = _post(batch)["events"]
        pairs = zip(batch, outcomes, strict=True)
        kept = [
            {"event": event, "outcome": outcome}
            for event, outcome in pairs
            if outcome["status"] in REFUSED
        ]
        if kept:
            count += len(kept)
            _keep(kept, refused)
    return count


def _keep(refusals: list[dict[str, Any]], path: Path) -> None:
    with path.open("a") as file:
        for refusal in refusals:
            print(json.dumps(refusal["outcome"]), file=sys.stderr)
            file.write(json.dumps(refusal) + "\n")


def end(refused: int, path: Path) -> None:
    """End the program; with an exit status that its caller notices when something was refused."""
    if refused:
        raise SystemExit(f"{refused} events were refused; they and the reasons stand in {path}")


def arguments(usage: str | None, *wanted: int) -> list[str]:
    """Return the program's arguments, or end it with how it is run."""
    given = sys.argv[1:]
    if len(given) not in wanted:
        raise SystemExit(usage)
    return given


def _batches(events: Iterable[Event]) -> Iterator[list[Event]]:
    rest = iter(events)
    while batch := list(islice(rest, MOST_EVENTS)):
        yield batch


def _portal() -> tuple[str, str]:
    """Return where to send and by which key, or end with what is missing."""
    address, key = os.environ.get("TESSERA_URL", ""), os.environ.get("TESSERA_KEY", "")
    if not address.startswith(("http://", "https://")):
        raise SystemExit(
            f"TESSERA_URL is {address!r}; it must be the portal's address with http:// or https://"
        )
    if not key:
        raise SystemExit("TESSERA_KEY is not set; it must be a key that may report usage")
    return address.rstrip("/"), key


def _post(batch: Sequence[Event]) -> dict[str, Any]:
    """Send one batch; what may pass by itself is tried again, ever later."""
    address, key = _portal()
    request = Request(  # noqa: S310 - the address is the operator's own
        address + PATH,
        json.dumps(batch).encode(),
        {
            "Authorization": "Bearer " + key,
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


def main() -> None:
    """Send again what was refused; what is refused once more is kept once more."""
    path = Path(arguments(__doc__, 1)[0])
    aside = path.with_suffix(".again")
    if not aside.exists():
        path.replace(aside)
    with aside.open() as file:
        refused = send((json.loads(line)["event"] for line in file), path)
    aside.unlink()
    end(refused, path)


if __name__ == "__main__":
    main()

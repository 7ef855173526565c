"""Reports what a vLLM server has computed, from its counters: for a server that has one customer.

``python vllm_metrics.py http://engine:8000/metrics state.json``, every minute or so. Counters say how
much and not for whom or in which request, so an event is what was added since the last look:
``TESSERA_SUBJECT`` says whose usage that is. A model is called here as ``--served-model-name`` says.

The first look only remembers. What is to be sent is written into the state before it is sent: after a
crash the very same event is sent again, and counts once. What is refused is kept beside the state, as
``.refused``, and ends the program with a failure.
"""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tessera_usage import Event, arguments, end, event, send

SAMPLE = re.compile(r'^vllm:(\w+?)(?:_total)?\{[^}]*model_name="([^"]+)"[^}]*\} ([0-9.eE+]+)$')
STARTED = re.compile(r"^process_start_time_seconds ([0-9.eE+]+)$")
COUNTERS = ("prompt_tokens", "generation_tokens", "prefix_cache_hits")

#: By model, the counters of one look.
Counts = dict[str, dict[str, int]]
State = dict[str, Any]


def counters(text: str) -> tuple[str, Counts]:
    """Return since when the server counts, and its counters by model."""
    started, found = "", Counts()
    for line in text.splitlines():
        if match := STARTED.match(line):
            started = match[1]
        elif (match := SAMPLE.match(line)) and match[1] in COUNTERS:
            counts = found.setdefault(match[2], dict.fromkeys(COUNTERS, 0))
            # Several engines behind one address count apart.
            counts[match[1]] += int(float(match[3]))
    return started, found


def added(state: State, started: str, found: Counts, now: str) -> list[Event]:
    """Return an event per model for what was added since the state."""
    if not state:
        return []
    # A server that began anew counts from zero.
    before: Counts = state["counts"] if state.get("started") == started else {}
    events = []
    for model, counts in found.items():
        old = before.get(model, dict.fromkeys(COUNTERS, 0))
        prompt, output, hits = (max(0, counts[name] - old[name]) for name in COUNTERS)
        cached = min(hits, prompt)
        if prompt or output:
            events.append(
                event(
                    event_id=f"{started}-{counts['prompt_tokens']}-{counts['generation_tokens']}",
                    source=f"vllm/{model}"[:100],
                    time=now,
                    subject=os.environ.get("TESSERA_SUBJECT"),
                    model=model,
                    tokens={"input": prompt - cached, "cached_input": cached, "output": output},
                )
            )
    return events


def look(text: str, path: Path) -> int:
    """Send what was added since the last look, after what that one may have left behind.

    Returns how many events were refused.
    """
    state: State = json.loads(path.read_text()) if path.exists() else {}
    kept, refused = path.with_suffix(".refused"), 0
    if state.get("pending"):
        refused += send(state["pending"], kept)
    started, found = counters(text)
    pending = added(state, started, found, datetime.now(UTC).isoformat())
    state = {"started": started, "counts": found, "pending": pending}
    _write(path, state)
    if pending:
        refused += send(pending, kept)
        _write(path, state | {"pending": []})
    return refused


def _write(path: Path, state: State) -> None:
    fresh = path.with_suffix(".fresh")
    fresh.write_text(json.dumps(state))
    fresh.replace(path)


def main() -> None:
    """Look once."""
    address, name = arguments(__doc__, 2)
    with urlopen(address, timeout=10) as answer:  # noqa: S310 - the operator's own engine
        refused = look(answer.read().decode(), Path(name))
    end(refused, Path(name).with_suffix(".refused"))


if __name__ == "__main__":
    main()

"""Reports what a LiteLLM proxy served.

In the proxy: ``litellm_settings: {callbacks: litellm_callback.proxy}``. It writes a line per request
into the spool that ``TESSERA_SPOOL`` names; nothing waits for the network there. Beside it, every
few seconds: ``python litellm_callback.py $TESSERA_SPOOL``, which sends the lines and removes them.
What is refused is kept beside the spool, as ``.refused``, and ends the program with a failure.

A LiteLLM team or key whose alias is a Tessera organization's address, or the id of one of its keys,
names whose usage it is. Models must be called there as they are called here.
"""

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tessera_usage import Event, arguments, end, event, send

try:
    from litellm.integrations.custom_logger import CustomLogger
except ImportError:  # The sender runs without LiteLLM.
    CustomLogger = object

Payload = dict[str, Any]


class Spool(CustomLogger):  # type: ignore[misc]
    """LiteLLM's callback: notes its standard payload of every request that was answered."""

    async def async_log_success_event(
        self, kwargs: Payload, response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """Append a line; the system keeps it even when the proxy is killed."""
        line = json.dumps(kwargs["standard_logging_object"], default=str) + "\n"
        with Path(os.environ["TESSERA_SPOOL"]).open("a") as file:  # noqa: ASYNC230 - one short line
            file.write(line)


proxy = Spool()


def _apart(total: int, **kinds: int | None) -> dict[str, int]:
    """Return what of a total is of each kind, and the rest; kinds may overlap, parts may not."""
    parts, left = {}, total
    for kind, count in kinds.items():
        taken = min(count or 0, left)
        left -= taken
        if taken:
            parts[kind] = taken
    return {"rest": left, **parts}


def read(payload: Payload) -> Event:
    """Return the event of one standard payload."""
    usage = (payload.get("response") or {}).get("usage") or {}
    sent = usage.get("prompt_tokens_details") or {}
    made = usage.get("completion_tokens_details") or {}
    # Providers count what was cached within the prompt, and reasoning within the answer.
    read = _apart(
        payload["prompt_tokens"],
        cached_input=sent.get("cached_tokens"),
        cache_write=sent.get("cache_creation_tokens") or usage.get("cache_creation_input_tokens"),
        audio_input=sent.get("audio_tokens"),
        image_input=sent.get("image_tokens"),
    )
    answered = _apart(
        payload["completion_tokens"],
        reasoning=made.get("reasoning_tokens"),
        audio_output=made.get("audio_tokens"),
    )
    started, ended, first = (
        payload.get(name) for name in ("startTime", "endTime", "completionStartTime")
    )
    who = payload.get("metadata") or {}
    return event(
        event_id=payload["id"],
        source="litellm",
        time=datetime.fromtimestamp(payload["endTime"], UTC).isoformat(),
        subject=who.get("user_api_key_team_alias") or who.get("user_api_key_alias"),
        model=payload.get("model_group") or payload["model"],
        tokens={"input": read.pop("rest"), **read, "output": answered.pop("rest"), **answered},
        streamed=bool(payload.get("stream")),
        ttft_ms=_milliseconds(started, first),
        latency_ms=_milliseconds(started, ended),
    )


def _milliseconds(start: float | None, end: float | None) -> int | None:
    return None if start is None or end is None else max(0, round((end - start) * 1000))


def events(path: Path) -> Iterator[Event]:
    """Yield the events of a spool; a line cut off by a crash is skipped."""
    with path.open() as file:
        for line in file:
            try:
                yield read(json.loads(line))
            except (ValueError, KeyError) as error:
                print(f"skipped: {error!r}", file=sys.stderr)


def main() -> None:
    """Take the spool aside, send it and remove it; what is left of an earlier try comes first."""
    spool = Path(arguments(__doc__, 1)[0])
    aside, kept = spool.with_suffix(".sending"), spool.with_suffix(".refused")
    if not aside.exists() and spool.exists():
        spool.replace(aside)
    if aside.exists():
        refused = send(events(aside), kept)
        aside.unlink()
        end(refused, kept)


if __name__ == "__main__":
    main()

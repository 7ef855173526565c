"""Reports what a LiteLLM proxy served.

In the proxy: ``litellm_settings: {callbacks: litellm_callback.proxy}``. It writes a line per request
into the spool that ``TESSERA_SPOOL`` names; nothing waits for the network there. Beside it, every
few seconds: ``python litellm_callback.py $TESSERA_SPOOL``, which sends the lines and removes them.

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

from tessera_usage import Event, event, send

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


def read(payload: Payload) -> Event:
    """Return the event of one standard payload."""
    usage = (payload.get("response") or {}).get("usage") or {}
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
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
        tokens={
            # Providers count what was cached within the prompt, and reasoning within the answer.
            "input": payload["prompt_tokens"] - cached,
            "cached_input": cached,
            "output": payload["completion_tokens"] - reasoning,
            "reasoning": reasoning,
        },
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
    spool = Path(sys.argv[1])
    aside = spool.with_suffix(".sending")
    if not aside.exists() and spool.exists():
        spool.replace(aside)
    if aside.exists():
        send(events(aside))
        aside.unlink()


if __name__ == "__main__":
    main()

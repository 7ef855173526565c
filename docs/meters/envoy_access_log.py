"""Reports what an Envoy AI Gateway served, from its access log.

``tail -F access.log | python envoy_access_log.py``, or the file as an argument. What is refused is kept
beside the file, as ``.refused`` (of a pipe: ``envoy.refused`` where it runs), and the program ends with a
failure. The log is JSON with these fields (``accessLog.json`` of the EnvoyProxy; token counts as its ``llmRequestCosts`` name them):

    start_time     %START_TIME%
    request_id     %REQ(X-REQUEST-ID)%
    status         %RESPONSE_CODE%
    duration       %DURATION%
    first_byte     %RESPONSE_DURATION%
    organization   %REQ(X-TESSERA-ORGANIZATION)%
    model          %DYNAMIC_METADATA(io.envoy.ai_gateway:model_name_override)%
    input          %DYNAMIC_METADATA(io.envoy.ai_gateway:llm_input_token)%
    cached_input   %DYNAMIC_METADATA(io.envoy.ai_gateway:llm_cached_input_token)%
    output         %DYNAMIC_METADATA(io.envoy.ai_gateway:llm_output_token)%

Let Envoy set the organization's header from the identity it has checked, and strip what clients send.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from tessera_usage import Event, arguments, end, event, send

#: Sent together: as many lines as this, or what there is.
TOGETHER = 100


def read(line: dict[str, Any]) -> Event | None:
    """Return the event of a line; nothing for a request that no model answered."""
    if not line.get("model") or int(line["status"]) >= 400:
        return None
    prompt, cached = _number(line.get("input")) or 0, _number(line.get("cached_input")) or 0
    tokens = {
        "input": max(0, prompt - cached),
        "cached_input": cached,
        "output": _number(line.get("output")) or 0,
    }
    if not any(tokens.values()):
        return None
    return event(
        event_id=line["request_id"],
        source="envoy",
        time=line["start_time"],
        subject=_text(line.get("organization")),
        model=line["model"],
        tokens=tokens,
        latency_ms=_number(line.get("duration")),
        ttft_ms=_number(line.get("first_byte")),
    )


def _number(value: Any) -> int | None:
    """Return a number; Envoy writes texts, and a dash for nothing."""
    return int(value) if str(value).isdigit() else None


def _text(value: Any) -> str | None:
    return value if value and value != "-" else None


def events(lines: Iterable[str]) -> Iterator[Event]:
    """Yield the events of a log; what is no JSON is another log's line."""
    for line in lines:
        try:
            found = read(json.loads(line))
        except (ValueError, KeyError) as error:
            print(f"skipped: {error!r}", file=sys.stderr)
            continue
        if found:
            yield found


def main() -> None:
    """Send what stands in the file, or what comes in."""
    given = arguments(__doc__, 0, 1)
    kept = Path(given[0] if given else "envoy").with_suffix(".refused")
    if not given:
        end(follow(sys.stdin, kept), kept)
        return
    with Path(given[0]).open() as file:
        refused = send(events(file), kept)
    end(refused, kept)


def follow(lines: TextIO, kept: Path) -> int:
    """Send what comes in until it ends; what is refused meanwhile stops nothing."""
    refused = 0
    for first in lines:
        waiting = [first]
        while len(waiting) < TOGETHER and (line := lines.readline()):
            waiting.append(line)
        refused += send(events(waiting), kept)
    return refused


if __name__ == "__main__":
    main()

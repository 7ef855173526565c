"""Writes a sample as if it had happened a minute ago, under ids of its own.

python samples/now.py envoy.jsonl > access.log
python samples/now.py litellm.jsonl > spool.jsonl
"""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent


def main(name: str) -> None:
    """Put the times and the first letters of the ids of now in the place of the recorded ones."""
    then = int(time.time()) // 10 * 10 - 60
    minute = datetime.fromtimestamp(then, UTC).strftime("%Y-%m-%dT%H:%M")
    fresh = {
        "2026-11-20T12:00": minute,
        "176364000": str(then)[:-1],
        "5f0d7a3e-": f"{then:08x}-",
        "chatcmpl-9f1c": f"chatcmpl-{then:x}",
    }
    text = (HERE / name).read_text()
    for recorded, now in fresh.items():
        text = text.replace(recorded, now)
    sys.stdout.write(text)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])

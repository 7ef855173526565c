"""The development mailbox: messages that a portal without a mail server wrote to its disk."""

import email
import email.policy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

NEWEST = 50


@dataclass(frozen=True, slots=True)
class Message:
    """One message as a person reads it."""

    recipient: str
    subject: str
    text: str
    written_at: datetime


def _read(path: Path) -> Message:
    # The file back end ends each message with a line of dashes.
    raw = path.read_bytes().rsplit(b"\n" + b"-" * 79, 1)[0]
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    body = parsed.get_body(("plain",))
    return Message(
        recipient=str(parsed["to"]),
        subject=str(parsed["subject"]),
        text=str(body.get_content()).strip() if body else "",
        written_at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
    )


def newest(recipient: str = "") -> list[Message]:
    """Return the newest messages first; with a recipient, that address's alone."""
    folder = Path(settings.EMAIL_FILE_PATH)
    if not folder.is_dir():
        return []
    # A connection over which nothing was sent leaves an empty file.
    written = [path for path in folder.glob("*.log") if path.stat().st_size]
    paths = sorted(written, key=lambda path: path.stat().st_mtime, reverse=True)
    messages = [_read(path) for path in paths[:NEWEST]]
    return [message for message in messages if recipient.lower() in message.recipient.lower()]

"""What of the log people on the console need to see."""

import logging


def without_refusals_tracebacks(record: logging.LogRecord) -> bool:
    """Let every record pass; of a refusal a line is enough, for the code did as it should."""
    if getattr(record, "status_code", 500) < 500:
        record.exc_info = record.exc_text = None
    return True

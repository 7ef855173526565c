"""How what a payer wrote is compared with what we asked for. Plain Python."""

import re


def squeezed(text: str) -> str:
    """Return a payer's words as they are compared: capitals and digits alone."""
    return re.sub(r"[^A-Z0-9]", "", text.upper())

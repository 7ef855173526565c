"""How what a payer wrote is compared with what we asked for. Plain Python."""

import re


def squeezed(text: str) -> str:
    """Return a payer's words as they are compared: capitals and digits alone."""
    return re.sub(r"[^A-Z0-9]", "", text.upper())


def creditor(name: str) -> str:
    """Return a creditor reference (ISO 11649) that carries the last letters and digits of a name."""
    body = "".join(re.findall("[A-Z0-9]", name.upper()))[-21:]
    return f"RF{98 - int(_as_digits(f'{body}RF00')) % 97:02}{body}"


def _as_digits(text: str) -> str:
    """Return the text with its letters as ISO 7064 counts them: A is 10, Z is 35."""
    return "".join(str(int(letter, 36)) for letter in text)

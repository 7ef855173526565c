"""The form of a key: ``tsr_<env>_<43 base62><6 base62 CRC-32>``; plain Python for the hot path.

256 random bits need 43 base62 digits; the checksum lets a typo, or a scanner's false hit, be
refused without a look-up. Only the SHA-256 of the whole key is ever stored.
"""

import hashlib
import ipaddress
import re
import secrets
import zlib
from collections.abc import Iterable

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_DIGITS = 43
CHECKSUM_DIGITS = 6
#: Published, so that scanners of source code can find leaked keys.
PATTERN = re.compile(r"tsr_[a-z]{2,8}_[0-9A-Za-z]{49}")


def _base62(number: int, digits: int) -> str:
    text = ""
    for _place in range(digits):
        number, digit = divmod(number, 62)
        text = ALPHABET[digit] + text
    return text


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), CHECKSUM_DIGITS)


def mint(environment: str = "live") -> str:
    """Return a new key of 256 random bits."""
    body = f"tsr_{environment}_{_base62(secrets.randbits(256), RANDOM_DIGITS)}"
    return body + _checksum(body)


def is_well_formed(key: str) -> bool:
    """Whether form and checksum are right; says nothing about whether the key exists."""
    if not PATTERN.fullmatch(key):
        return False
    return _checksum(key[:-CHECKSUM_DIGITS]) == key[-CHECKSUM_DIGITS:]


def found_in(text: str) -> list[str]:
    """Return the keys that stand in a text, each once, in their order; typos are left out."""
    return [key for key in dict.fromkeys(PATTERN.findall(text)) if is_well_formed(key)]


def digest(key: str) -> bytes:
    """Return the SHA-256 that is stored and looked up."""
    return hashlib.sha256(key.encode()).digest()


def is_within(address: str, ranges: Iterable[str]) -> bool:
    """Whether the address lies in one of the ranges; what is no address lies in none."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    # A socket that speaks both protocols shows IPv4 callers as ::ffff:192.0.2.1.
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return any(ip in ipaddress.ip_network(each, strict=False) for each in ranges)

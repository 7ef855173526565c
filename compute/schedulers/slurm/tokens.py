"""Tokens that Slurm's REST service accepts: a user's name and an end, signed with the cluster's key."""

import base64
import hashlib
import hmac
import json
import time


def mint(user: str, key: bytes, *, lifetime: int) -> str:
    """Return a token that speaks for the user for so many seconds."""
    now = int(time.time())
    parts = [{"alg": "HS256", "typ": "JWT"}, {"iat": now, "exp": now + lifetime, "sun": user}]
    signed = b".".join(_text(json.dumps(part).encode()) for part in parts)
    signature = hmac.new(key, signed, hashlib.sha256).digest()
    return (signed + b"." + _text(signature)).decode("ascii")


def _text(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")

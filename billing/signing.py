"""The key that seals are signed with: Ed25519, the operator's own or one made for this portal."""

import base64
import hashlib
import os
import secrets
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

FILE = "receipt_signing_key"
BYTES = 32


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the name of its public half."""

    private: Ed25519PrivateKey
    public: bytes
    key_id: str

    def sign(self, text: str) -> bytes:
        """Return the signature of a text."""
        return self.private.sign(text.encode())


def current() -> SigningKey:
    """Return the key that is signed with now; without one of the operator's, one is made."""
    text = settings.RECEIPT_SIGNING_KEY or _kept(settings.STATE_DIR / FILE)
    return _read(text)


def key_id(public: bytes) -> str:
    """Return the name of a public key."""
    return hashlib.sha256(public).hexdigest()[:16]


def is_signed(text: str, signature: bytes, public: bytes) -> bool:
    """Tell whether the text was signed with the private half of this key."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text.encode())
    except InvalidSignature:
        return False
    return True


@cache
def _read(text: str) -> SigningKey:
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(text))
    public = private.public_key().public_bytes_raw()
    return SigningKey(private, public, key_id(public))


def _kept(path: Path) -> str:
    """Return the key of this state folder, made once and readable by its user alone."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(base64.b64encode(secrets.token_bytes(BYTES)).decode())
        try:
            # A link is made by one process alone, and never shows a half-written file.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text("ascii").strip()

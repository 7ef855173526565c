"""Secrets that must be read again, encrypted at rest with a key derived from the portal's own."""

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.db import models

if TYPE_CHECKING:
    _Text = models.TextField[str, str]
else:
    _Text = models.TextField


class UnreadableSecret(RuntimeError):
    """A stored secret was encrypted under another SECRET_KEY."""


class EncryptedField(_Text):
    """Text that stands encrypted in the database; empty text stays empty.

    Each use derives a key of its own, so that what stands in one table cannot be put into another.
    """

    use = "common.secret"

    def get_prep_value(self, value: Any) -> str:
        """Encrypt on the way in."""
        return self._cipher().encrypt(str(value).encode()).decode() if value else ""

    def from_db_value(self, value: str | None, *_: Any) -> str:
        """Decrypt on the way out."""
        if not value:
            return ""
        try:
            return self._cipher().decrypt(value.encode()).decode()
        except InvalidToken as error:
            raise UnreadableSecret("a secret was stored under another SECRET_KEY") from error

    def _cipher(self) -> Fernet:
        digest = hashlib.sha256(f"tessera.{self.use}:{settings.SECRET_KEY}".encode())
        return Fernet(base64.urlsafe_b64encode(digest.digest()))

"""Secrets of upstreams."""

from common import encryption

UnreadableSecret = encryption.UnreadableSecret


class EncryptedField(encryption.EncryptedField):
    """The credential of an upstream."""

    use = "marketplace.credential"

"""Requests to ask about."""

from tests.support.usage import used

__all__ = ["used"]

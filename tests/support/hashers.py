"""Argon2 as in production, at a price a test can pay: the hashes are readable by both."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class QuickArgon2(Argon2PasswordHasher):
    """One round over eight kilobytes."""

    time_cost = 1
    memory_cost = 8
    parallelism = 1

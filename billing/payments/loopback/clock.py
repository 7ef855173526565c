"""The simulator's clock, in Stripe's unit."""

import time


def now() -> int:
    """Return the current Unix time in whole seconds, as Stripe writes every ``created``."""
    return int(time.time())


def month() -> tuple[int, int]:
    """Return the current year and month, for a card's expiry."""
    today = time.gmtime()
    return today.tm_year, today.tm_mon

"""Python's collector of cycles, in processes that live long."""

import gc

#: Objects that a request makes are freed as it ends; cycles are rare and may wait a little.
COLLECT_AFTER = 20_000


def spare() -> None:
    """Leave out of every later collection what was imported: it lives as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 50)

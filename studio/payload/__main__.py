"""``python -m studio.payload``: what a fine-tuning job runs on its cluster. No Django, no database.

Exit codes are ``compute.scheduler.outcome_of``'s: 64 to 66 blame what was asked or given, 75 asks
to be tried again, 70 is a fault of ours.
"""

import os
import signal
import sys
from collections.abc import Callable, Mapping

from studio.payload import dry
from trainer.errors import BadOrder, Interrupted, Refused
from trainer.orders import Order

RECIPES: dict[str, Callable[[Order], None]] = {"dry": dry.run}


def main(variables: Mapping[str, str]) -> int:
    """Carry out the order that the environment describes; return the exit code."""
    try:
        order = Order.read(variables)
        if order.recipe not in RECIPES:
            raise BadOrder(f"there is no recipe {order.recipe!r}")
        signal.signal(signal.SIGTERM, lambda *_: order.interrupt())
        RECIPES[order.recipe](order)
    except (Refused, Interrupted) as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))

"""``python -m trainer [ORDER.json]``: teach a model as the environment, or the file, says.

Exit codes: 0 when all is done; 64 to 66 blame what was asked or given, and ``error.json`` says what;
75 asks to be tried again, from where it stands; 70 is a fault of ours.
"""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path

from trainer import reports
from trainer.errors import Interrupted, Refused
from trainer.orders import TrainingOrder, from_file, path_of
from trainer.writing import write_json

FAULT = 70


def main(variables: Mapping[str, str], arguments: list[str]) -> int:
    """Carry out the order; return the exit code."""
    try:
        if arguments:
            variables = from_file(Path(arguments[0]))
        _teach(TrainingOrder.read(variables))
    except Refused as error:
        sys.stderr.write(f"{error}\n")
        _tell(variables, error)
        return error.exit_code
    except Interrupted as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except Exception:  # noqa: BLE001 - whatever else it is, it is ours
        traceback.print_exc()
        return FAULT
    return 0


def _teach(order: TrainingOrder) -> None:
    (order.output / reports.ERROR).unlink(missing_ok=True)

    def end(*_: object) -> None:
        order.interrupt()
        # A step, or writing a state, may take longer than there is time.
        timer = threading.Timer(order.grace, os._exit, (Interrupted.exit_code,))
        timer.daemon = True
        timer.start()

    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, end)
    # Only now: it takes seconds, and a bad order need not wait for it.
    from trainer import training  # noqa: PLC0415

    training.run(order)


def one_gpu(visible: str | None) -> str:
    """Return the one GPU that is used, of those that may be seen; all, where that is not said.

    The library would divide every example at once among all, and a step would be more than planned.
    """
    return "0" if visible is None else visible.split(",")[0]


def _tell(variables: Mapping[str, str], error: Refused) -> None:
    """Leave the reason where the results would be, if it is known where that is."""
    try:
        output = path_of(variables["STUDIO_OUTPUT"])
        output.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_json(output / reports.ERROR, error.facts())
    except (KeyError, ValueError, OSError):
        return


if __name__ == "__main__":
    # Nothing is fetched: what a run needs lies where its order says.
    os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    os.environ["CUDA_VISIBLE_DEVICES"] = one_gpu(os.environ.get("CUDA_VISIBLE_DEVICES"))
    sys.exit(main(os.environ, sys.argv[1:]))

"""Checks an exported invoice of usage, from its receipts to its total, without asking the operator.

    python -m verify EXPORT [receipt-keys.json [receipt.json ...]]

EXPORT is the file that "Download the proof" on the page of an invoice saves, or a folder with what is in
it. Name the keys that you kept or read elsewhere: those in the export are the operator's word.
Receipts that people kept, as many as you like, have to be sealed in the hours that the export has.

Answers 0 where everything holds, 1 with the first thing that does not, 2 where the export cannot be read,
3 where everything holds, but what an export proves otherwise is not proven by this one. All that is for
people to compare is told as NOT PROVEN.
"""

import csv
import lzma
import sys
import zipfile
import zlib
from decimal import localcontext
from pathlib import Path
from zoneinfo import ZoneInfoNotFoundError

from verify import invoice
from verify.export import check
from verify.files import Files
from verify.findings import Differs, Unproven, Word
from verify.receipt import readable


def main(arguments: list[str]) -> int:
    """Check, tell in plain words, and return the exit code."""
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    code = 0
    try:
        with localcontext(prec=120):
            for told in check(Files(Path(arguments[0])), *map(Path, arguments[1:])):
                print(readable(f"NOT PROVEN: {told}" if isinstance(told, Word) else told))
                code = 3 if isinstance(told, Unproven) else code
    except (Differs, invoice.Differs) as difference:
        print(readable(f"DIFFERS: {difference}"), file=sys.stderr)
        return 1
    except invoice.NotComparable as reason:
        print(readable(f"NOT CHECKED: {reason}"), file=sys.stderr)
        return 2
    except ZoneInfoNotFoundError as problem:
        told = f"NOT CHECKED: {problem.args[0]}: if it is one, install the package tzdata"
        print(readable(told), file=sys.stderr)
        return 2
    except (
        ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError,
        TypeError, ValueError, csv.Error, lzma.LZMAError, zipfile.BadZipFile, zlib.error,
    ) as problem:  # fmt: skip
        told = f"NOT CHECKED: the export is not what it should be ({problem!r})"
        print(readable(told), file=sys.stderr)
        return 2
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

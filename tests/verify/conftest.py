"""Exports that hold, and the command that checks them."""

import pytest

from tests.verify.exports import (
    ACME,
    GLOBEX,
    HOUR,
    ISSUED,
    Export,
    commitment,
    export_of,
    january,
    line,
    price,
    sealed,
    used,
)
from verify.__main__ import main


@pytest.fixture
def check(tmp_path, capsys):
    """Run the command over an export; answers its exit code and all that it told."""

    def check(export):
        folder = tmp_path / "export"
        folder.mkdir(exist_ok=True)
        for name, content in export.files().items():
            (folder / name).write_text(content)
        return run(folder)

    def run(place, *receipts):
        (tmp_path / "keys.json").write_text(Export({}, [], [], [], [], []).files()["keys.json"])
        code = main([str(place), str(tmp_path / "keys.json"), *map(str, receipts)])
        told = capsys.readouterr()
        return code, told.out + told.err

    check.run = run
    return check


@pytest.fixture
def chain():
    """Seal Acme's receipt of the old year and three of the new, one of Globex, one of later."""
    return sealed(
        [*used(-4, 1, 2, 3, 8), *used(2, 8, organization=GLOBEX)], [price()], ISSUED + 3 * HOUR
    )


@pytest.fixture
def honest(chain):
    """Acme's January: three receipts."""
    return export_of(chain, line("3"))


@pytest.fixture
def group(chain):
    """The same, and Globex' receipt, which counts towards Acme's commitment of ten."""
    found = export_of(
        chain, line("3"), commitment("6"), organizations=(ACME, GLOBEX),
        months=[january(), january(GLOBEX, is_told=False)],
    )  # fmt: skip
    ends = january()["start"], january()["end"], january()["end"]
    found.commitments = [",".join(["2026-01", "C-1", "10", *ends, "31", "31", ""])]
    return found

"""Money is exact: nothing that bills knows binary fractions."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: A Stripe of our own for the demo: a process beside us, whose clocks and pauses are floats.
LOOPBACK = ROOT / "billing" / "payments" / "loopback"
FILES = [ROOT / "common" / "money.py", *sorted((ROOT / "billing").rglob("*.py"))]


def floats(tree):
    """Return the lines that name floats, or write one down."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id == "float")
        or (isinstance(node, ast.Attribute) and node.attr == "FloatField")
    ]


@pytest.mark.parametrize(
    "path",
    [it for it in FILES if LOOPBACK not in it.parents],
    ids=lambda it: str(it.relative_to(ROOT)),
)
def test_nothing_that_bills_knows_floats(path):
    assert floats(ast.parse(path.read_text("utf-8"))) == []


def test_a_float_would_be_found():
    assert floats(ast.parse("price: float = 0.1")) == [1, 1]

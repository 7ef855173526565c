"""Cards: blocks of text, and nothing else."""

import pytest

from common.database import service
from marketplace import cards
from marketplace.models import AIModel


def blocks(text):
    return [(block.kind, block.lines) for block in cards.blocks(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n \n", []),
        ("One line\nand another.", [("paragraph", ["One line", "and another."])]),
        ("One.\n  \nTwo.", [("paragraph", ["One."]), ("paragraph", ["Two."])]),
        ("## Uses\nText", [("heading", ["Uses"]), ("paragraph", ["Text"])]),
        ("## A\n## B", [("heading", ["A"]), ("heading", ["B"])]),
        ("For:\r\n- drafts\r\n- code", [("paragraph", ["For:"]), ("list", ["drafts", "code"])]),
    ],
)
def test_a_card_is_made_of_paragraphs_headings_and_lists(text, expected):
    assert blocks(text) == expected


def test_what_is_written_stays_text(client, catalogue):
    with service():
        AIModel.objects.filter(slug="atlas-mini").update(
            card="## <script>alert(1)</script>\n- <img src=x onerror=alert(1)>"
        )

    page = client.get("/models/atlas-mini/").content.decode()

    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<img src=x" not in page

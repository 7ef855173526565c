"""Pages of a long list, as the address asks for them."""

from collections.abc import Sequence
from typing import TypeVar

from django.core.paginator import Page, Paginator

#: What the address calls the number of the page.
PARAMETER = "page"

T = TypeVar("T")


def page(found: Sequence[T], size: int, asked: str | None) -> Page[T]:
    """Return the page that is asked for, or the one that comes nearest; without a number the first."""
    pages = Paginator(found, size)
    try:
        number = int(asked or 1)
    except ValueError:
        number = 1
    return pages.page(min(max(number, 1), pages.num_pages))

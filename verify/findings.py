"""What a check tells: that something differs, and what an export cannot show."""

from verify import receipt


class Differs(receipt.NotProven):
    """The first thing that is not as it was sealed."""


class Word(str):
    """What no export proves, and stands on a paper or is known otherwise: to be compared by people."""

    __slots__ = ()


class Unproven(Word):
    """What an export proves otherwise, and this one does not."""

    __slots__ = ()


def need(holds: bool, problem: str) -> None:
    """Stop with the problem unless what it denies holds."""
    if not holds:
        raise Differs(problem)

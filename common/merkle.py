"""Merkle trees as in RFC 6962: many facts behind one hash, and a short proof that one is among them.

Plain Python. A tree of trees of ``2**n`` leaves each is the tree of all their leaves, so that a large
one can be made and read in pieces.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple


class Step(NamedTuple):
    """What stands beside a node on the way up, and on which side of it."""

    side: str
    hash: bytes


def leaf(data: bytes) -> bytes:
    """Return the hash of a fact."""
    return hashlib.sha256(b"\0" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    """Return the hash of two nodes; no fact has the same one."""
    return hashlib.sha256(b"\1" + left + right).digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """Return the hash over all leaves, or nodes of one level."""
    if not hashes:
        return hashlib.sha256().digest()
    while len(hashes) > 1:
        hashes = _above(hashes)
    return hashes[0]


def path(hashes: Sequence[bytes], index: int) -> list[Step]:
    """Return what to put beside the leaf at this place, one after the other, to come to the root."""
    steps = []
    while len(hashes) > 1:
        beside = index ^ 1
        if beside < len(hashes):
            steps.append(Step("left" if index % 2 else "right", hashes[beside]))
        hashes, index = _above(hashes), index // 2
    return steps


def climb(start: bytes, steps: Sequence[Step]) -> bytes:
    """Return the root that a leaf and its path come to."""
    for side, beside in steps:
        start = node(beside, start) if side == "left" else node(start, beside)
    return start


def _above(hashes: Sequence[bytes]) -> list[bytes]:
    # The last one of an odd level stands alone and goes up as it is.
    pairs = [node(*hashes[at : at + 2]) for at in range(0, len(hashes) - 1, 2)]
    return [*pairs, *hashes[len(pairs) * 2 :]]

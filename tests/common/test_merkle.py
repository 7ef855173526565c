"""A tree's root stands for all its leaves, and a path proves that one is among them."""

import hashlib

import pytest

from common import merkle


def leaves(count):
    return [merkle.leaf(str(number).encode()) for number in range(count)]


def by_the_book(hashes):
    """Return the root as RFC 6962 defines it."""
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return merkle.node(by_the_book(hashes[:half]), by_the_book(hashes[half:]))


@pytest.mark.parametrize("count", range(1, 34))
def test_every_leaf_climbs_to_the_root(count):
    hashes = leaves(count)

    assert merkle.root(hashes) == by_the_book(hashes)
    for index, leaf in enumerate(hashes):
        assert merkle.climb(leaf, merkle.path(hashes, index)) == merkle.root(hashes)


def test_a_tree_of_trees_is_the_tree_of_all_leaves():
    hashes = leaves(29)
    roots = [merkle.root(hashes[at : at + 8]) for at in range(0, 29, 8)]

    assert merkle.root(roots) == merkle.root(hashes)
    path = merkle.path(hashes[8:16], 3) + merkle.path(roots, 1)
    assert merkle.climb(hashes[11], path) == merkle.root(hashes)


def test_no_leaf_is_a_node():
    left, right = leaves(2)

    assert merkle.leaf(left + right) != merkle.root([left, right])


def test_the_tree_of_nothing_is_the_hash_of_nothing():
    assert merkle.root([]) == hashlib.sha256().digest()

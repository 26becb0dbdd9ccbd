"""`pymerkle` is an implementation of the same tree that is not ours. It is under the GPL: tests alone use it."""

from __future__ import annotations

import pytest
from pymerkle import InmemoryTree, InvalidProof

from queuebit_proof import Tree, leaf_hash

from .conftest import entries

MOST = 130
SIZES = (1, 2, 3, 7, 8, 64, 65, 127, 128, 130)


@pytest.fixture(scope="module")
def ours() -> Tree:
    tree = Tree()
    tree.extend(map(leaf_hash, entries(MOST)))
    return tree


@pytest.fixture(scope="module")
def theirs() -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    tree.append_entries(entries(MOST))
    return tree


@pytest.mark.parametrize("size", range(1, MOST + 1))
def test_it_has_the_same_root_at_every_size(ours: Tree, theirs: InmemoryTree, size: int) -> None:
    assert theirs.get_root(size) == ours.root(size)


@pytest.mark.parametrize("size", SIZES)
def test_it_has_the_same_inclusion_proofs(ours: Tree, theirs: InmemoryTree, size: int) -> None:
    for index in range(size):
        proof = theirs.prove_inclusion(index + 1, size)  # it counts from one
        assert proof.path == [leaf_hash(entries(MOST)[index]), *ours.inclusion(index, size)]
        proof.verify(proof.path[0], ours.root(size), index=index + 1, size=size)


@pytest.mark.parametrize(("old", "new"), [(old, new) for old in SIZES for new in SIZES if old <= new])
def test_it_finds_our_roots_consistent(ours: Tree, theirs: InmemoryTree, old: int, new: int) -> None:
    proof = theirs.prove_consistency(old, new)
    proof.verify(ours.root(old), ours.root(new), prior_size=old, later_size=new)
    with pytest.raises(InvalidProof):
        proof.verify(ours.root(old), bytes(32), prior_size=old, later_size=new)

"""The tree against a literal implementation of RFC 6962 (below), and against published test vectors."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queuebit_proof import Tree, leaf_hash, verify_consistency, verify_inclusion

QUICK = settings(max_examples=60, deadline=None)
MOST = 300


def mth(data: list[bytes]) -> bytes:
    if not data:
        return hashlib.sha256(b"").digest()
    if len(data) == 1:
        return hashlib.sha256(b"\x00" + data[0]).digest()
    k = split(len(data))
    return hashlib.sha256(b"\x01" + mth(data[:k]) + mth(data[k:])).digest()


def path(m: int, data: list[bytes]) -> list[bytes]:
    if len(data) == 1:
        return []
    k = split(len(data))
    return [*path(m, data[:k]), mth(data[k:])] if m < k else [*path(m - k, data[k:]), mth(data[:k])]


def subproof(m: int, data: list[bytes], known: bool) -> list[bytes]:
    if m == len(data):
        return [] if known else [mth(data)]
    k = split(len(data))
    if m <= k:
        return [*subproof(m, data[:k], known), mth(data[k:])]
    return [*subproof(m - k, data[k:], False), mth(data[:k])]


def split(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def numbered(count: int) -> list[bytes]:
    return [str(index).encode() for index in range(count)]


def tree_of(data: list[bytes]) -> Tree:
    tree = Tree()
    tree.extend(leaf_hash(item) for item in data)
    return tree


BIG = tree_of(numbered(MOST))
sizes = st.integers(1, MOST)


@pytest.mark.parametrize(
    ("size", "root"),
    [
        (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
    ],
)
def test_roots_of_the_certificate_transparency_vectors(size: int, root: str) -> None:
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    assert tree_of([bytes.fromhex(item) for item in inputs]).root(size).hex() == root


@QUICK
@given(sizes, st.data())
def test_every_proof_equals_that_of_the_standard(size: int, data: st.DataObject) -> None:
    leaves = numbered(size)
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    assert BIG.root(size) == mth(leaves)
    assert BIG.inclusion(index, size) == path(index, leaves)
    assert BIG.consistency(old, size) == subproof(old, leaves, True)


@QUICK
@given(st.lists(st.integers(0, 40), max_size=8))
def test_appending_in_parts_gives_the_same_tree(parts: list[int]) -> None:
    tree = Tree()
    for part in parts:
        tree.extend(leaf_hash(item) for item in numbered(tree.size + part)[tree.size :])
    assert tree.size == sum(parts)
    assert tree.root() == mth(numbered(sum(parts)))


@QUICK
@given(sizes, st.data())
def test_an_inclusion_proof_is_valid_only_for_its_leaf_index_and_tree(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaf, proof, root = leaf_hash(str(index).encode()), BIG.inclusion(index, size), BIG.root(size)
    assert verify_inclusion(leaf, index, size, proof, root)
    assert not verify_inclusion(leaf_hash(b"other"), index, size, proof, root)
    assert not verify_inclusion(leaf, index, size, proof, leaf_hash(b"other"))
    assert not verify_inclusion(leaf, index, size, [*proof, root], root)
    if size > 1:
        wrong = data.draw(st.integers(0, size - 1).filter(lambda other: other != index))
        assert not verify_inclusion(leaf, wrong, size, proof, root)
        assert not verify_inclusion(leaf, index, size, proof[:-1], root)
        spot = data.draw(st.integers(0, len(proof) - 1))
        assert not verify_inclusion(leaf, index, size, [*proof[:spot], root, *proof[spot + 1 :]], root)


@QUICK
@given(sizes, st.data())
def test_a_consistency_proof_is_valid_only_for_its_two_trees(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    proof, first, second = BIG.consistency(old, new), BIG.root(old), BIG.root(new)
    forged = tree_of([b"forged", *numbered(new)[1:]])
    assert verify_consistency(old, new, first, second, proof)
    assert not verify_consistency(old, new, forged.root(old), second, proof)
    assert not verify_consistency(old, new, first, forged.root(new), proof)
    assert not verify_consistency(old, new, first, second, [*proof, first])
    if old < new:
        assert not verify_consistency(old, new, first, second, proof[:-1])
        assert not verify_consistency(old, new, first, forged.root(new), forged.consistency(old, new))


def test_every_tree_continues_the_empty_one() -> None:
    assert BIG.consistency(0, 5) == []
    assert verify_consistency(0, 5, Tree().root(), BIG.root(5), [])
    assert not verify_consistency(0, 5, BIG.root(1), BIG.root(5), [])


def test_malformed_proofs_are_invalid() -> None:
    root = BIG.root(8)
    assert not verify_inclusion(root, -1, 8, [], root)
    assert not verify_inclusion(root, 8, 8, [], root)
    assert not verify_inclusion(leaf_hash(b"0"), 0, 8, [b"short"], root)
    assert not verify_consistency(8, 4, root, BIG.root(4), [])
    assert not verify_consistency(4, 8, BIG.root(4), root, [])
    assert not verify_consistency(3, 8, BIG.root(3), root, [])


def test_proofs_for_sizes_that_the_tree_never_had_are_refused() -> None:
    tree = tree_of(numbered(5))
    for ask in (
        lambda: tree.root(6),
        lambda: tree.inclusion(5),
        lambda: tree.inclusion(3, 3),
        lambda: tree.consistency(6),
    ):
        with pytest.raises(ValueError, match="leaves"):
            ask()
    with pytest.raises(ValueError, match="32 bytes"):
        tree.extend([leaf_hash(b""), b"short"])
    assert tree.size == 5

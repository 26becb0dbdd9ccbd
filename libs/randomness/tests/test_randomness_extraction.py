"""Extraction and health tests."""

from __future__ import annotations

import itertools
from collections import Counter
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queuebit_randomness import (
    adaptive_proportion,
    extractable,
    extracted,
    needed,
    repetition_count,
    seed_length,
)


@settings(deadline=None)
@given(st.data(), st.integers(1, 120), st.integers(1, 60))
def test_extraction_is_the_product_with_the_toeplitz_matrix(data: st.DataObject, raw: int, length: int) -> None:
    def drawn(size: int) -> str:
        return data.draw(st.text("01", min_size=size, max_size=size))

    bits, seed = drawn(raw), drawn(seed_length(raw, length))
    matrix = [[int(seed[i - j + raw - 1]) for j in range(raw)] for i in range(length)]
    assert all(one[:-1] == other[1:] for one, other in itertools.pairwise(matrix)), "constant diagonals"
    product = "".join(str(sum(x * int(y) for x, y in zip(row, bits, strict=True)) % 2) for row in matrix)
    assert extracted(bits, seed, length) == product


def test_the_family_is_universal() -> None:
    """Two inputs collide for 2^-length of all seeds: what the leftover hash lemma needs. All seeds are tried."""
    one, other, length = "1011", "0010", 3
    size = seed_length(4, length)
    seeds = [f"{it:0{size}b}" for it in range(2**size)]
    assert sum(extracted(one, it, length) == extracted(other, it, length) for it in seeds) == 2**size // 2**length
    assert len(set(Counter(extracted(one, it, length) for it in seeds).values())) == 1


def test_large_inputs_are_exact() -> None:
    """All ones: bit i is the parity of len(raw) bits of the seed, where sums are largest."""
    raw, length = "1" * 20_000, 1_000
    seed = "".join("1" if it % 3 == 0 else "0" for it in range(seed_length(20_000, length)))
    found = extracted(raw, seed, length)
    assert found == "".join(str(seed[it : it + 20_000].count("1") % 2) for it in range(length))


@pytest.mark.parametrize("size", [0, 5, 7])
def test_a_seed_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="the seed has"):
        extracted("0101", "0" * size, 3)


def test_the_length_follows_from_the_leftover_hash_lemma() -> None:
    assert extractable(1_000, 0.5, 64) == 1_000 // 2 - 128
    assert extractable(100, 0.5, 64) == 0
    for bits in (1, 255, 4_097):
        raw = needed(bits, 0.3, 64)
        assert extractable(raw, 0.3, 64) >= bits > extractable(raw - 4, 0.3, 64)


@pytest.mark.parametrize(("entropy", "cutoff"), [(0.2, 941), (0.4, 840), (0.6, 748), (0.8, 664), (1.0, 589)])
def test_cutoffs_of_the_adaptive_proportion_test_are_those_of_the_standard(entropy: float, cutoff: int) -> None:
    """NIST SP 800-90B, section 4.4.2, table 2: windows of 1,024 bits, false alarms of 2^-20."""
    assert adaptive_proportion("01" * 512, entropy).cutoff == cutoff
    share = 2**-entropy
    tail = sum(comb(1024, it) * share**it * (1 - share) ** (1024 - it) for it in range(cutoff, 1025))
    assert tail <= 2**-20


def test_a_source_that_stops_fails_the_health_tests() -> None:
    healthy, stuck = "0110" * 512, "0110" * 256 + "1" * 1_024
    assert repetition_count(healthy, 1.0).passed
    assert adaptive_proportion(healthy, 1.0).passed
    found = repetition_count(stuck, 1.0)
    assert (found.worst, found.cutoff, found.passed) == (1_024, 21, False), "section 4.4.1: 1 + 20 / H"
    assert not adaptive_proportion(stuck, 1.0).passed
    assert repetition_count("", 1.0).worst == adaptive_proportion("01", 1.0).worst == 0

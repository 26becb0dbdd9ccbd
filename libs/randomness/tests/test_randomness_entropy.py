"""Estimates of min-entropy, compared with those of NIST's own program, and of sources whose min-entropy is known."""

from __future__ import annotations

from collections import Counter
from math import comb, log2
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queuebit_randomness import MIN_BITS, estimate
from queuebit_randomness.bounds import Z
from queuebit_randomness.repeats import repeats

SAMPLES = 20_000


def chain(stays: float, ones: float = 0.5, size: int = SAMPLES, seed: int = 5) -> str:
    """Bits that repeat the one before with a probability, and else are 1 with a probability."""
    draw = Random(seed)
    bits = [int(draw.random() < ones)]
    while len(bits) < size:
        bits.append(bits[-1] if draw.random() < stays else int(draw.random() < ones))
    return "".join(map(str, bits))


def test_all_ten_estimates_are_those_of_nists_program() -> None:
    """The file rand1_short.bin of usnistgov/SP800-90B_EntropyAssessment, with its reference results."""
    text = (Path(__file__).parent / "rand1_short.hex").read_text().replace("\n", "")
    found = estimate(f"{int(text, 16):010000b}")
    assert found.estimates == pytest.approx(
        {
            "most common value": 0.96105882570055079,
            "collision": 0.69146412099724186,
            "markov": 0.98759610445940904,
            "compression": 0.61171620479394506,
            "t-tuple": 0.86762443081707374,
            "longest repeated substring": 0.96262580383278706,
            "multi most common in window": 0.95261806053262654,
            "lag": 0.9433337065757712,
            "multi markov model with counting": 0.96161666782888089,
            "LZ78Y": 0.96144624595247796,
        },
        abs=1e-10,
    )
    assert (found.limiting, found.least) == ("compression", min(found.estimates.values()))


def test_biased_independent_bits_have_the_entropy_of_their_bias() -> None:
    """0.415 for 3 of 4 ones; each bound has a confidence of 99 %, so that estimates are a little below."""
    found = estimate(chain(0.0, ones=0.75)).estimates
    for name in ("most common value", "markov", "multi most common in window"):
        assert -log2(0.75) - 0.03 < found[name] < -log2(0.75) + 0.01
    assert min(found.values()) < -log2(0.75) + 0.01


def test_correlated_bits_without_a_bias_are_found() -> None:
    """Each bit is that before with probability 0.9: 0.152 bits each, although half of all bits are 1."""
    found = estimate(chain(0.8))
    assert found.estimates["most common value"] > 0.9
    for name in ("markov", "multi markov model with counting", "LZ78Y"):
        assert found.estimates[name] == pytest.approx(-log2(0.9), abs=0.03)
    assert found.least < -log2(0.9) + 0.01


@pytest.mark.parametrize("bits", ["0" * SAMPLES, "01" * (SAMPLES // 2), "0" * (SAMPLES // 2) + "1" * (SAMPLES // 2)])
def test_bits_that_can_be_foreseen_have_none(bits: str) -> None:
    assert 0 <= estimate(bits).least < 0.02


def test_a_long_period_that_no_predictor_sees_is_a_long_repeat() -> None:
    block = chain(0.0, size=2_000)
    found = estimate(block * 10)
    assert found.limiting == "longest repeated substring"
    assert found.least < 0.01


def test_a_lag_is_found() -> None:
    """Every bit is that of 100 bits before, except for one in ten."""
    draw, bits = Random(7), [int(it) for it in chain(0.0, size=100)]
    while len(bits) < SAMPLES:
        bits.append(bits[-100] ^ (draw.random() < 0.1))
    found = estimate("".join(map(str, bits))).estimates
    assert found["lag"] == pytest.approx(-log2(0.9), abs=0.02)
    assert found["markov"] > 0.9


@settings(max_examples=30, deadline=None)
@given(st.text("01", min_size=2, max_size=60))
def test_repeats_are_counted_as_tuple_by_tuple(bits: str) -> None:
    found = repeats(bits)
    for size in range(1, len(bits)):
        counts = Counter(bits[it : it + size] for it in range(len(bits) - size + 1))
        if max(counts.values()) == 1:
            assert len(found.most) == len(found.pairs) == size
            break
        assert found.most[size] == max(counts.values())
        assert found.pairs[size] == sum(comb(it, 2) for it in counts.values())


def test_the_most_common_value_is_the_formula_of_the_standard() -> None:
    """Section 6.3.1: p + 2.576 sqrt(p (1 - p) / (L - 1))."""
    bits = "0" * 4_000 + "1" * 6_000
    assert 2 ** -estimate(bits).estimates["most common value"] == pytest.approx(0.6 + Z * (0.24 / 9_999) ** 0.5)


@pytest.mark.parametrize("bits", ["01" * 100, "0" * (MIN_BITS - 1), "0 1" * MIN_BITS, "0" * MIN_BITS + "2"])
def test_what_cannot_be_estimated_is_refused(bits: str) -> None:
    with pytest.raises(ValueError, match="bits are"):
        estimate(bits)

"""The rate of false alarms is the stated one, and wrong distributions are found."""

import math
from itertools import product

import numpy as np
import pytest

from queuebit_ci.significance import compare, fidelity, holm

DISTRIBUTIONS = {
    "pair": [0.5, 0.5],
    "uneven": [0.7, 0.2, 0.07, 0.03],
    "rare": [0.97, 0.01, 0.01, 0.01],
    "three qubits": [1 / 8] * 8,
    "many": [1 / 64] * 32 + [1 / 1024] * 512,
}


def named(shares: list[float]) -> dict[str, float]:
    return {format(place, "010b"): share for place, share in enumerate(shares)}


def drawn(random: np.random.Generator, shares: list[float], shots: int) -> dict[str, int]:
    return {bits: int(it) for bits, it in zip(named(shares), random.multinomial(shots, shares), strict=True) if it}


@pytest.mark.parametrize("shares", DISTRIBUTIONS.values(), ids=[*DISTRIBUTIONS])
def test_false_alarms_are_as_rare_as_stated(shares: list[float]) -> None:
    """P(p <= a) <= a: the count of alarms may exceed its mean by four standard deviations (one in 30,000)."""
    random, runs = np.random.default_rng(43), 250 if len(shares) > 100 else 1_000
    found = np.array([compare(drawn(random, shares, 500), named(shares), seed=it).p_value for it in range(runs)])
    for alpha in (0.01, 0.05, 0.2):
        assert (found <= alpha).sum() <= alpha * runs + 4 * math.sqrt(alpha * (1 - alpha) * runs)
    assert (found <= 0.2).sum() > 0.05 * runs, "a test that never fails would pass the lines above"


def test_false_alarms_with_a_tolerance_are_rarer_than_stated() -> None:
    """The worst case: the device is as far from the expected distribution as the tolerance allows."""
    random, expected, device = np.random.default_rng(7), [0.5, 0.5], [0.55, 0.45]
    found = [compare(drawn(random, device, 2_000), named(expected), tolerance=0.05).p_value for _ in range(1_000)]
    assert sum(it <= 0.01 for it in found) <= 10


def test_all_tests_of_a_run_together_have_the_rate() -> None:
    """300 runs of 10 correct circuits: at most a twentieth of the runs has a false alarm, within four deviations."""
    random, runs = np.random.default_rng(11), 300
    alarms = 0
    for run in range(runs):
        counts = [drawn(random, [0.5, 0.3, 0.2], 200) for _ in range(10)]
        p_values = [compare(it, named([0.5, 0.3, 0.2]), seed=run * 10 + n).p_value for n, it in enumerate(counts)]
        alarms += any(holm(p_values, 0.05))
    assert alarms <= 0.05 * runs + 4 * math.sqrt(0.05 * 0.95 * runs)


@pytest.mark.parametrize(("shots", "shift"), [(1_000, 0.08), (4_000, 0.04), (16_000, 0.02)])
def test_power(shots: int, shift: float) -> None:
    """A pair of outcomes that is wrong by this share is found nine times in ten at a rate of one in a thousand."""
    random = np.random.default_rng(5)
    wrong = [0.5 + shift, 0.5 - shift]
    found = [compare(drawn(random, wrong, shots), named([0.5, 0.5])).p_value <= 0.001 for _ in range(100)]
    assert sum(found) >= 90


@pytest.mark.parametrize("heads", [5, 7, 8, 9])
def test_a_simulated_p_value_is_the_exact_one(heads: int) -> None:
    """All 11 outcomes of ten coins, enumerated; the simulation ends within a quarter of the exact value."""

    def divergence(count: int) -> float:
        return sum(it / 10 * math.log(it / 5) for it in (count, 10 - count) if it)

    exact = sum(math.comb(10, it) / 1024 for it in range(11) if divergence(it) >= divergence(heads) - 1e-12)
    found = [compare({"0": heads, "1": 10 - heads}, {"0": 0.5, "1": 0.5}, seed=it).p_value for it in range(40)]
    assert np.mean(found) == pytest.approx(exact, rel=0.25)


def test_the_bound_is_never_below_the_exact_probability() -> None:
    """Twelve shots of three outcomes, enumerated: the bound of Agrawal holds at every divergence."""
    from queuebit_ci.significance import _divergences, _tail

    shares, shots = np.array([0.6, 0.3, 0.1]), 12
    counts = np.array([(a, b, shots - a - b) for a, b in product(range(shots + 1), repeat=2) if a + b <= shots])
    weights = [
        math.factorial(shots) / math.prod(map(math.factorial, map(int, it))) * math.prod(shares**it) for it in counts
    ]
    divergences = _divergences(counts, shares)
    for it in divergences:
        exact = sum(weight for weight, other in zip(weights, divergences, strict=True) if other >= it - 1e-12)
        assert exact <= _tail(float(it), 3, shots) + 1e-12


def test_the_same_counts_and_seed_give_the_same_p_value() -> None:
    counts = {"0": 530, "1": 470}
    assert compare(counts, {"0": 0.5, "1": 0.5}, seed=3) == compare(counts, {"0": 0.5, "1": 0.5}, seed=3)


def test_an_outcome_that_cannot_occur_is_certain() -> None:
    found = compare({"00": 3_999, "01": 1}, {"00": 1.0})
    assert (found.p_value, found.method, found.largest) == (0.0, "impossible", "01")


def test_a_tolerance_allows_outcomes_that_ideal_circuits_never_have() -> None:
    noisy = {"00": 1_900, "11": 1_900, "01": 100, "10": 100}
    assert compare(noisy, {"00": 0.5, "11": 0.5}, tolerance=0.05).p_value > 0.1
    assert compare(noisy, {"00": 0.5, "11": 0.5}, tolerance=0.01).p_value < 0.01


def test_many_outcomes_with_few_shots_each_are_grouped_with_their_neighbours() -> None:
    many = 6_000
    expected = {format(it, "013b"): 1 / many for it in range(many)}
    even = dict.fromkeys([*expected][::2], 1)
    assert compare(even, expected).p_value > 0.001
    first = dict.fromkeys([*expected][:3000], 1)
    assert compare(first, expected).p_value < 1e-6, "no outcome with the first bit 1 was measured"


def test_a_large_deviation_needs_no_simulation() -> None:
    found = compare({"0": 900, "1": 100}, {"0": 0.5, "1": 0.5})
    assert found.method == "bound"
    assert found.p_value < 1e-100


@pytest.mark.parametrize(
    ("counts", "expected", "text"),
    [
        ({}, {"0": 1.0}, "no counts"),
        ({"0": 1}, {"0": 0.9}, "sum to 0.9"),
        ({"0": 1}, {}, "sum to 0"),
        ({"0 1": 1}, {"01": 1.0}, "as many bits"),
    ],
)
def test_what_cannot_be_compared(counts: dict[str, int], expected: dict[str, float], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        compare(counts, expected)


def test_holm_rejects_step_by_step() -> None:
    assert holm([0.04, 0.001, 0.012], 0.03) == [False, True, True]
    assert holm([0.02, 0.02], 0.03) == [False, False]
    assert holm([], 0.03) == []


def test_fidelity_is_that_of_the_quantum_library() -> None:
    from queuebit_quantum import hellinger_fidelity

    counts, expected = {"00": 480, "11": 500, "01": 20}, {"00": 0.5, "11": 0.5}
    assert fidelity(counts, expected) == pytest.approx(hellinger_fidelity(counts, expected))

"""The bound of the fidelity: how often it is wrong, and what it finds."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest

from queuebit_replay.comparison import compare, compare_runs

BELL = {"00": 0.5, "11": 0.5}
UNIFORM = {f"{it:05b}": 1 / 32 for it in range(32)}


def drawn(shares: Mapping[str, float], shots: int, rng: np.random.Generator) -> dict[str, int]:
    return dict(zip(shares, rng.multinomial(shots, [*shares.values()]).tolist(), strict=True))


def mixed(shares: Mapping[str, float], bits: int, noise: float) -> dict[str, float]:
    """A distribution with depolarising noise."""
    every = [f"{it:0{bits}b}" for it in range(2**bits)]
    return {it: (1 - noise) * shares.get(it, 0.0) + noise / len(every) for it in every}


def fidelity(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    return math.fsum(math.sqrt(one.get(it, 0.0) * other.get(it, 0.0)) for it in {*one, *other}) ** 2


@pytest.mark.parametrize(
    ("ideal", "bits", "noise"),
    [(BELL, 2, 0.0), (BELL, 2, 0.1), ({"101": 1.0}, 3, 0.0), ({"101": 1.0}, 3, 0.2), (UNIFORM, 5, 0.0)],
    ids=["bell", "noisy bell", "one outcome", "one noisy outcome", "32 outcomes"],
)
def test_the_bound_is_wrong_no_more_often_than_stated(ideal: dict[str, float], bits: int, noise: float) -> None:
    """1,000 runs at a rate of 2 %: more than 33 wrong bounds would be three standard deviations too many."""
    rng = np.random.default_rng([bits, round(100 * noise)])
    device = mixed(ideal, bits, noise)
    true = fidelity(device, ideal)
    found = [compare(drawn(device, 500, rng), ideal, alpha=0.02) for _ in range(1_000)]
    assert sum(it.proves_below(true - 1e-9) for it in found) <= 33


def test_the_bound_of_two_runs_is_wrong_no_more_often_than_stated() -> None:
    rng = np.random.default_rng(2)
    device = mixed(BELL, 2, 0.1)
    found = [compare_runs(drawn(device, 500, rng), drawn(device, 1_000, rng), alpha=0.02) for _ in range(1_000)]
    assert sum(it.proves_below(1.0) for it in found) <= 33


@pytest.mark.parametrize(("noise", "shots"), [(0.4, 1_000), (0.3, 4_000)], ids=["40 %", "30 %, more shots"])
def test_a_backend_well_below_its_floor_is_found(noise: float, shots: int) -> None:
    """The floor is 0.9; the fidelities are 0.8 and 0.85. At one false alarm in a million, nine of ten are found."""
    rng = np.random.default_rng(3)
    device = mixed(BELL, 2, noise)
    found = [compare(drawn(device, shots, rng), BELL) for _ in range(200)]
    assert sum(it.proves_below(0.9) for it in found) >= 180


def test_equal_counts_have_fidelity_one() -> None:
    found = compare({"00": 500, "11": 500}, BELL)
    assert found.fidelity == pytest.approx(1.0)
    assert found.at_most == 1.0
    assert compare_runs({"00": 500, "11": 500}, {"00": 50, "11": 50}).fidelity == pytest.approx(1.0)


def test_nothing_in_common_is_proven_at_once() -> None:
    assert compare({"01": 100}, BELL).at_most < 0.5
    assert compare_runs({"01": 100}, {"10": 100}).at_most < 0.8


def test_few_shots_prove_nothing() -> None:
    found = compare({"00": 3, "01": 1}, BELL)
    assert found.fidelity < 0.8
    assert not found.proves_below(0.9)


def test_the_fidelity_is_the_definition() -> None:
    assert compare({"00": 900, "11": 100}, BELL).fidelity == pytest.approx(fidelity({"00": 0.9, "11": 0.1}, BELL))


@pytest.mark.parametrize("counts", [{}, {"00": 0}, {"00": 5, "11": -1}, {"0": 10}, {"00": 5, "111": 5}])
def test_what_cannot_be_compared_is_said(counts: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"counts"):
        compare(counts, BELL)

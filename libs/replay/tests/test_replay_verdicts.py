"""How often the verdicts are wrong, and what they find. Each tolerance is three standard deviations."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from scipy.stats import chi2, chi2_contingency

from queuebit_replay import compare_runs, homogeneity, judge

BELL = {"00": 0.5, "11": 0.5}
NOISY = {"00": 0.49, "01": 0.01, "10": 0.01, "11": 0.49}
UNIFORM = {f"{it:06b}": 1 / 64 for it in range(64)}
STEEP = {f"{it:06b}": (0.8**it) * 0.2 / (1 - 0.8**64) for it in range(64)}


def drawn(shares: Mapping[str, float], shots: int, rng: np.random.Generator) -> dict[str, int]:
    return dict(zip(shares, rng.multinomial(shots, [*shares.values()]).tolist(), strict=True))


def rotated(by: float) -> dict[str, float]:
    """A Bell pair after a rotation of one qubit: its Hellinger fidelity to the pair is 1 - by."""
    return {"00": (1 - by) / 2, "01": by / 2, "10": by / 2, "11": (1 - by) / 2}


@pytest.mark.parametrize("shares", [BELL, NOISY, UNIFORM, STEEP], ids=["bell", "noisy bell", "64 outcomes", "steep"])
@pytest.mark.parametrize("shots", [(1_000, 1_000), (500, 4_000)], ids=["equal shots", "other shots"])
def test_equal_work_is_called_drifted_no_more_often_than_stated(
    shares: dict[str, float], shots: tuple[int, int]
) -> None:
    """2,000 comparisons at a rate of 1 %: 20 are expected, and 33 is three standard deviations more."""
    rng = np.random.default_rng([len(shares), *shots])
    found = [judge([(drawn(shares, shots[0], rng), drawn(shares, shots[1], rng))], alpha=0.01) for _ in range(2_000)]
    assert sum(it.verdict == "drifted" for it in found) <= 33
    assert not any(it.verdict == "different" for it in found)


def test_many_items_are_not_called_drifted_more_often() -> None:
    """500 programs of 20 items at a rate of 5 %: 25 are expected, and 40 is three standard deviations more."""
    rng = np.random.default_rng(20)
    found = [judge([(drawn(BELL, 400, rng), drawn(BELL, 400, rng)) for _ in range(20)], alpha=0.05) for _ in range(500)]
    assert sum(it.verdict == "drifted" for it in found) <= 40


@pytest.mark.parametrize(
    ("by", "shots", "least"),
    [(0.01, 1_000, 40), (0.02, 1_000, 160), (0.03, 1_000, 190), (0.005, 4_000, 160)],
    ids=["1 % of 1,000 shots", "2 %", "3 %", "0.5 % of 4,000"],
)
def test_the_power_for_a_known_change(by: float, shots: int, least: int) -> None:
    """Of 200 comparisons at a rate of 1 in 1,000, so many find that a share `by` of the shots went elsewhere."""
    rng = np.random.default_rng(round(1e4 * by))
    found = [judge([(drawn(BELL, shots, rng), drawn(rotated(by), shots, rng))]) for _ in range(200)]
    assert sum(it.verdict == "drifted" for it in found) >= least
    assert not any(it.verdict == "different" for it in found)


def test_what_is_far_below_the_floor_is_different() -> None:
    rng = np.random.default_rng(7)
    found = [judge([(drawn(BELL, 1_000, rng), drawn(rotated(0.3), 1_000, rng))]).verdict for _ in range(100)]
    assert found.count("different") >= 90
    assert set(found) <= {"different", "drifted"}


def test_a_low_fidelity_that_few_shots_do_not_prove_is_not_different() -> None:
    found = judge([({"0": 10, "1": 10}, {"0": 18, "1": 2})])
    assert found.fidelity < 0.9 <= found.at_most
    assert found.verdict in ("consistent", "drifted")


def test_equal_counts_are_reproduced() -> None:
    found = judge([({"00": 400, "11": 600}, {"11": 600, "00": 400, "01": 0})])
    assert (found.verdict, found.p_value, found.distance) == ("reproduced", 1.0, 0.0)
    assert found.fidelity == pytest.approx(1.0)
    assert judge([({"0": 1}, {"0": 1})]).same


def test_few_shots_are_tested_for_nothing() -> None:
    found = judge([({"00": 2, "11": 1}, {"00": 1, "01": 2})])
    assert (found.verdict, found.freedom, found.p_value) == ("consistent", 0, 1.0)


def test_the_worst_item_is_named() -> None:
    same = {"0": 500, "1": 500}
    found = judge([(same, same), (same, {"0": 700, "1": 300}), (same, same)])
    assert (found.verdict, found.item, found.items) == ("drifted", 1, 3)


def test_the_bound_of_the_fidelity_is_corrected_for_the_number_of_items() -> None:
    same, other = {"0": 500, "1": 500}, {"0": 900, "1": 100}
    alone, among = judge([(same, other)]), judge([(same, other), *[(same, same)] * 99])
    assert alone.at_most < among.at_most == compare_runs(same, other, 1e-8).at_most < 1


def test_noise_is_what_equal_work_shows() -> None:
    rng = np.random.default_rng(9)
    found = [judge([(drawn(UNIFORM, 2_000, rng), drawn(UNIFORM, 2_000, rng))]) for _ in range(100)]
    assert np.mean([it.fidelity for it in found]) == pytest.approx(found[0].noise, abs=5e-4)


@pytest.mark.parametrize("seed", range(20))
def test_the_test_is_that_of_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shares = [UNIFORM, NOISY, STEEP][seed % 3]
    one, other = drawn(shares, 3_000, rng), drawn(shares, 2_000, rng)
    found = homogeneity(one, other)
    assert found.p_value == pytest.approx(chi2.sf(found.statistic, found.freedom), rel=1e-9)
    if shares is not STEEP:  # without rare outcomes, the cells are the outcomes
        expected = chi2_contingency([[*one.values()], [*other.values()]], correction=False)
        assert (found.statistic, found.p_value) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)


@pytest.mark.parametrize(("statistic", "freedom"), [(900.0, 3), (2_000.0, 1_500), (1e-9, 2), (5e4, 4_095)])
def test_the_tail_holds_far_out(statistic: float, freedom: int) -> None:
    from queuebit_replay.homogeneity import _tail

    assert _tail(statistic, freedom) == pytest.approx(chi2.sf(statistic, freedom), rel=1e-6, abs=1e-300)


@pytest.mark.parametrize("pairs", [[], [({}, {"0": 1})], [({"0": 1}, {"00": 1})], [({"0": -1}, {"0": 2})]])
def test_what_cannot_be_compared_is_said(pairs: list[tuple[dict[str, int], dict[str, int]]]) -> None:
    with pytest.raises(ValueError, match="counts"):
        judge(pairs)

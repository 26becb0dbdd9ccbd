"""Cohorts: stable, of the planned size, independent of other canaries, and written in tags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, chisquare

from queuebit_experiments import ARMS, arm_in_use, arm_of, arm_tag, bucket

_UNITS = [f"j{it}" for it in range(20_000)]


def test_a_unit_keeps_its_arm_in_all_versions() -> None:
    """Recorded: another hash would move jobs between the arms of a canary that runs."""
    assert [bucket("level3", it) for it in ("j1", "j2", "acme", "")] == [96, 6, 93, 40]


def test_buckets_are_equally_full() -> None:
    counts = [0] * 100
    for it in _UNITS:
        counts[bucket("level3", it)] += 1
    assert chisquare(counts).pvalue > 0.001


def test_two_canaries_do_not_share_their_arms() -> None:
    table = [[0, 0], [0, 0]]
    for it in _UNITS:
        table[ARMS.index(arm_of("one", it, 50))][ARMS.index(arm_of("other", it, 50))] += 1
    assert chi2_contingency(table).pvalue > 0.001


@given(st.text(max_size=20), st.integers(1, 99), st.integers(0, 99))
def test_a_larger_share_keeps_the_candidates(unit: str, share: int, more: int) -> None:
    if arm_of("c", unit, share) == "candidate":
        assert arm_of("c", unit, min(100, share + more)) == "candidate"


@pytest.mark.parametrize(
    ("state", "arms"),
    [
        ("running", ["baseline", "candidate"]),
        ("passed", ["baseline", "candidate"]),
        ("promoted", ["candidate", "candidate"]),
        *((it, ["baseline", "baseline"]) for it in ("draft", "paused", "aborted", "a later version has it")),
    ],
)
def test_the_hash_decides_only_while_a_canary_assigns(state: str, arms: list[str]) -> None:
    assert [arm_in_use("level3", state, it, 50) for it in ("j1", "j2")] == arms


def test_the_tag_of_the_longest_name_fits() -> None:
    assert arm_tag("level3", "candidate") == "canary-level3-candidate"
    assert max(len(arm_tag("c" * 40, it)) for it in ARMS) <= 64

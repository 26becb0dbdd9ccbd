"""Simulated seeds hold all invariants, and each gives the same log again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import pytest

from queuebit_simulation.plan import Plan
from queuebit_simulation.run import simulate

_LOST = (258, 285)
"""Seeds that once showed an answer of the log with a message lost in its middle."""


@pytest.mark.parametrize("seeds", [*(range(it, it + 6) for it in range(0, 24, 6)), _LOST], ids=lambda it: f"{it[0]}")
def test_all_invariants_hold(seeds: Sequence[int]) -> None:
    """These 26 are part of the fast tests; `make simulate` has any number."""
    failed = {seed: found for seed in seeds if (found := simulate(seed).faults)}
    assert failed == {}, "see one again with: make simulate SEED=…"


def test_without_faults_every_job_ends_soon() -> None:
    outcome = simulate(0, Plan(jobs=4))
    assert outcome.faults == []
    assert outcome.runs_again == 0
    assert {"completed", "rejected"} <= {*outcome.ends}
    assert outcome.lasted_s < 60


def test_a_seed_gives_the_same_log_to_the_byte() -> None:
    first, second = simulate(8), simulate(8)
    assert (first.log, first.steps, first.digest) == (second.log, second.steps, second.digest)
    assert first.digest != simulate(9).digest


@pytest.mark.parametrize("seed", [1])
def test_a_seed_gives_the_same_log_in_another_process(seed: int) -> None:
    """Also where texts have other hashes: no order depends on that of a set."""
    code = f"from queuebit_simulation.run import simulate; print(simulate({seed}).digest)"
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True, text=True)
    assert ended.stdout.split() == [simulate(seed).digest]

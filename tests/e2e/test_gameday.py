"""Game days that need no stack of their own, on the one of all tests."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from queuebit_gameday.catalog import DAYS
from queuebit_gameday.score import Score
from queuebit_gameday.scratch import Operator
from queuebit_kernel import SystemClock
from queuebit_stack.home import Home
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]


@pytest.mark.parametrize("name", ["data-leak-attempt"])
def test_every_check_passes(stack: EmbeddedStack, tmp_path: Path, name: str) -> None:
    score = Score(SystemClock(), time.sleep)
    DAYS[name].play(Operator(Home(stack.home), tmp_path), score)
    assert [it for it in score.checks if not it.passed] == []
    assert {it.stage for it in score.checks} == {"before", "detection", "containment", "repair"}

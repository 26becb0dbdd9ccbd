"""Plays a game day: from its name to its score."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from queuebit_gameday.catalog import Day
from queuebit_gameday.score import Check, Score
from queuebit_gameday.scratch import ScratchStack
from queuebit_kernel import SystemClock

__all__ = ["play"]


def play(day: Day, folder: Path, report: Callable[[Check], None]) -> Score:
    """Start a scratch stack in an empty folder, do one fault, and stop the stack.

    Args:
        day: what is done.
        folder: where the home of the stack is made; it stays.
        report: called after each check.

    Raises:
        RuntimeError: the stack did not start, or a step of the day could not be done.
    """
    score = Score(SystemClock(), time.sleep, report)
    stack = ScratchStack(folder, day.objectives)
    day.prepare(stack)
    with stack:
        day.play(stack, score)
    return score

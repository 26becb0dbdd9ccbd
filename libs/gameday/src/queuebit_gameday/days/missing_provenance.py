"""Jobs get no receipt, because the service provenance hangs."""

from __future__ import annotations

from typing import Final

from queuebit_gameday.days import BELL, not_ready, ready
from queuebit_gameday.score import Score
from queuebit_gameday.scratch import Operator

__all__ = ["play"]

_JOBS: Final = 25
"""More than an objective needs before it says anything."""


def play(stack: Operator, score: Score) -> None:
    """Let provenance hang while jobs end, then end it: its supervisor starts it again."""
    hung = stack.freeze("provenance")
    score.injected()
    jobs = _submitted(stack)
    score.check("containment", "jobs still end, with results", len(jobs) == _JOBS, f"{len(jobs)} completed")
    score.wait("detection", "`qb status` says that provenance is not ready", lambda: not_ready(stack, "provenance"), 60)
    score.wait(
        "detection",
        "the alert of provenance-completeness fires",
        lambda: stack.firing(objective="provenance-completeness"),
        180,
    )
    stack.kill(hung)
    score.wait("repair", "provenance is ready again", lambda: ready(stack), 90)

    def sealed() -> str | None:
        rows = stack.ask("sql", "SELECT count() AS n FROM jobs WHERE NOT sealed") or [{"n": 1}]
        return None if int(rows[0]["n"]) else "no job without a receipt"

    score.wait("repair", "every job has its receipt", sealed, 60)
    score.check("repair", "`qb verify` finds every invariant, I4 among them", stack.is_verified())


def _submitted(stack: Operator) -> list[str]:
    """Run jobs in one command; return those that completed."""
    file = stack.home.root / "gameday.qasm"
    file.write_text(BELL, encoding="utf-8")
    stack.run("submit", *[str(file)] * _JOBS, "--shots", "10")

    def states() -> list[str]:
        rows = stack.ask("jobs", "--limit", "100") or ()
        return [str(it["job"]) for it in rows if it["state"] == "completed"]

    for _ in range(30):
        if len(found := states()) >= _JOBS:
            break
    return found

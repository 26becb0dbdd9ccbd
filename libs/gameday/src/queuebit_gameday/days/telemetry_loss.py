"""The warehouse gets no events, because the service telemetry hangs."""

from __future__ import annotations

from typing import Final

from queuebit_gameday.days import BELL, completed, not_ready, ready
from queuebit_gameday.score import Score
from queuebit_gameday.scratch import Operator

__all__ = ["play"]

_JOBS: Final = 3


def play(stack: Operator, score: Score) -> None:
    """Let telemetry hang while jobs end, then end it: its supervisor starts it again."""
    hung = stack.freeze("telemetry")
    score.injected()
    jobs = completed([it for _ in range(_JOBS) for it in stack.submit(BELL)])
    score.check("containment", "jobs end, with results, bills and receipts", jobs is not None, jobs or "none")
    score.wait("detection", "`qb status` says that telemetry is not ready", lambda: not_ready(stack, "telemetry"), 60)

    def unmeasured() -> str | None:
        status = stack.ask("status") or {}
        found = [it for it in status.get("troubles", ()) if "stay as they are" in it]
        return found[0][:80] if found else None

    score.wait("detection", "`qb status` says that objectives are not measured", unmeasured, 90)
    score.check("containment", "no alert fires about what was not measured", stack.firing() is None)
    stack.kill(hung)
    score.wait("repair", "telemetry is ready again", lambda: ready(stack), 90)

    def complete() -> str | None:
        return "the warehouse has every event" if stack.is_verified() else None

    score.wait("repair", "`qb verify` finds every invariant, I5 among them", complete, 60)

"""No job gets a place, because the scheduler hangs."""

from __future__ import annotations

import json
from typing import Final

from queuebit_gameday.days import BELL, completed, not_ready, ready, state_of
from queuebit_gameday.score import Score
from queuebit_gameday.scratch import Operator

__all__ = ["play"]

_SCHEDULER: Final = "scheduler"
_JOBS: Final = 4


def play(stack: Operator, score: Score) -> None:
    """Let the scheduler hang while users submit, then end it: its supervisor starts it again."""
    first = completed(stack.submit(BELL, "--backend", "aer"))
    if not score.check("before", "a job completed", first is not None):
        return
    hung = stack.freeze(_SCHEDULER)
    score.injected()
    file = stack.home.root / "gameday.qasm"
    sent = [stack.qb("submit", str(file), "--shots", "100", "--backend", "aer", "--json") for _ in range(_JOBS)]
    jobs = [str(json.loads(it.splitlines()[0])["job"]) for it in sent]
    score.wait(
        "detection", "`qb status` says that the scheduler is not ready", lambda: not_ready(stack, _SCHEDULER), 60
    )

    def unmeasured() -> str | None:
        troubles = (stack.ask("status") or {}).get("troubles", ())
        return next((it[:80] for it in troubles if "alerting" in it or "liveness" in it), None)

    score.wait("detection", "`qb status` says that it is not known which backends answer", unmeasured, 90)
    states = {state_of(stack, it) for it in jobs}
    score.check("containment", "jobs are accepted, and none is lost or refused", states == {"accepted"}, str(states))
    score.check("containment", "no backend counts as down", stack.firing(alertname="BackendDown") is None)
    stack.kill(hung)
    score.wait("repair", "the scheduler is ready again", lambda: ready(stack), 90)

    def all_completed() -> str | None:
        return f"{_JOBS} completed" if {state_of(stack, it) for it in jobs} == {"completed"} else None

    score.wait("repair", "all jobs that waited complete", all_completed, 90)
    runs = stack.sql(
        "SELECT count() AS n FROM events FINAL WHERE type = 'qb.job.completed.v1' "  # noqa: S608
        f"AND job IN ({', '.join(repr(it) for it in jobs)})"
    )
    ran = int(runs[0]["n"]) if runs else 0
    score.check("repair", "each of them ran once", ran == _JOBS, f"{ran} ends of {_JOBS} jobs")
    score.check("repair", "`qb verify` finds every invariant", stack.is_verified())

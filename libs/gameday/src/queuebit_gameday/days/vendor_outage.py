"""A backend hangs, as when its vendor does not answer."""

from __future__ import annotations

import json
from typing import Final

from queuebit_gameday.days import BELL, completed, not_ready, ready
from queuebit_gameday.score import Score
from queuebit_gameday.scratch import Operator

__all__ = ["play"]

_BACKEND: Final = "cirq"
_EXECUTOR: Final = "executor-cirq"


def play(stack: Operator, score: Score) -> None:
    """Let the executor of a backend hang while jobs name it, then end it: its supervisor starts it again."""
    first = completed(stack.submit(BELL, "--backend", _BACKEND))
    if not score.check("before", "a job on the backend completed", first is not None):
        return
    if not score.wait("before", "alerting knows the backends that answer", lambda: _known(stack), 90):
        return
    hung = stack.freeze(_EXECUTOR)
    score.injected()
    score.wait("detection", "`qb status` says that the executor is not ready", lambda: not_ready(stack, _EXECUTOR), 60)
    file = stack.home.root / "gameday.qasm"
    output = stack.qb("submit", str(file), "--shots", "100", "--backend", _BACKEND, "--json")
    job = str(json.loads(output.splitlines()[0])["job"])
    score.wait("containment", "a job that names the backend waits, and says why", lambda: _waits(stack, job), 60)
    elsewhere = completed(stack.submit(BELL, "--backend", "aer"))
    score.check("containment", "a job on another backend completes", elsewhere is not None, elsewhere or "none")
    score.wait("detection", "the alert BackendDown pages", lambda: _alert(stack, severity="page"), 180)
    stack.kill(hung)
    score.wait("repair", "the executor is ready again", lambda: ready(stack), 90)

    def done() -> str | None:
        state = (stack.ask("job", "show", job) or {}).get("state")
        return "completed" if state == "completed" else None

    score.wait("repair", "the job that waited completes", done, 120)
    score.wait("repair", "the alert is resolved", lambda: None if _alert(stack) else "nothing fires", 240)
    score.check("repair", "`qb verify` finds every invariant", stack.is_verified())


def _known(stack: Operator) -> str | None:
    """How many backends answered since alerting started: what never answered is no outage."""
    wanted = len(stack.ask("backends") or ())
    found = int(stack.detail("alerting").get("backends", 0))
    return f"{found} backends" if found >= wanted > 0 else None


def _alert(stack: Operator, **labels: str) -> str | None:
    return stack.firing(alertname="BackendDown", backend=_BACKEND, **labels)


def _waits(stack: Operator, job: str) -> str | None:
    shown = stack.ask("job", "show", job) or {}
    return str(shown["waiting"])[:80] if shown.get("waiting") else None

"""A tenant fills the queue of a backend with long jobs."""

from __future__ import annotations

import json
import time
from typing import Final

from queuebit_gameday.days import BELL, completed, state_of
from queuebit_gameday.score import Score
from queuebit_gameday.scratch import Operator

__all__ = ["play"]

_LOUD, _QUIET = "loud", "quiet"
_JOBS: Final = 12
_QUBITS: Final = 22
_LAYERS: Final = 10
_SOON_S: Final = 60.0
"""Within which a short job of another tenant is to complete, on a small machine that others use, too."""


def play(stack: Operator, score: Score) -> None:
    """Submit a dozen long jobs as one tenant, and a short one as another; then limit the first."""
    for name in (_LOUD, _QUIET):
        stack.qb("tenant", "add", name, "--budget", "50")
    first = completed(stack.submit(BELL, "--tenant", _QUIET, "--backend", "aer"))
    if not score.check("before", "a job of the other tenant completed", first is not None):
        return
    file = stack.home.root / "long.qasm"
    file.write_text(_long(), encoding="utf-8")
    score.injected()
    jobs = [_send(stack, str(file)) for _ in range(_JOBS)]
    score.wait("detection", "a job of the loud tenant waits, and says why", lambda: _waits(stack, jobs[-1]), 60)
    began = time.monotonic()
    done = completed(stack.submit(BELL, "--tenant", _QUIET, "--backend", "aer"))
    took, left = time.monotonic() - began, sum(_state(stack, it) in ("accepted", "placed", "started") for it in jobs)
    said = f"{took:.1f} s, while {left} long jobs wait or run"
    score.check("containment", "a short job of another tenant completes soon", bool(done) and took < _SOON_S, said)
    score.check("containment", "it did not wait for the queue of the loud one", bool(done) and left > 1, said)
    stack.qb("tenant", "limit", _LOUD, "--max-active-jobs", "1")
    kept = [it["state"] for it in stack.submit(BELL, "--tenant", _LOUD, "--backend", "aer")]
    score.check(
        "containment", "with a limit, more jobs of the loud tenant are refused", kept == ["rejected"], str(kept)
    )
    for it in jobs:
        stack.run("job", "cancel", it, "--tenant", _LOUD)

    def over() -> str | None:
        return "none waits or runs" if all(_state(stack, it) in ("completed", "cancelled") for it in jobs) else None

    score.wait("repair", "the queue is empty", over, 120)
    again = completed(stack.submit(BELL, "--tenant", _QUIET, "--backend", "aer"))
    score.check("repair", "a job of the other tenant completes", again is not None, again or "none")
    score.check("repair", "`qb verify` finds every invariant", stack.is_verified())


def _long() -> str:
    """A circuit that a simulator needs seconds for."""
    pairs = "".join(f"cx q[{it}], q[{it + 1}];\n" for it in range(_QUBITS - 1))
    layer = "".join(f"rx(0.3) q[{it}];\n" for it in range(_QUBITS)) + pairs
    return (
        f'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[{_QUBITS}] q;\nbit[{_QUBITS}] c;\n'
        f"{layer * _LAYERS}c = measure q;\n"
    )


def _send(stack: Operator, file: str) -> str:
    output = stack.qb("submit", file, "--shots", "100", "--tenant", _LOUD, "--backend", "aer", "--json")
    return str(json.loads(output.splitlines()[0])["job"])


def _waits(stack: Operator, job: str) -> str | None:
    shown = stack.ask("job", "show", job, "--tenant", _LOUD) or {}
    return str(shown["waiting"])[:80] if shown.get("waiting") else None


def _state(stack: Operator, job: str) -> str:
    return state_of(stack, job, "--tenant", _LOUD)

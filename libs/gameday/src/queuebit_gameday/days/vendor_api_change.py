"""A vendor changes the names in its answers, and says so nowhere."""

from __future__ import annotations

from typing import Final

from queuebit_gameday.days import BELL, completed, vendor_of
from queuebit_gameday.score import Score
from queuebit_gameday.scratch import Operator
from queuebit_gameday.vendor import DEVICE, VENDOR, install, use

__all__ = ["play", "prepare"]

_JOBS: Final = 4
_MORE: Final = 18
"""Further jobs: the objective is not judged with less than twenty."""


def prepare(stack: Operator) -> None:
    """Give the stack a device of the vendor."""
    use(stack)


def play(stack: Operator, score: Score) -> None:
    """Let the vendor answer in another shape, then install a plugin that knows it."""
    vendor = vendor_of(stack)
    first = completed(stack.submit(BELL, "--backend", DEVICE))
    if not score.check("before", "a job at the vendor completed", first is not None):
        return
    vendor.shape = "2"
    score.injected()
    failed = [it for _ in range(_JOBS) for it in stack.submit(BELL, "--backend", DEVICE)]
    states = {str(it["state"]) for it in failed}
    score.check(
        "containment", "jobs at the vendor fail, and none has a wrong result", states == {"failed"}, str(states)
    )
    jobs = [str(it["job"]) for it in failed]
    file = stack.home.root / "gameday.qasm"
    for _ in range(_MORE):
        stack.qb("submit", str(file), "--shots", "100", "--backend", DEVICE)
    score.wait(
        "detection",
        "the reason of a job says that the answer has another shape",
        lambda: _unknown_shape(stack, jobs[0]),
        30,
    )
    score.wait("containment", "what the vendor did not run is charged to no one", lambda: _uncharged(stack, jobs), 60)
    elsewhere = completed(stack.submit(BELL, "--backend", "aer"))
    score.check("containment", "a job on another backend completes", elsewhere is not None, elsewhere or "none")
    score.wait(
        "detection",
        "the ticket VendorErrors names the vendor",
        lambda: stack.firing(alertname="VendorErrors", vendor=VENDOR),
        180,
    )
    install(stack.plugins, "2.0", "2")
    score.wait(
        "repair",
        "with a plugin that knows the new shape, jobs complete",
        lambda: completed(stack.submit(BELL, "--backend", DEVICE)),
        120,
    )
    score.check("repair", "`qb verify` finds every invariant", stack.is_verified())


def _unknown_shape(stack: Operator, job: str) -> str | None:
    shown = stack.ask("job", "show", job) or {}
    return "vendor_failed: unknown shape" if "unknown way" in str(shown.get("reason") or shown) else None


def _uncharged(stack: Operator, jobs: list[str]) -> str | None:
    rows = stack.sql(
        "SELECT count() AS n, toString(sum(charge)) AS charged FROM events FINAL WHERE type = 'qb.job.metered.v1' "  # noqa: S608
        f"AND job IN ({', '.join(repr(it) for it in jobs)})"
    )
    known = rows and int(rows[0]["n"]) == len(jobs)
    return f"{len(jobs)} jobs, charged {rows[0]['charged']}" if known and float(rows[0]["charged"]) == 0 else None

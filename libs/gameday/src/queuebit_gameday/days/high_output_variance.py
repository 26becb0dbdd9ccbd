"""Equal runs of a device give different results."""

from __future__ import annotations

import random
from typing import Final

from queuebit_gameday.days import BELL, completed, incident, probe_passes, vendor_of
from queuebit_gameday.score import Score
from queuebit_gameday.scratch import Operator
from queuebit_gameday.vendor import DEVICE, use

__all__ = ["play", "prepare"]

_JOBS: Final = 6
_PROBES: Final = f"""\
[probe.ghz]
circuit = "ghz"
backends = ["{DEVICE}"]
every_minutes = 1
shots = 2000
floor = 0.95
max_cost = "5.00"
"""


def prepare(stack: Operator) -> None:
    """Give the stack a device of a vendor, and a probe of it."""
    use(stack)
    stack.qb("probe", "setup", "--budget", "500")
    stack.home.probes_file.write_text(_PROBES, encoding="utf-8")


def play(stack: Operator, score: Score) -> None:
    """Let up to seven tenths of the shots of a run be noise, another share in each run, and end that."""
    vendor = vendor_of(stack)
    first = completed([it for _ in range(_JOBS) for it in stack.submit(BELL, "--backend", DEVICE, shots=2000)])
    if not score.check("before", "equal jobs on the device completed", first is not None):
        return
    if not score.wait("before", "their results vary no more than shot noise", lambda: _varies(stack, above=False), 60):
        return
    vendor.noise = lambda: random.uniform(0, 0.7)
    score.injected()
    again = completed([it for _ in range(_JOBS) for it in stack.submit(BELL, "--backend", DEVICE, shots=2000)])
    score.check("before", "the same jobs complete, without an error", again is not None)
    score.wait("detection", "the view sli_variance is above its limit", lambda: _varies(stack, above=True), 60)
    score.wait(
        "detection",
        "two bad probes in a row page",
        lambda: stack.firing(alertname="ProbeFailing", severity="page", backend=DEVICE),
        600,
    )
    score.wait(
        "detection",
        "the ticket OutputVariance names the device",
        lambda: stack.firing(alertname="OutputVariance", severity="ticket", backend=DEVICE),
        400,
    )
    score.wait("detection", "an incident is open", lambda: incident(stack), 30)
    stack.qb("tenant", "limit", "demo", "playground", "--backends", "aer")
    kept = [it["state"] for it in stack.submit(BELL, "--backend", DEVICE)]
    score.check("containment", "jobs of users on the device are refused", kept == ["rejected"], ", ".join(kept))
    elsewhere = completed(stack.submit(BELL))
    score.check("containment", "jobs of users complete elsewhere", elsewhere is not None, elsewhere or "none")
    vendor.noise = lambda: 0.0
    score.wait("repair", "the command of the runbook ends with 0", lambda: probe_passes(stack, DEVICE), 120)
    score.wait("repair", "the page ends", lambda: None if _pages(stack) else "nothing pages", 150)
    score.check("repair", "`qb verify` finds every invariant", stack.is_verified())


def _pages(stack: Operator) -> str | None:
    return stack.firing(alertname="ProbeFailing", backend=DEVICE)


def _varies(stack: Operator, *, above: bool) -> str | None:
    """How much equal runs of a user differ beyond shot noise, relative, if that is above the limit or is not."""
    query = f"SELECT good, value, jobs FROM sli_variance WHERE backend = '{DEVICE}' AND tenant = 'demo'"  # noqa: S608
    rows = [it for it in stack.sql(query) if bool(int(it["good"])) is not above]
    return f"{float(rows[0]['value']):.3f} in {rows[0]['jobs']} jobs, limit 0.05" if rows else None

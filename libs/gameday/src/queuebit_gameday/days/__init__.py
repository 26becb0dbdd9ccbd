"""One module for each fault."""

from __future__ import annotations

from typing import Final

from queuebit_gameday.scratch import Operator
from queuebit_gameday.vendor import Vendor

__all__ = ["BELL", "completed", "incident", "not_ready", "probe_passes", "ready", "state_of", "vendor_of"]

BELL: Final = """\
OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] c;
h q[0];
cx q[0], q[1];
c = measure q;
"""


def completed(jobs: list[dict[str, object]]) -> str | None:
    """A few words if all jobs completed, and there is at least one; else None."""
    return f"{len(jobs)} completed" if jobs and all(it["state"] == "completed" for it in jobs) else None


def state_of(stack: Operator, job: str, *user: str) -> str:
    """The state of a job; `None` as text if it cannot be shown. `user` is words such as `--tenant`, `acme`."""
    return str((stack.ask("job", "show", job, *user) or {}).get("state"))


def not_ready(stack: Operator, name: str) -> str | None:
    """What `qb status` says about a service that is not ready; None if it is ready."""
    status = stack.ask("status") or {"services": []}
    found = [it for it in status["services"] if it["service"] == name]
    return None if not found or found[0].get("ready") else f"{name}: not ready"


def ready(stack: Operator) -> str | None:
    """Whether the whole stack is ready."""
    status = stack.ask("status") or {}
    return "all services are ready" if status.get("ready") else None


def incident(stack: Operator) -> str | None:
    """The newest open incident; None if there is none."""
    found = stack.ask("incident", "list") or ()
    return f"incident {found[0]['incident']}" if found else None


def vendor_of(stack: Operator) -> Vendor:
    """The vendor that `prepare` started."""
    if stack.vendor is None:
        raise RuntimeError("the day was not prepared: it has no vendor")
    return stack.vendor


def probe_passes(stack: Operator, backend: str) -> str | None:
    """Run the command of the runbook about probes now; None if it does not end with 0."""
    done = stack.run("probe", "run", "--backend", backend)
    return "the probe passes" if done.returncode == 0 else None

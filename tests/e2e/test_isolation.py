"""A backend that a person isolates gets no job until it is readmitted, and the log proves it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from queuebit_testing.embedded import EmbeddedStack

pytestmark = pytest.mark.stack

BACKEND = "emulated-ibm-manila"


@pytest.fixture
def isolated(stack: EmbeddedStack) -> Iterator[str]:
    stack.qb("backend", "isolate", BACKEND, "--reason", "its cryostat is being serviced", "--by", "ada")
    yield BACKEND
    stack.run("backend", "readmit", BACKEND, "--reason", "the end of the test")


def state(stack: EmbeddedStack, job: str, tenant: str) -> str:
    return str(stack.ask("job", "show", job, "--tenant", tenant)["state"])


def test_an_isolated_backend_gets_no_job_until_it_is_readmitted(
    stack: EmbeddedStack, tenant: str, circuits: Path, isolated: str
) -> None:
    bell = (str(circuits / "bell.qasm"), "--tenant", tenant)
    waiting = stack.ask("submit", *bell, "--backend", isolated)["job"]
    while state(stack, waiting, tenant) == "submitted":
        time.sleep(0.1)  # the test's own time limit ends this
    planned = next(it for it in stack.ask("plan", *bell) if it["backend"] == isolated)
    assert (planned["fits"], "cryostat" in planned["reason"]) == (False, True)
    row = next(it for it in stack.ask("backend", "status") if it["backend"] == isolated)
    assert (row["state"], row["by"]) == ("isolated", "operator: ada")
    shown = next(it for it in stack.ask("backends") if it["backend"] == isolated)
    assert shown["isolated_reason"] == "its cryostat is being serviced"
    (elsewhere,) = stack.submit(*bell)
    assert (elsewhere["state"], elsewhere["backend"]) == ("completed", "aer")
    assert state(stack, waiting, tenant) == "accepted", "a job that came later has run"
    stack.qb("backend", "readmit", isolated, "--reason", "serviced")
    assert stack.run("job", "watch", waiting, "--tenant", tenant).returncode == 0
    found = {verdict["invariant"]: verdict for verdict in stack.ask("verify", accept=(0, 1))}
    assert (found["I7"]["holds"], len(found["I7"]["notes"])) == (True, 1)


def test_orders_that_change_nothing_are_refused(stack: EmbeddedStack) -> None:
    for order in (("readmit", BACKEND), ("isolate", "no-such-backend")):
        refused = stack.run("backend", *order, "--reason", "a test")
        assert refused.returncode == 3, refused.stdout

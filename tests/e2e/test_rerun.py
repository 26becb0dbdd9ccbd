"""A job is run again: it costs money of its own, and names the job whose work it repeats."""

import json
from pathlib import Path

import pytest

from queuebit_testing.embedded import EmbeddedStack

pytestmark = pytest.mark.stack


def test_a_job_runs_again_within_the_budget_and_only_once(stack: EmbeddedStack, tenant: str, circuits: Path) -> None:
    (first,) = stack.submit(str(circuits / "bell.qasm"), "--shots", "100", "--tenant", tenant)
    again = json.loads(stack.qb("job", "rerun", first["job"], "--tenant", tenant, "--json"))
    assert again["rerun_of"] == first["job"]
    assert json.loads(stack.qb("job", "rerun", first["job"], "--tenant", tenant, "--json")) == again
    result = stack.ask("job", "result", again["job"], "--tenant", tenant, "--timeout", "60")
    assert sum(result["counts"].values()) == 100
    shown = stack.qb("job", "show", again["job"], "--tenant", tenant)
    assert f"runs {first['job']} again" in " ".join(shown.split())
    assert len(json.loads(stack.qb("jobs", "--tenant", tenant, "--json"))) == 2

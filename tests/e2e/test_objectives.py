"""What a job prefers of its backends: said at its submission or by its project, explained, and found in the proof."""

from __future__ import annotations

from pathlib import Path

import pytest

from queuebit_testing.embedded import EmbeddedStack

pytestmark = pytest.mark.stack


def test_a_job_runs_where_its_objective_or_that_of_its_project_says(
    stack: EmbeddedStack, tenant: str, circuits: Path
) -> None:
    bell = (str(circuits / "bell.qasm"), "--tenant", tenant)
    refused = stack.run("submit", *bell, "--objective", "beauty", "--wait")
    assert refused.returncode == 3
    assert "cost, time, fidelity" in refused.stdout
    devices = [row for row in stack.ask("plan", *bell) if row["backend"].startswith("emulated-")]
    best = max(devices, key=lambda row: row["esp_ppm"])["backend"]
    stack.qb("tenant", "limit", tenant, "main", "--default-kind", "emulated", "--objective", "balanced")
    (by_job,) = stack.submit(*bell, "--objective", "fidelity")
    (by_project,) = stack.submit(*bell)
    assert (by_job["state"], by_project["state"]) == ("completed", "completed")
    decisions = [stack.ask("job", "explain", it["job"], "--tenant", tenant)[0] for it in (by_job, by_project)]
    assert [it["objective"] for it in decisions] == ["fidelity", "balanced"]
    assert (decisions[0]["backend"], decisions[0]["rule"]) == (best, "success")
    found = {verdict["invariant"]: verdict for verdict in stack.ask("verify", accept=(0, 1))}
    jobs = {by_job["job"], by_project["job"]}
    assert not [it for it in found["I6"]["findings"] if any(job in it["subject"] for job in jobs)]

"""The same key and content is the same job, also if it is submitted repeatedly or concurrently."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from queuebit import Client, Conflict
from queuebit.credentials import find
from queuebit_kernel import job_id
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]


def test_a_repeat_is_the_first_job_and_other_content_a_conflict(
    stack: EmbeddedStack, tenant: str, circuits: Path
) -> None:
    words = (str(circuits / "bell.qasm"), "--tenant", tenant, "--key", "monday")
    first, again = stack.submit(*words)[0], stack.submit(*words)[0]
    assert first == again
    assert first["job"] == job_id(tenant, "monday")
    for other in (["--shots", "7"], ["--backend", "cirq"], ["--max-cost", "3"], ["--purpose", "another"]):
        (refused,) = stack.submit(*words, *other, accept=(3,))
        assert (refused["state"], refused["reasons"][0]["code"]) == ("refused", "conflict")
        assert "use a new key" in refused["reasons"][0]["text"]
    (charged,) = stack.ask("charges", "--tenant", tenant)
    assert (charged["jobs"], Decimal(charged["amount"])) == (1, Decimal(first["charge"]["amount"]))


def test_two_concurrent_processes_submit_one_job(stack: EmbeddedStack, tenant: str, circuits: Path) -> None:
    argv = stack.argv("submit", str(circuits / "bell.qasm"), "--tenant", tenant, "--key", "race", "--wait", "--json")
    racing = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    output = [json.loads(it.communicate(timeout=60)[0]) for it in racing]
    assert [it.returncode for it in racing] == [0, 0, 0]
    assert output[0] == output[1] == output[2]
    assert stack.ask("charges", "--tenant", tenant)[0]["jobs"] == 1


def test_many_concurrent_clients_submit_one_job_or_get_a_conflict(stack: EmbeddedStack, tenant: str) -> None:
    def ask(number: int) -> str | None:
        with Client(find(stack.home, tenant)) as client:
            try:
                job = client.submit(BELL, shots=100 + number % 2, key="race", purpose="one or the other")
            except Conflict:
                return None
            assert sum(job.result(timeout=60).counts.values()) == job.status().shots
            return job.id

    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(ask, range(8)))
    assert set(jobs) == {job_id(tenant, "race"), None}
    assert jobs.count(None) == 4
    assert stack.ask("charges", "--tenant", tenant)[0]["jobs"] == 1
    times = stack.ask(
        "sql", f"SELECT type, count() AS n FROM events WHERE tenant = '{tenant}' AND job != '' GROUP BY 1"
    )
    assert {int(row["n"]) for row in times} == {1}

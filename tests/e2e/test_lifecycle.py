"""`qb up` and `qb down`: data stays, running work is finished, and nothing else changes."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest

from queuebit import Client
from queuebit.credentials import find
from queuebit_stack.ports import DEFAULTS
from queuebit_stack.process import Identity
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]


def _pids(stack: EmbeddedStack) -> dict[str, int | None]:
    return {name: stack.pid(name) for name in stack.names()}


def test_two_stacks_live_side_by_side(stack: EmbeddedStack, second: EmbeddedStack, circuits: Path) -> None:
    jobs = [it.submit(str(circuits / "bell.qasm"), "--key", "side by side")[0] for it in (stack, second)]
    assert jobs[0]["job"] == jobs[1]["job"], "the same key of the same tenant, on two platforms"
    assert jobs[0]["receipt"]["statement"] != jobs[1]["receipt"]["statement"]
    addresses = [{it.listens(name) for name in it.names()} for it in (stack, second)]
    assert not addresses[0] & addresses[1]
    assert not set(_pids(stack).values()) & set(_pids(second).values())


def test_a_second_up_changes_nothing(stack: EmbeddedStack) -> None:
    before = _pids(stack)
    output = stack.ask("up", "--detach")
    assert (output["already"], output["state"]) == (True, "up")
    assert {row["service"]: row["listens"] for row in output["services"]} == {it: stack.listens(it) for it in before}
    assert _pids(stack) == before


def test_a_taken_port_is_named_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.socket() as other:
        port = DEFAULTS["telemetry"]
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # another process may have it already, which is as good
            other.bind(("127.0.0.1", port))
            other.listen()
        new = EmbeddedStack(tmp_path / "home")
        refused = new.run("up", "--detach")
    assert refused.returncode == 4
    assert f"port {port} (telemetry) is taken by process" in refused.stderr
    assert "--ports auto" in refused.stderr
    assert "nothing is running" in new.qb("down")
    assert not (new.home / "stack.json").exists()


def test_jobs_submitted_while_services_were_down_are_finished(second: EmbeddedStack) -> None:
    gone = ("broker", "scheduler", "executor-aer", "metering", "provenance")
    before = [second.pid(service) for service in gone]
    with Client(find(second.home)) as client:
        assert all(second.kill(service) for service in gone)
        jobs = [client.submit(BELL, shots=100, backend="aer") for _ in gone]
        for job in jobs:
            assert sum(job.result(timeout=60).counts.values()) == 100
            assert job.receipt(timeout=60).verify(second.home / "trust.json")
    second.until(ready=True)
    assert not set(before) & {second.pid(service) for service in gone}


def test_down_and_up_keep_everything(second: EmbeddedStack, poisoned: set[str], circuits: Path) -> None:
    words = (str(circuits / "ghz5.qasm"), "--key", "before the night")
    (output,) = second.submit(*words)
    while not all(row["ended_at"] and row["sealed"] for row in second.ask("jobs")):
        time.sleep(0.2)  # those of other tests, too; the test's own time limit ends this
    before = {question: second.ask(question) for question in ("jobs", "charges", "backends")}
    pids = _pids(second)
    stopped = second.ask("down")["stopped"]
    try:
        assert set(stopped) == pids.keys()
        left = [pid for pid in pids.values() if pid is not None and Identity.of(pid)]  # a zombie has ended, too
        assert left == []
        for command in (["submit", words[0]], ["jobs"], ["sql", "SELECT 1"], ["status"], ["verify"]):
            done = second.run(*command)
            assert (done.returncode, "qb up" in done.stdout + done.stderr) == (4, True), command
        assert second.ask("down") == {"stopped": []}
    finally:
        second.qb("up", "--detach", "--ports", "auto")

    after = {question: second.ask(question) for question in before}
    assert [row["backend"] for row in after["backends"]] == [row["backend"] for row in before["backends"]]
    assert (after["jobs"], after["charges"]) == (before["jobs"], before["charges"])
    assert second.submit(*words)[0] == output, "the same key is the same job, with the same receipt"
    assert json.loads(second.qb("receipt", "verify", output["job"], "--json"))["verified"] is True
    for backend in ("aer", "cirq", "emulated-ibm-manila"):
        assert second.submit(str(circuits / "bell.qasm"), "--backend", backend)[0]["state"] == "completed"

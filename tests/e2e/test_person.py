"""The first steps of a new user, with `qb` only."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from decimal import Decimal
from pathlib import Path

import pytest

from queuebit_kernel import job_id
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

PROMISED = {"job", "state", "backend", "shots", "counts", "charge", "receipt", "reasons"}


def test_a_first_submission_needs_no_set_up_and_tells_all(stack: EmbeddedStack, circuits: Path) -> None:
    (printed,) = stack.submit(str(circuits / "bell.qasm"), "--shots", "500")
    assert set(printed) >= PROMISED
    assert (printed["state"], printed["shots"], printed["reasons"]) == ("completed", 500, [])
    assert set(printed["counts"]) <= {"00", "11"}
    assert sum(printed["counts"].values()) == 500
    assert printed["charge"].keys() == {"amount", "currency"}
    assert printed["receipt"]["verified"] is True


def test_the_charge_of_a_job_is_what_the_project_is_charged(stack: EmbeddedStack, tenant: str, circuits: Path) -> None:
    assert stack.ask("charges", "--tenant", tenant) == []
    names = ["bell.qasm", "teleport.qasm", "w3.qasm"]  # the second is OpenQASM 3
    jobs = stack.submit(*(str(circuits / name) for name in names), "--tenant", tenant, "--backend", "aer")
    assert [Path(it["file"]).name for it in jobs] == names
    assert {it["state"] for it in jobs} == {"completed"}
    (charged,) = stack.ask("charges", "--tenant", tenant)
    assert charged["jobs"] == 3
    assert Decimal(charged["amount"]) == sum(Decimal(it["charge"]["amount"]) for it in jobs)
    plan = {row["backend"]: row for row in stack.ask("plan", str(circuits / "bell.qasm"), "--tenant", tenant)}
    assert Decimal(plan["aer"]["cost"]) >= Decimal(jobs[0]["charge"]["amount"])
    assert plan.keys() == {row["backend"] for row in stack.ask("backends")}


def test_a_wait_that_ends_early_tells_counts_or_that_there_are_none(stack: EmbeddedStack, circuits: Path) -> None:
    for seconds in ("0", "0.014", "0.05", "0.2"):
        words = ("submit", str(circuits / "bell.qasm"), "--backend", "aer", "--wait", "--json", "--timeout", seconds)
        done = stack.run(*words)
        printed = json.loads(done.stdout)
        assert (printed["state"] == "completed") is (printed["counts"] is not None) is (done.returncode == 0), printed
        assert bool(printed["reasons"]) is (printed["state"] != "completed"), printed


def test_readiness_finds_out_all_that_it_judges(stack: EmbeddedStack, circuits: Path) -> None:
    stack.submit(str(circuits / "bell.qasm"))
    for _ in range(40):  # the warehouse gets the receipt a moment later
        found = {it["check"]: it for it in stack.ask("readiness", accept=(1,))["items"]}
        if found["receipts"]["state"] == "ok":
            break
        time.sleep(0.5)
    assert not [name for name, it in found.items() if it["state"] == "unknown"]
    assert found["receipts"]["state"] == "ok", found["receipts"]
    assert found["receivers"]["found"] == "there is none"


def test_a_service_tells_in_its_log_what_it_runs(stack: EmbeddedStack, circuits: Path) -> None:
    (printed,) = stack.submit(str(circuits / "bell.qasm"), "--backend", "aer")
    written = stack.qb("logs", "executor-aer", "-n", "100000")
    assert "executor-aer is ready" in written
    assert f"job {printed['job']} of demo started on aer" in written
    assert f"job {printed['job']} of demo completed on aer" in written
    lines = [json.loads(line) for line in stack.qb("logs", "--json", "-n", "100000").splitlines()]
    assert {"supervisor", "nats-server", "broker"} <= {line["service"] for line in lines}
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)


def test_a_receipt_verifies_offline_and_an_altered_one_does_not(
    stack: EmbeddedStack, circuits: Path, tmp_path: Path
) -> None:
    (printed,) = stack.submit(str(circuits / "ghz5.qasm"))
    receipt, trust = tmp_path / "receipt.json", tmp_path / "trust.json"
    stack.qb("receipt", "get", printed["job"], "--output", str(receipt))
    trust.write_bytes((stack.home / "trust.json").read_bytes())
    offline = EmbeddedStack(tmp_path / "no-stack-here")
    checked = offline.ask("receipt", "verify", str(receipt), "--trust", str(trust))
    assert (checked["verified"], checked["job"]) == (True, printed["job"])
    other = stack.submit(str(circuits / "bell.qasm"))[0]["job"]
    whole = receipt.read_text()
    middle = len(whole) // 2
    for altered in (
        whole.replace(printed["job"], other),
        whole[:middle] + ("B" if whole[middle] == "A" else "A") + whole[middle + 1 :],
    ):
        receipt.write_text(altered)
        refused = offline.run("receipt", "verify", str(receipt), "--trust", str(trust))
        assert (refused.returncode, "not verified" in refused.stderr) == (1, True)


def test_a_job_is_followed_from_its_beginning_to_its_proof(stack: EmbeddedStack, tenant: str, circuits: Path) -> None:
    asked = stack.ask("submit", str(circuits / "bell.qasm"), "--tenant", tenant)
    assert asked["state"] == "submitted"
    job = asked["job"]
    steps = [json.loads(line) for line in stack.qb("job", "watch", job, "--tenant", tenant, "--json").splitlines()]
    assert [it["event"] for it in steps] == [
        *("submitted", "accepted", "placed", "started", "completed", "metered", "sealed")
    ]
    result = stack.ask("job", "result", job[:8], "--tenant", tenant, "--timeout", "10")
    assert sum(result["counts"].values()) == 1000
    shown = stack.qb("job", "show", job, "--tenant", tenant)
    charge = stack.ask("job", "show", job, "--tenant", tenant)["charge"]
    for word in ("completed", charge["amount"], "transparency log"):
        assert word in shown
    too_late = stack.run("job", "cancel", job, "--tenant", tenant)
    assert (too_late.returncode, "completed before it could be cancelled" in too_late.stderr) == (3, True)
    assert job in stack.qb("jobs", "--tenant", tenant)


def test_a_waiting_job_is_cancelled_and_costs_nothing(stack: EmbeddedStack, tenant: str, circuits: Path) -> None:
    executor = stack.pid("executor-cirq")
    assert executor is not None
    os.kill(executor, signal.SIGSTOP)  # the job waits for as long as it has to
    try:
        words = ("submit", str(circuits / "bell.qasm"), "--backend", "cirq", "--key", "k", "--tenant", tenant)
        with subprocess.Popen(stack.argv(*words, "--wait", "--json"), stdout=subprocess.PIPE, text=True) as waiting:
            job = job_id(tenant, "k")
            while stack.run("job", "show", job, "--tenant", tenant).returncode:
                assert waiting.poll() is None
            stopped = stack.ask("job", "cancel", job, "--tenant", tenant, "--reason", "changed my mind")
            assert stopped["state"] == "cancelled"
            printed, _ = waiting.communicate(timeout=30)
        assert waiting.returncode == 1, "no result came"
        assert json.loads(printed)["state"] == "cancelled"
        assert "changed my mind" in json.loads(printed)["reasons"][0]["text"]
        assert Decimal(json.loads(printed)["charge"]["amount"]) == 0
    finally:
        os.kill(executor, signal.SIGCONT)


def test_the_tenants_events_are_reported_as_they_happen(stack: EmbeddedStack, tenant: str, circuits: Path) -> None:
    argv = stack.argv("events", "follow", "--tenant", tenant, "--json")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        number = 0
        jobs = set()
        os.set_blocking(following.stdout.fileno(), False)
        while not (line := following.stdout.readline()):  # until the first one after its subscription
            number += 1
            jobs |= {it["job"] for it in stack.submit(str(circuits / "bell.qasm"), "--tenant", tenant)}
            assert number < 20
        following.terminate()
        following.communicate(timeout=20)
    logged = json.loads(line)
    assert logged["subject"].split(".")[2] == tenant
    assert logged["subject"].split(".")[3] in jobs
    assert logged["event"]["specversion"] == "1.0"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, ["slo"]),
        (0, ["tenant", "list"]),
        (0, ["backends"]),
        (2, ["frobnicate"]),
        (2, ["submit", "no-such-file.qasm"]),
        (2, ["submit", "x.qasm", "--shots", "many"]),
        (2, ["job", "show", "j0000000"]),
        (2, ["jobs", "--tenant", "nobody"]),
        (2, ["submit", __file__, "--tenant", "nobody"]),
        (3, ["tenant", "show", "nobody"]),
        (3, ["sql", "SELECT nonsense"]),
    ],
)
def test_exit_codes_mean_something(stack: EmbeddedStack, code: int, words: list[str]) -> None:
    done = stack.run(*words)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert bool(done.stderr) is bool(code)
    assert "\033" not in done.stdout + done.stderr, "no colours in a pipe"


@pytest.mark.parametrize(("plain", "colours"), [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False)])
def test_colours_are_for_terminals(stack: EmbeddedStack, plain: dict[str, str], colours: bool) -> None:
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | plain
    subprocess.run(stack.argv("backends"), stdout=theirs, env=environment, check=True, timeout=30)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    os.close(theirs)
    assert "emulated-ibm-torino" in shown
    assert ("\033" in shown) is colours

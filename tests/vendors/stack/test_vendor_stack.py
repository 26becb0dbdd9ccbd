"""A vendor's plugin with its own Python in a whole stack: `qb up`, a job, its receipt and bill, and lost executors.

It runs in the environment of the project, which lacks the vendor's SDK; only the executor has it, in `build/vendors`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.vendors.ionq.stub import IonQStub

from queuebit_testing.embedded import EmbeddedStack
from queuebit_testing.stub_vendor import LostReply, Status

pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / "build" / "vendors" / "ionq" / ".venv" / "bin" / "python"
BELL = str(ROOT / "examples" / "circuits" / "bell.qasm")
BACKEND, EXECUTOR = "ionq-simulator", "executor-ionq"
MANY = 1_000_000
PRICE = f"""
[[price]]
id = "ionq-test"
backend = "{BACKEND}"
valid_from = 2026-01-01T00:00:00Z
source = "a test"
as_of = 2026-11-01
confidence = "high"
per_task = "0.25"
per_second = {{ amount = "1.00", quantum = "0.001" }}
"""
"""A job of the stub takes 12 ms."""


@pytest.fixture(scope="module")
def vendor() -> Iterator[IonQStub]:
    with IonQStub() as stub:
        yield stub


@pytest.fixture(scope="module")
def stack(vendor: IonQStub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """A stack with the plugin, and at first without a price for it."""
    folder = tmp_path_factory.mktemp("vendor")
    (folder / "ionq.key").write_text(vendor.secret)
    home = folder / "home"
    with EmbeddedStack(home) as running:
        (home / "backends.toml").write_text(
            f'[stack.ionq]\npython = "{PYTHON}"\npoll_seconds = 0.2\n'
            f'environment = {{ IONQ_API_URL = "{vendor.url}/v0.4", IONQ_API_KEY_FILE = "{folder}/ionq.key", '
            'QUEUEBIT_EXECUTOR_PROFILE_SECONDS = "5" }\n'
        )
        until(lambda: EXECUTOR in running.names())
        running.until(ready=True, seconds=180)
        yield running


@pytest.fixture(scope="module")
def priced(stack: EmbeddedStack) -> EmbeddedStack:
    """The stack with a price for the vendor's backend; checks what was said without it."""
    (row,) = [it for it in stack.ask("plan", BELL) if it["backend"] == BACKEND]
    assert (row["fits"], row.get("cost")) == (False, None)
    assert "has no price that is valid now: the operator adds a [[price]]" in row["reason"]
    (refused,) = stack.submit(BELL, "--backend", BACKEND, accept=(3,))
    assert "[[price]]" in json.dumps(refused)
    with (stack.home / "pricebook.toml").open("a") as book:
        book.write(PRICE)
    stack.qb("down", timeout=300)
    stack.qb("up", "--detach", "--ports", "auto", timeout=300)
    stack.until(ready=True, seconds=180)
    number = 0
    while not _fits(stack, number):  # the first compilation loads the compiler, and may take too long on a busy machine
        number += 1
    return stack


def _fits(stack: EmbeddedStack, number: int) -> bool:
    """Whether the backend compiles a circuit; each number is another circuit, because refusals are remembered."""
    circuit = stack.home.parent / f"warm-{number}.qasm"
    circuit.write_text(Path(BELL).read_text() + f"// {number}\n")
    rows = stack.ask("plan", str(circuit))
    return any(it["fits"] for it in rows if it["backend"] == BACKEND)


def until(condition: Callable[[], object]) -> None:
    while not condition():  # the test's own time limit ends this
        time.sleep(0.1)


def submitted(stack: EmbeddedStack, *words: str) -> str:
    """Submit without waiting; return the id of the job."""
    document: dict[str, Any] = json.loads(stack.qb("submit", BELL, "--backend", BACKEND, *words, "--json"))
    return str(document["job"])


def lost(stack: EmbeddedStack) -> None:
    """Kill the executor, and wait for its successor."""
    before = stack.pid(EXECUTOR)
    assert stack.kill(EXECUTOR)
    until(lambda: stack.pid(EXECUTOR) not in (None, before))


def settled(stack: EmbeddedStack, job: str) -> dict[str, Any]:
    """The job when its bill is settled."""
    while True:  # the test's own time limit ends this
        found: dict[str, Any] = stack.ask("job", "show", job)
        if found["state"] in ("completed", "failed", "cancelled", "rejected") and found.get("charge"):
            return found
        time.sleep(0.2)


def test_a_job_runs_and_has_a_result_a_receipt_and_a_bill(priced: EmbeddedStack, vendor: IonQStub) -> None:
    held = len(vendor.jobs)
    (done,) = priced.submit(BELL, "--backend", BACKEND, "--shots", "500", timeout=300)
    assert (done["state"], done["backend"], sum(done["counts"].values())) == ("completed", BACKEND, 500)
    assert set(done["counts"]) == {"00", "11"}
    assert float(done["charge"]["amount"]) == pytest.approx(0.262), "a task, and 12 ms at 1.00 a second"
    assert len(vendor.jobs) == held + 1
    priced.qb("receipt", "verify", done["job"])


def test_an_executor_that_is_killed_while_the_vendor_runs_loses_nothing(
    priced: EmbeddedStack, vendor: IonQStub
) -> None:
    held, vendor.polls_needed = len(vendor.jobs), MANY
    job = submitted(priced)
    until(lambda: len(vendor.jobs) > held)
    lost(priced)
    vendor.polls_needed = 0
    for it in vendor.jobs.values():
        it.polls = 0
    assert settled(priced, job)["state"] == "completed"
    assert len(vendor.jobs) == held + 1
    priced.qb("receipt", "verify", job)


def test_an_executor_that_is_killed_before_it_records_the_run_submits_it_once(
    priced: EmbeddedStack, vendor: IonQStub
) -> None:
    """The answer to its submission is lost, and nothing else is answered until it is dead."""
    held = len(vendor.jobs)
    vendor.fail(vendor.submits, LostReply(taken=True))
    job = submitted(priced)
    until(lambda: len(vendor.jobs) > held)
    vendor.fail("*", Status(503), MANY)
    lost(priced)
    vendor.heal()
    found = settled(priced, job)
    assert (found["state"], float(found["charge"]["amount"])) == ("completed", pytest.approx(0.262))
    assert len(vendor.jobs) == held + 1


def test_each_job_at_the_vendor_is_billed_once(priced: EmbeddedStack, vendor: IonQStub) -> None:
    """Of all jobs before, those of lost executors too; `verify` compares every bill with its usage and its hold."""
    (charged,) = priced.ask("charges")
    assert (float(charged["amount"]), charged["held"]) == (pytest.approx(0.262 * len(vendor.jobs)), "0.00")
    priced.qb("verify", timeout=300)

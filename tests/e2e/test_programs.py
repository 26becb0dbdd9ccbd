"""Programs of several items: submitted, run, charged and proven as one job."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from pathlib import Path

import pytest

from queuebit import Batch, Client, Item, Sweep
from queuebit.credentials import find
from queuebit_proof import Receipt
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

ROTATION = """OPENQASM 3.0;
include "stdgates.inc";
input float squared;
qubit[2] q;
bit[2] c;
ry(sqrt(squared)) q[0];
cx q[0], q[1];
c = measure q;
"""
FAILING = 7
BINDINGS = [-1.0 if step == FAILING else (step * math.pi / 20) ** 2 for step in range(20)]


def test_a_sweep_with_a_failing_item_completes_with_the_others(
    stack: EmbeddedStack, tenant: str, tmp_path: Path
) -> None:
    """The root of a negative number has no value: only the run detects this, and only this item fails."""
    (tmp_path / "rotation.qasm").write_text(ROTATION)
    (tmp_path / "sweep.json").write_text(json.dumps({"squared": BINDINGS}))
    asked = (str(tmp_path / "rotation.qasm"), "--sweep", str(tmp_path / "sweep.json"), "--shots", "500")
    (job,) = stack.submit(*asked, "--tenant", tenant, "--backend", "aer")
    assert job["state"] == "completed"
    items = job["items"]
    assert [item["state"] for item in items].count("completed") == 19
    failed = items[FAILING]
    assert (failed["state"], failed["reason"]["code"]) == ("failed", "parameter")
    assert failed["reason"]["text"].startswith("line 6, column 4")
    assert items[0]["counts"] == {"00": 500}
    for step, item in enumerate(items):
        if step != FAILING:
            expected = math.sin(step * math.pi / 40) ** 2
            spread = 5 * math.sqrt(expected * (1 - expected) / 500)
            assert abs(item["counts"].get("11", 0) / 500 - expected) <= spread + 1e-9
    assert job["receipt"]["verified"] is True
    assert Decimal(job["charge"]["amount"]) > 0
    completed = json.loads(stack.qb("job", "show", job["job"], "--tenant", tenant, "--json"))
    assert any("19 of 20 items" in step["detail"] for step in completed["steps"])
    shown = stack.qb("job", "result", job["job"], "--tenant", tenant)
    assert len(shown.splitlines()) == 21
    (charged,) = stack.ask("charges", "--tenant", tenant)
    assert Decimal(charged["amount"]) == Decimal(job["charge"]["amount"])


def test_observables_are_estimated_and_billed_for_each_basis(stack: EmbeddedStack, tenant: str) -> None:
    with Client(find(stack.home, tenant)) as client:
        program = Batch(
            [Item(ROTATION, {"squared": 1.0}, ["ZZ", {"XX": 1.0, "ZI": -0.5}]), Item(ROTATION, {"squared": 0})]
        )
        planned = {row["backend"]: row for row in client.plan(program, shots=1_000)}
        job = client.submit(program, shots=1_000, backend="aer")
        result = job.result(timeout=30)
        metered = job.until(["metered"], timeout=30)
    estimated, sampled = result.items
    assert estimated.expectations is not None
    zz, mixed = estimated.expectations
    assert (zz.value, zz.stderr) == (1.0, 0.0)
    assert mixed.stderr is not None
    assert abs(mixed.value - (math.sin(1.0) - 0.5 * math.cos(1.0))) < 5 * mixed.stderr
    assert sampled.counts == {"00": 1_000}
    assert (estimated.shots, sampled.shots) == (2_000, 1_000)
    assert metered.data.usage.shots == 3_000
    assert Decimal(str(planned["aer"]["cost"])) >= Decimal(metered.data.charge.amount) > 0


def test_wrong_parameters_are_refused_before_anything_is_paid(stack: EmbeddedStack, tenant: str) -> None:
    with Client(find(stack.home, tenant)) as client:
        status = client.submit(Sweep(ROTATION, [{}, {"squared": 1, "phi": 2}]), backend="aer").wait(timeout=30)
    assert status.state == "rejected"
    (reason,) = status.reasons
    assert reason.code == "parameter"
    assert reason.text.startswith("item 0: no value is given for squared; item 1: the circuit has no input phi")


def test_options_and_steps_are_in_price_and_receipt(stack: EmbeddedStack, tenant: str, tmp_path: Path) -> None:
    (tmp_path / "bell.qasm").write_text('OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; h q[0]; cx q[0], q[1];')
    steps = ("--post", "readout-mitigation/1", "--post", "zne/1")
    options = ("--optimization-level", "3", "--dynamical-decoupling", "xy4")
    asked = (str(tmp_path / "bell.qasm"), "--observable", "ZZ", "--shots", "1001", "--tenant", tenant)
    device = "emulated-ibm-manila"
    planned = {row["backend"]: row for row in stack.ask("plan", *asked, *options, *steps)}
    plain = {row["backend"]: row for row in stack.ask("plan", *asked)}
    assert "lacks the features dynamical_decoupling, folding, readout_errors" in planned["aer"]["reason"]
    assert planned[device]["fits"], planned[device]["reason"]
    assert int(planned[device]["qpu_us"]) - 2_000_000 > 2.9 * (int(plain[device]["qpu_us"]) - 2_000_000)
    (job,) = stack.submit(*asked, *options, "--twirling", "2", *steps, "--backend", device)
    assert job["state"] == "completed", job
    (item,) = job["items"]
    assert item["shots"] == 3 * 2 * 501
    assert [it["step"] for it in item["post"]] == ["readout-mitigation/1", "zne/1"]
    assert all(0.5 < it["value"] < 1.5 and it["stderr"] for step in item["post"] for it in step["expectations"])
    assert Decimal(job["charge"]["amount"]) <= 2 * Decimal(planned[device]["cost"])
    assert job["receipt"]["verified"] is True
    with Client(find(stack.home, tenant)) as client:
        receipt = Receipt.parse(client.job(job["job"]).receipt(timeout=30).content)
    predicate = json.loads(receipt.logged)["predicate"]
    assert predicate["run"]["post"] == ["readout-mitigation/1", "zne/1"]
    assert predicate["compiled"]["options"] == {
        "optimization_level": 3,
        "dynamical_decoupling": "xy4",
        "twirling": 2,
    }

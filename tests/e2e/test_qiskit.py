"""The Qiskit adapter on a real stack: results, bills, receipts, refusals, cancellations, and jobs found by their id."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager

from queuebit.credentials import find
from queuebit_qiskit import EstimatorV2, JobFailure, JobRefused, QueuebitService, SamplerV2, Session
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

DEVICE = "emulated-ibm-manila"


@pytest.fixture
def service(stack: EmbeddedStack, tenant: str) -> Iterator[QueuebitService]:
    with QueuebitService(find(stack.home, tenant)) as service:
        yield service


def rotation() -> QuantumCircuit:
    """Share of ones in the second bit of `left`: sin²(θ/2); `right` is always 1."""
    circuit = QuantumCircuit(QuantumRegister(3), ClassicalRegister(2, "left"), ClassicalRegister(1, "right"))
    circuit.ry(Parameter("θ"), 0)
    circuit.x(2)
    circuit.measure([0, 2], [1, 2])
    return circuit


def test_a_sweep_is_one_job_with_one_bill_and_another_process_reads_it(
    stack: EmbeddedStack, tenant: str, service: QueuebitService
) -> None:
    angles = np.linspace(0, np.pi, 20)
    with Session(service.backend("aer")):
        sampler = SamplerV2(options={"seed": 1})
        quote = sampler.estimate([(rotation(), angles)], shots=500)
        job = sampler.run([(rotation(), angles), (rotation(), 0.0, 7)], shots=500)
    swept, few = job.result(timeout=60)
    assert few.data.left.get_counts() == {"00": 7}
    for place, angle in enumerate(angles):
        share = np.sin(angle / 2) ** 2
        ones = swept.data.left.get_counts(place).get("10", 0) / 500
        assert abs(ones - share) <= 5 * np.sqrt(share * (1 - share) / 500) + 1e-9
        assert swept.data.right.get_counts(place) == {"1": 500}
    assert quote.cost is not None
    charge, receipt = job.charge(), job.receipt()
    assert charge is not None
    assert 0 < charge.amount <= quote.cost.amount * 2
    assert receipt.verify(stack.home / "trust.json", result=job.queuebit_job.result())
    (shown,) = [it for it in json.loads(stack.qb("jobs", "--tenant", tenant, "--json")) if it["job"] == job.job_id()]
    assert shown["state"] == "completed"
    with QueuebitService(find(stack.home, tenant)) as other:
        again = other.job(job.job_id())
        assert again.result()[0].data.left == swept.data.left
        assert again.charge() == charge
        assert [it.job_id() for it in other.jobs()] == [job.job_id()]


def test_estimates_on_a_device_name_its_calibration(service: QueuebitService) -> None:
    backend = service.backend(DEVICE)
    circuit = QuantumCircuit(2)
    circuit.ry(Parameter("θ"), 0)
    circuit.cx(0, 1)
    isa = generate_preset_pass_manager(2, backend, seed_transpiler=1).run(circuit)
    observables = [[_laid_out(isa, "ZZ")], [_laid_out(isa, "IZ")]]
    job = EstimatorV2(backend, {"seed": 1}).run([(isa, observables, [0.0, 1.0, 2.0])], precision=0.05)
    (found,) = job.result(timeout=60)
    exact = np.array([[1, 1, 1], np.cos([0.0, 1.0, 2.0])])
    assert found.data.evs.shape == (2, 3)
    assert np.all(np.abs(found.data.evs - exact) < 5 * 0.05 + 0.15), "noise of two readouts and a gate"
    assert job.calibration == backend.calibration == service.backend(DEVICE).calibration
    usage = job.queuebit_job.until(("metered",), 30).data.usage
    assert {it.metric: it.quantity for it in usage.measures or ()}.get("shots", str(usage.shots)) == str(400 * 3)


def test_too_expensive_a_call_is_refused_and_costs_nothing(service: QueuebitService) -> None:
    job = SamplerV2(service.backend(DEVICE)).run([(rotation(), [0.0, 1.0])], max_cost="0.01")
    with pytest.raises(JobRefused, match=r"more than the 0\.01 USD it is allowed"):
        job.result(timeout=60)
    assert job.status().name == "ERROR"
    assert [it.code for it in job.reasons()] == ["max_cost_exceeded"]
    assert [it["spent"] for it in service.client.balances()] == ["0.00"]


def test_a_cancelled_job_says_so(stack: EmbeddedStack, service: QueuebitService) -> None:
    del stack
    deep = QuantumCircuit(20, 20)
    for layer in range(60):
        for qubit in range(20):
            deep.ry(0.1 * layer + qubit, qubit)
            deep.cx(qubit, (qubit + 1) % 20)
    deep.measure(range(20), range(20))
    job = SamplerV2(service.backend("aer")).run([deep] * 20, shots=100)
    assert job.cancel("a test") is True
    assert job.cancelled()
    with pytest.raises(JobFailure, match="cancelled by me: a test"):
        job.result(timeout=60)
    assert service.job(job.job_id()).cancelled()
    while Decimal(str(service.client.balances()[0]["held"])):
        time.sleep(0.1)  # the test's own time limit ends this


@pytest.mark.usefixtures("in_home")
def test_the_lines_of_the_pages_run(capsys: pytest.CaptureFixture[str]) -> None:
    root = Path(__file__).parents[2]
    texts = [(root / page).read_text().partition("rom Qiskit\n")[2] for page in ("README.md", "docs/qiskit.md")]
    blocks = [re.findall(r"```python\n(.*?)```", it.partition("\n## Operation")[0], re.DOTALL) for it in texts]
    assert [len(it) for it in blocks] == [1, 2]
    for page in blocks:
        names: dict[str, Any] = {}  # what the lines of a page define
        exec("\n".join(page), names)
        names["job"].backend().service.close()
    assert capsys.readouterr().out.count("USD") >= 3


def _laid_out(isa: QuantumCircuit, paulis: str) -> SparsePauliOp:
    return SparsePauliOp(paulis).apply_layout(isa.layout)

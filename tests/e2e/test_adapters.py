"""Circuits of client libraries run as jobs of a real stack."""

from __future__ import annotations

import runpy
from pathlib import Path

import cirq
import pytest

from queuebit import Client
from queuebit.credentials import find
from queuebit_cirq import QueuebitSampler
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.usefixtures("in_home")
def test_the_example_of_cirq_runs_as_one_job(stack: EmbeddedStack, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "cirq" / "sweep.py"))
    shown = capsys.readouterr().out.splitlines()
    assert shown[1] == "angle 0.0: {0: 1000}"
    assert len(shown) == 6
    _, job, _, amount, currency, _, leaf = shown[-1].split()
    assert stack.ask("job", "show", job)["state"] == "completed"
    assert (float(amount) > 0, currency, leaf.isdigit()) == (True, "USD", True)


def test_a_circuit_with_conditions_runs_with_its_results_receipt_and_charge(stack: EmbeddedStack, tenant: str) -> None:
    q = cirq.LineQubit.range(3)
    circuit = cirq.Circuit(
        cirq.X.on_each(q[0], q[1]), cirq.H(q[2]), cirq.measure(q[0], key="a"),
        cirq.CCZ(*q).with_classical_controls("a"), cirq.H(q[2]), cirq.measure(*q, key="z", invert_mask=(True,)),
    )  # fmt: skip
    with Client(find(stack.home, tenant)) as client, QueuebitSampler(client, backend="aer", timeout=60) as sampler:
        ((noiseless,), (ideal,)) = sampler.run_batch([circuit, circuit], repetitions=10)
        assert noiseless.measurements["z"].tolist() == [[0, 1, 1]] * 10
        assert noiseless == ideal
        assert noiseless.backend == "aer"
        assert noiseless.job.receipt().verify(stack.home / "trust.json", result=noiseless.job.result())
        assert sampler.charge() == client.job(*sampler.job_ids).status().charge


@pytest.mark.usefixtures("in_home")
def test_the_example_of_pennylane_descends_with_a_job_for_each_gradient(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "pennylane" / "vqe.py"))["device"].close()
    shown = capsys.readouterr().out.splitlines()
    energies = [float(line.rpartition(" ")[2]) for line in shown[1:-1]]
    assert len(energies) == 4
    assert energies[-1] < energies[0]
    number, jobs, _, amount, currency = shown[-1].split()
    assert (number, jobs, float(amount) > 0, currency) == ("7", "jobs", True, "USD")

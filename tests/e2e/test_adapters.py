"""Circuits of client libraries run as jobs of a real stack."""

from __future__ import annotations

import runpy
from pathlib import Path

import cirq
import pytest

from queuebit import Client, Refused, Sweep
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


@pytest.mark.usefixtures("in_home")
def test_the_example_of_braket_has_its_results_and_price(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "braket" / "results.py"))
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].endswith("on aer")
    assert shown[1] == "expectation z(q[0]) @ z(q[1]): 1.0"
    assert float(shown[2].removeprefix("variance x(q[0]): ")) > 0.97
    assert shown[3].startswith("probability all: [0.")
    assert float(shown[-1].split()[3]) > 0


def test_a_sweep_with_result_pragmas_has_them_for_each_item_and_pays_for_each_basis(
    stack: EmbeddedStack, tenant: str
) -> None:
    source = (
        "input float turn; qubit[2] q; bit b; ry(turn) q[0]; b = measure q[0];\n"
        "#pragma braket result expectation z(q[0])\n#pragma braket result expectation x(q[0]) @ y(q[1])\n"
    )
    with Client(find(stack.home, tenant)) as client:
        result = client.submit(Sweep(source, {"turn": [0.0, 3.141592653589793]}), shots=100).result(60)
        found = [[value.value for it in item.results or () for value in it.values or ()] for item in result.items]
        assert [values[0] for values in found] == [1, -1]
        assert [item.shots for item in result.items] == [200, 200]
        with pytest.raises(Refused, match="item 0: its circuit has result pragmas, and it has observables"):
            client.submit(Sweep(source, {"turn": [0.0]}, ["ZZ"]), shots=100).result(60)
        with pytest.raises(Refused, match="line 3, column 1: a state vector cannot be returned"):
            client.submit("qubit q;\nx q;\n#pragma braket result state_vector\n", shots=100).result(60)

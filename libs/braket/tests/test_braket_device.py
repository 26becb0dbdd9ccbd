"""The device: what is one job, what it costs, and what its results hold. Programs are those that Braket's SDK wrote."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from braket.default_simulator import StateVectorSimulator
from braket.ir.openqasm import Program

from queuebit import Client, InvalidInput, JobFailed, Refused
from queuebit_braket import QueuebitDevice
from queuebit_quantum import open_backend
from queuebit_testing.local_platform import LocalPlatform, local_credential

RECORDED = {path.stem: path.read_text() for path in (Path(__file__).parent / "recorded").glob("*.qasm")}
SHOTS = 20_000


def test_outcomes_have_the_order_of_bits_that_braket_has(device: QueuebitDevice) -> None:
    result = device.run(RECORDED["measured"], shots=SHOTS).result()
    assert set(result.measurement_counts) == {"010", "111"}
    assert result.measurement_probabilities["111"] == pytest.approx(np.sin(0.3) ** 2, abs=0.02)
    assert result.measurements.shape == (SHOTS, 3)
    assert result.measurements[:, 1].all()
    assert 0 < result.measurements[: SHOTS // 2, 0].sum() < result.measurements[:, 0].sum()  # in no order of outcomes


def test_a_controlled_u_has_brakets_phase(device: QueuebitDevice) -> None:
    gates = [it for it in RECORDED["all_measured"].splitlines() if "measure" not in it and "bit[2] b" not in it]
    asked = "\n".join([*gates, "#pragma braket result probability all", ""])
    exact = StateVectorSimulator().run(Program(source=asked), shots=0)
    found = device.run(RECORDED["all_measured"], shots=SHOTS).result().measurement_probabilities
    for place, share in enumerate(exact.resultTypes[0].value):
        assert found.get(format(place, "02b"), 0.0) == pytest.approx(share, abs=0.02)


def test_values_are_those_of_brakets_own_simulator(device: QueuebitDevice, platform: LocalPlatform) -> None:
    program = Program(source=RECORDED["results"], inputs={"turn": 1.1})
    exact = [it.value for it in StateVectorSimulator().run(program, shots=0).resultTypes]
    result = device.run(program, shots=SHOTS).result()
    assert len(result.values) == 5
    for value, expected in zip(result.values, exact, strict=True):
        assert value == pytest.approx(expected, abs=0.06)
    assert result.item.results is not None
    assert result.item.results[1].of == "expectation z(q[0]) @ x(q[1])"
    assert len(platform.submissions) == 1
    with pytest.raises(InvalidInput, match="result types and no measurements"):
        _ = result.measurement_counts


def test_values_of_each_qubit_are_lists_and_samples_have_each_shot(device: QueuebitDevice) -> None:
    expectations, samples, shares = device.run(RECORDED["each_qubit"], shots=500).result().values
    assert isinstance(expectations, list)
    assert len(expectations) == 2
    assert isinstance(samples, np.ndarray)
    assert samples.shape == (500,)
    assert samples.mean() == pytest.approx(2.5 * expectations[1])
    assert isinstance(shares, np.ndarray)
    assert shares.sum() == pytest.approx(1)


def test_a_batch_is_one_job(device: QueuebitDevice, platform: LocalPlatform) -> None:
    batch = device.run_batch([RECORDED["measured"], RECORDED["results"]], shots=200, inputs=[{}, {"turn": 0.2}])
    first, second = batch.results()
    assert first.measurement_counts.total() == 200
    assert len(second.values) == 5
    assert [task.id.partition("/")[2] for task in batch.tasks] == ["", "1"]
    assert [task.state() for task in batch.tasks] == ["COMPLETED", "COMPLETED"]
    assert len(platform.submissions) == len(device.jobs) == 1
    assert device.run_batch([]).results() == []
    with pytest.raises(InvalidInput, match="2 programs and 1 sets of inputs"):
        device.run_batch([RECORDED["measured"]] * 2, inputs=[{}])


def test_a_verbatim_box_is_kept_or_its_first_foreign_gate_is_named() -> None:
    platform = LocalPlatform(open_backend("emulated-ibm-manila"))
    with Client(local_credential(), transport=platform) as client, QueuebitDevice(client=client) as device:
        assert device.run(RECORDED["verbatim"], shots=100).result().measurement_counts.total() == 100
        task = device.run(RECORDED["verbatim"].replace("v $1;", "h $1;"), shots=100)
        with pytest.raises(Refused, match=r"line 6, column 1: `h \$1` in a verbatim box"):
            task.result()


@pytest.mark.parametrize(
    ("name", "text"),
    [("states", "line 4, column 1: a state vector cannot be returned"), ("noise", "line 4, column 1: noise")],
)
def test_what_shots_do_not_give_is_refused_with_its_place(device: QueuebitDevice, name: str, text: str) -> None:
    with pytest.raises(JobFailed, match=text):
        device.run(RECORDED[name]).result()
    with pytest.raises(InvalidInput, match="no exact results"):
        device.run(RECORDED["measured"], shots=0)


def test_a_tracker_says_what_tasks_cost(client: Client) -> None:
    with QueuebitDevice("aer", client=client, key="run", tags=["bell"]) as device:
        assert [row["cost"] for row in device.estimate(RECORDED["measured"])] == ["0.01"]
        device.run(RECORDED["measured"]).result()
        with device.tracker() as tracker:
            for _ in range(2):
                device.run(RECORDED["measured"], shots=30).result()
        device.run(RECORDED["measured"]).result()
        assert tracker.simulator_tasks_cost() == Decimal("0.02")
        assert tracker.qpu_tasks_cost() == 0
        assert tracker.quantum_tasks_statistics() == {"aer": {"shots": 60, "tasks": {"COMPLETED": 2}}}
        assert device.tracker().quantum_tasks_statistics() == {}


class Circuit:
    """Stands in for a circuit of the SDK."""

    result_types = ("expectation", "probability")

    def __init__(self, name: str) -> None:
        self._name = name

    def to_ir(self, ir_type: object) -> object:
        if ir_type != "OPENQASM":
            raise ValueError("no such language")
        return SimpleNamespace(source=RECORDED[self._name], inputs=None)


@pytest.fixture
def sdk(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What is used of the SDK, which the environment does not have."""
    monkeypatch.setattr(Circuit, "__module__", "braket.circuits.circuit")
    module = ModuleType("braket.circuits.serialization")
    kinds = SimpleNamespace(OPENQASM="OPENQASM")
    module.IRType = kinds  # type: ignore[attr-defined]  # a module made here
    monkeypatch.setitem(sys.modules, "braket.circuits", ModuleType("braket.circuits"))
    monkeypatch.setitem(sys.modules, "braket.circuits.serialization", module)
    return kinds


def test_a_circuit_of_the_sdk_is_written_by_the_sdk(device: QueuebitDevice, sdk: SimpleNamespace) -> None:
    result = device.run(Circuit("each_qubit"), shots=50).result()
    assert result.get_value_by_result_type("expectation") is result.values[0]
    with pytest.raises(InvalidInput, match="no result type variance"):
        result.get_value_by_result_type("variance")
    sdk.OPENQASM = "another"
    with pytest.raises(InvalidInput, match="cannot write the circuit as OpenQASM 3: no such language"):
        device.run(Circuit("measured"))
    with pytest.raises(InvalidInput, match="a value of type dict is no program"):
        device.run({})

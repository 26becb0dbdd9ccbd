"""Aer on a GPU: reported as absent where there is none, and the laws of all backends on the same code without a GPU."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from ctypes.util import find_library
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_quantum import (
    NotReachable,
    Outcome,
    WorkItem,
    ideal_distribution,
    load_stack,
    open_backend,
    parse,
    total_variation,
)
from queuebit_testing.backend_laws import BackendLaws, collected
from queuebit_vendor_gpu import devices
from queuebit_vendor_gpu.devices import Devices, found, look
from queuebit_vendor_gpu.simulator import AerGpu, qubits_in

PRESENT = Devices("", "NVIDIA H100", 80 << 30, ("cx", "h", "u"))
_MIXED = (
    'OPENQASM 3.0; include "stdgates.inc"; qubit[3] q; bit[3] c; ry(0.7) q[0]; cx q[0], q[1]; rx(1.1) q[2]; '
    "cz q[1], q[2]; h q[0]; c = measure q;"
)
without_gpu = pytest.mark.skipif(not found().absent, reason="this machine has a GPU: nothing is absent")


class TestWithoutAGpu(BackendLaws):
    """The same compiler, simulator and results on the processor: all but the device."""

    @pytest.fixture(scope="class")
    def backend(self) -> AerGpu:
        return AerGpu("local-aer-gpu", PRESENT, device="CPU")


@pytest.mark.skipif(bool(found().absent), reason=found().absent)
class TestOnTheGpu(BackendLaws):
    """The laws on a GPU, where there is one."""

    @pytest.fixture(scope="class", params=["local-aer-gpu", "local-aer-custatevec"])
    def backend(self, request: pytest.FixtureRequest) -> Any:
        return open_backend(request.param)


@without_gpu
def test_a_machine_without_a_gpu_reports_the_stack_as_absent() -> None:
    words = [sys.executable, "-P", "-m", "queuebit_quantum", "gpu"]
    listed = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert listed["absent"].startswith("no GPU: ")
    assert listed["offers"] == ["local-aer-gpu"]
    assert "error" not in listed


@without_gpu
def test_a_backend_that_is_opened_all_the_same_says_that_it_is_absent() -> None:
    for id_, opened in load_stack("gpu").backends.items():
        with pytest.raises(NotReachable, match=f"{id_} is absent: no GPU"):
            opened()


@without_gpu
def test_the_answer_of_aer_alone_is_wrong() -> None:
    """It lists a GPU where there is no driver; if this fails, a newer Aer may be asked instead of the driver."""
    from qiskit_aer import AerSimulator

    assert "GPU" in AerSimulator().available_devices()


def test_asking_leaves_cuda_out_of_this_process() -> None:
    """Children are forked from it: CUDA would not work in them."""
    program = (
        "from queuebit_quantum import load_stack; stack = load_stack('gpu'); stack.absent();"
        "print('libcuda' in open('/proc/self/maps').read())"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


class Driver:
    """NVIDIA's driver, as far as it is asked."""

    def __init__(self, status: int, memories: tuple[int, ...]) -> None:
        self.status = status
        self.memories = memories

    def cuInit(self, flags: int) -> int:  # NVIDIA's names, here and below
        return self.status

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = len(self.memories)
        return 0

    def cuDeviceTotalMem_v2(self, size: Any, number: int) -> int:
        size._obj.value = self.memories[number]
        return 0

    def cuDeviceGetName(self, name: Any, length: int, number: int) -> int:
        name.value = b"NVIDIA H200"
        return 0


@pytest.mark.parametrize(
    ("status", "memories", "why"),
    [(100, (1,), "cuInit: 100"), (0, (), "lists none"), (0, (141 << 30, 80 << 30), "")],
)
def test_what_the_driver_says_decides(
    monkeypatch: pytest.MonkeyPatch, status: int, memories: tuple[int, ...], why: str
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: Driver(status, memories))
    answer = look()
    assert (why in answer.absent, bool(answer.absent)) == (True, bool(why))
    if not why:
        assert (answer.name, answer.memory_bytes) == ("NVIDIA H200", 80 << 30)
        assert {"cx", "h", "rz"} <= set(answer.gates)


@without_gpu
def test_the_library_of_the_driver_is_looked_for_under_its_name() -> None:
    assert find_library("cuda") is None
    with pytest.raises(OSError, match="libcuda"):
        ctypes.CDLL(devices._DRIVER)


def test_a_circuit_keeps_its_distribution_and_the_same_seed_its_counts() -> None:
    """0.06 is four times what chance does."""
    backend = AerGpu("local-aer-gpu", PRESENT, device="CPU")
    runs = []
    for token in ("t1", "t2"):
        item = WorkItem(backend.compile(parse(_MIXED), 1), 4_000, 5)
        (outcome,) = collected(backend, backend.submit([item], token))
        assert isinstance(outcome, Outcome)
        runs.append(outcome.counts)
    assert runs[0] == runs[1]
    assert total_variation(runs[0], ideal_distribution(parse(_MIXED))) < 0.06


@given(st.integers(1 << 20, 1 << 42))
def test_a_state_fits_into_the_memory_and_a_larger_one_does_not(memory_bytes: int) -> None:
    n = qubits_in(memory_bytes)
    assert 16 << n <= memory_bytes * 0.9 < 16 << (n + 1)

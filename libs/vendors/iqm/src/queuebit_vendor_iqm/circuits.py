"""Compiled circuits as circuits of IQM, and what IQM returns as outcomes.

The name of a circuit says all that is needed to read its result in another process, which has only the id of the job;
IQM returns it with what was submitted. Bit n of the program is measured under the key `m<n>`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from iqm.pulse.builder import CircuitOperation
from iqm.pulse.circuit_operations import Circuit
from iqm.station_control.interface.models.circuit import CircuitMeasurementCounts
from qiskit import QuantumCircuit
from qiskit.circuit import Operation

from queuebit_quantum import DoesNotFit, Outcome, result_keys
from queuebit_quantum.backends import result_key
from queuebit_quantum.vendor_faults import VendorFailed

__all__ = ["Name", "counted", "iqm_circuit", "name_qubits", "shot_by_shot"]

_NAME = re.compile(
    r"queuebit (?P<token>.+) item (?P<number>\d+)/(?P<total>\d+) bits (?P<bits>[\d,]*)(?P<memory> shots)?"
)
_QUBITS = "iqm_qubits"
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}


@dataclass(frozen=True, slots=True)
class Name:
    """What the name of a circuit says."""

    token: str
    number: int
    """The item of the submission, from 0."""
    total: int
    """How many items the submission has."""
    registers: tuple[int, ...]
    memory: bool
    """Whether the outcome of each shot is wanted."""

    def __str__(self) -> str:
        bits = ",".join(map(str, self.registers))
        return f"queuebit {self.token} item {self.number}/{self.total} bits {bits}{' shots' * self.memory}"

    @classmethod
    def read(cls, text: str) -> Name:
        """Read a name; raises `VendorFailed` if it is not one of ours."""
        found = _NAME.fullmatch(text)
        if found is None:
            raise VendorFailed(f"IQM has a circuit that Queuebit did not send: {text[:80]!r}")
        registers = tuple(int(it) for it in found["bits"].split(",") if it)
        return cls(found["token"], int(found["number"]), int(found["total"]), registers, found["memory"] is not None)


def name_qubits(program: QuantumCircuit, qubits: Sequence[str]) -> None:
    """Keep the names of its qubits with a compiled program: a later calibration can number them in another way."""
    program.metadata = {**(program.metadata or {}), _QUBITS: [*qubits]}


def iqm_circuit(program: QuantumCircuit, name: Name) -> Circuit:
    """Return a compiled program, whose qubits have names, as a circuit of IQM."""
    qubits = program.metadata[_QUBITS]
    last = {program.find_bit(it.clbits[0]).index: n for n, it in enumerate(program.data) if it.name == "measure"}
    steps: list[CircuitOperation] = []
    for number, it in enumerate(program.data):
        locus = tuple(qubits[program.find_bit(bit).index] for bit in it.qubits)
        match it.name:
            case "r":
                angle, phase = (float(value) for value in it.params)
                steps.append(CircuitOperation(name="prx", locus=locus, args={"angle": angle, "phase": phase}))
            case "cz" | "barrier":
                steps.append(CircuitOperation(name=it.name, locus=locus, args={}))
            case "delay":
                steps.append(CircuitOperation(name="delay", locus=locus, args={"duration": _delay_s(it.operation)}))
            case "measure":
                bit = program.find_bit(it.clbits[0]).index
                key = f"m{bit}" if last[bit] == number else f"before{number}"
                steps.append(CircuitOperation(name="measure", locus=locus, args={"key": key}))
            case other:
                raise DoesNotFit(f"IQM has no operation {other!r}: remove it")
    return Circuit(name=str(name), instructions=tuple(steps))


def counted(found: CircuitMeasurementCounts, registers: Sequence[int]) -> Outcome:
    """The outcome of a circuit from its counts."""
    places = [_bit(key) for key in found.measurement_keys]
    counts: dict[int, int] = {}
    for text, count in found.counts.items():
        if len(text) != len(places) or not set(text) <= {"0", "1"}:
            raise VendorFailed(f"IQM has the outcome {text[:80]!r} for {len(places)} bits")
        value = _value(zip(places, text, strict=True))
        counts[value] = counts.get(value, 0) + count
    return Outcome(result_keys(counts, tuple(registers)))


def shot_by_shot(found: Mapping[str, Sequence[Sequence[int]]], registers: Sequence[int]) -> Outcome:
    """The outcome of a circuit from the outcomes of its shots, which it keeps."""
    places = {key: _bit(key) for key in found}
    shots = {len(it) for it in found.values()}
    if len(shots) != 1:
        raise VendorFailed(f"IQM has different numbers of shots for the bits of a circuit: {sorted(shots)[:5]}")
    values = [_value((places[key], str(found[key][shot][0])) for key in found) for shot in range(shots.pop())]
    memory = tuple(result_key(it, tuple(registers)) for it in values)
    return Outcome(result_keys(Counter(values), tuple(registers)), memory=memory)


def _value(bits: Iterable[tuple[int | None, str]]) -> int:
    """The integer of the bits of one outcome."""
    return sum(1 << place for place, bit in bits if place is not None and bit == "1")


def _bit(key: str) -> int | None:
    """The bit of the program that a key stands for; None for a measurement that a later one replaced."""
    return int(key[1:]) if key.startswith("m") else None


def _delay_s(operation: Operation) -> float:
    if operation.unit not in _SECONDS:
        raise DoesNotFit(f"IQM has no delays in {operation.unit!r}: use ns, us, ms or s")
    return float(operation.duration) * _SECONDS[operation.unit]

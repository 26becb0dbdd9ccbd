"""Transforms of tapes that PennyLane lacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import pennylane as qml
from pennylane.devices.preprocess import measurements_from_samples, validate_device_wires
from pennylane.exceptions import DeviceError
from pennylane.measurements import MeasurementProcess, SampleMeasurement
from pennylane.tape import QuantumScript, QuantumScriptBatch
from pennylane.wires import Wires

__all__ = ["can_be_sampled", "require_shots", "sampled", "with_wires"]

_Tapes: TypeAlias = tuple[QuantumScriptBatch, Callable[[Sequence[Any]], Any]]  # results nest as PennyLane's


def can_be_sampled(measurement: MeasurementProcess) -> bool:
    """Whether samples of wires give its value, after gates that diagonalise its observable."""
    return isinstance(measurement, SampleMeasurement) and not isinstance(measurement.obs, qml.SparseHamiltonian)


@qml.transform  # type: ignore[untyped-decorator]  # PennyLane has no types
def require_shots(tape: QuantumScript) -> _Tapes:
    """Refuse a tape without shots."""
    if not tape.shots:
        raise DeviceError("queuebit measures with shots: set their number, such as qml.set_shots(qnode, 1000)")
    return (tape,), lambda results: results[0]


@qml.transform  # type: ignore[untyped-decorator]  # as above
def with_wires(tape: QuantumScript, wires: Wires | None, name: str) -> _Tapes:
    """Check the wires, and give all of them to measurements that name none; without device wires, all of the tape."""
    tapes, processed = validate_device_wires(tape, wires or tape.wires, name=name)
    return tapes, processed


@qml.transform  # type: ignore[untyped-decorator]  # PennyLane has no types
def sampled(tape: QuantumScript) -> _Tapes:
    """Replace the measurements of a tape by samples of its wires, after gates that diagonalise the observables.

    PennyLane's transform does so for Pauli words, also those that share wires. It leaves out the gates of `Hermitian`;
    measurements that are grouped with such observables share no wires.
    """
    if all(it.obs is None or qml.pauli.is_pauli_word(it.obs) for it in tape.measurements):
        tapes, processed = measurements_from_samples(tape)
        return tapes, processed
    rotations = [gate for it in tape.measurements for gate in it.diagonalizing_gates()]
    wires = Wires.all_wires([it.wires for it in tape.measurements])
    measured = tape.copy(operations=[*tape.operations, *rotations], measurements=[qml.sample(wires=wires)])

    def values(samples: Any) -> Any:  # an array; one value, or one for each measurement
        found = tuple(it.process_samples(samples, wires) for it in tape.measurements)
        return found[0] if len(found) == 1 else found

    def results(found: Sequence[Any]) -> Any:  # one, or one for each number of shots
        return tuple(map(values, found[0])) if tape.shots.has_partitioned_shots else values(found[0])

    return (measured,), results

"""Backends that can run under an earlier calibration: emulated devices, whose noise is only a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from queuebit_quantum.backends import Backend
from queuebit_quantum.calibration import Calibration, read_calibration

if TYPE_CHECKING:
    from qiskit.transpiler import Target

__all__ = ["TakesCalibration", "set_calibration"]


@runtime_checkable
class TakesCalibration(Protocol):
    """What a backend has in addition if it can run under any calibration that it ever had; a plugin may have it."""

    def with_calibration(self, snapshot: Mapping[str, Any]) -> Backend | None:
        """The same device under a calibration, as `Calibration.as_json` wrote it; None if that is not possible."""
        ...


def set_calibration(target: Target, snapshot: Mapping[str, Any]) -> Calibration | None:
    """Give a target the values of a snapshot of the same device.

    Args:
        target: with the gates and couplings of the device; changed in place.
        snapshot: T1 and T2, errors and durations, as `Calibration.as_json` writes them.

    Returns:
        The calibration that the target now has, or None: the snapshot is not of these gates and couplings, or lacks
        values that its digest covers. The target cannot be used then.
    """
    from qiskit.transpiler import InstructionProperties, QubitProperties

    try:
        stated = datetime.fromisoformat(snapshot["calibrated_at"])
        target.qubit_properties = [
            QubitProperties(t1=it["t1_s"], t2=it["t2_s"], frequency=known.frequency)
            for it, known in zip(snapshot["qubits"], target.qubit_properties, strict=True)
        ]
        values = {name: dict(_flat(snapshot[name])) for name in ("errors", "durations")}
        for gate in target.operation_names:
            for on, known in (target[gate] or {}).items():
                if on is None or known is None:
                    continue
                error = values["errors"].get((gate, on), 0.0 if known.error is not None else None)
                properties = InstructionProperties(values["durations"].get((gate, on)), error)
                target.update_instruction_properties(gate, on, properties)
        found = read_calibration(stated, target)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return found if found.digest == snapshot["digest"] else None


def _flat(gates: Mapping[str, Mapping[str, float]]) -> Iterator[tuple[tuple[str, tuple[int, ...]], float]]:
    for gate, known in gates.items():
        for qubits, value in known.items():
            yield (gate, tuple(map(int, qubits.split()))), value

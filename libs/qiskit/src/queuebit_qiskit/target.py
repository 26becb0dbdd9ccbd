"""Builds Qiskit's target from what a backend offers and its calibration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from qiskit.circuit import ForLoopOp, IfElseOp, WhileLoopOp
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.providers import QubitProperties
from qiskit.transpiler import InstructionProperties, Target

from queuebit.devices import Device

__all__ = ["target_of"]

_CONTROL_FLOW = {
    "if_else": (IfElseOp, "conditional"),
    "for_loop": (ForLoopOp, "loop"),
    "while_loop": (WhileLoopOp, "while_loop"),
}
"""The class of each operation, and the feature that a backend needs for it."""

_FAILED = 1.0
"""The error in a calibration of a gate that does not work; the platform does not use such gates either."""

_Values = Mapping[str, Mapping[str, float]]
"""By gate, then by qubits such as "0 1"."""


def target_of(device: Device) -> Target:
    """Return the target: each gate with its error (0 to 1) and duration (seconds) on ordered qubits.

    An ideal simulator has gates on any qubits, without errors. Gates that failed their calibration are left out.
    """
    target = Target(num_qubits=device.qubits, **_figures(device))
    known = get_standard_gate_name_mapping()
    for name in device.gates:
        if name in known:
            target.add_instruction(known[name], _properties(device, name, known[name].num_qubits), name=name)
    for name, (operation, feature) in _CONTROL_FLOW.items():
        if feature in device.features:
            target.add_instruction(operation, name=name)
    return target


def _figures(device: Device) -> dict[str, Any]:  # arguments of Qiskit's class
    if device.calibration is None:
        return {}
    qubits = [QubitProperties(t1=it["t1_s"], t2=it["t2_s"]) for it in device.calibration["qubits"]]
    return {"dt": device.calibration.get("dt_s"), "qubit_properties": qubits}


def _properties(device: Device, gate: str, width: int) -> Mapping[tuple[int, ...], InstructionProperties | None] | None:
    """The properties of a gate by qubits; a gate on one qubit without any is available on all qubits."""
    if device.calibration is None:
        return None
    errors, durations = _of(device.calibration, "errors", gate), _of(device.calibration, "durations", gate)
    if not errors and not durations:
        return {(qubit,): None for qubit in range(device.qubits)} if width == 1 else {}
    return {on: InstructionProperties(durations.get(on), errors.get(on)) for on in _working(errors, durations)}


def _working(errors: Mapping[tuple[int, ...], float], durations: Mapping[tuple[int, ...], float]) -> Iterator[Any]:
    for on in sorted({*errors, *durations}):
        if errors.get(on, 0.0) < _FAILED:
            yield on


def _of(snapshot: Mapping[str, _Values], kind: str, gate: str) -> dict[tuple[int, ...], float]:
    """The values of one gate; calibrations of older executors have no durations."""
    values = snapshot.get(kind, {}).get(gate, {})
    return {tuple(map(int, on.split())): value for on, value in values.items()}

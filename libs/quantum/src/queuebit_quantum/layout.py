"""The qubits and couplers of a device that a circuit may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any

from qiskit import QuantumCircuit
from qiskit.transpiler import Target
from qiskit.transpiler.preset_passmanagers import generate_preset_pass_manager

from queuebit_quantum.backends import Elements
from queuebit_quantum.circuits import Circuit
from queuebit_quantum.compiling import translate
from queuebit_quantum.errors import DoesNotFit
from queuebit_quantum.physical import gate_steps

__all__ = [
    "OPTIMIZATION_LEVEL",
    "Places",
    "compile_on_named_qubits",
    "copied_target",
    "interaction_circuit",
    "require_working",
    "working",
]

Places = Mapping[tuple[int, ...], Any]
"""The properties of a gate by the qubits that it acts on; Qiskit ships no types."""

_FAILED = 1.0
"""The error in a calibration of a gate that does not work."""
OPTIMIZATION_LEVEL = 2
"""Unless a program chooses another. Level 2 joins gates over blocks, and finds a layout without swaps where there is
one."""

_NOT_GATES = frozenset({"delay", "measure", "reset", "if_else", "for_loop", "while_loop", "switch_case", "break_loop"})


def working(target: Target, without: Elements = frozenset()) -> Target:
    """Return the target without the gates that failed their calibration, and those on elements that are not used.

    Qiskit weighs errors but excludes no gate: without this, it could place a circuit on a failed coupler.
    """

    def kept(_: str, places: Places) -> Places:
        return {on: it for on, it in places.items() if not _failed(it) and not _touches(on, without)}

    return copied_target(target, kept)


def copied_target(target: Target, changed: Callable[[str, Places], Places]) -> Target:
    """Return a copy of a target, in which gates have the changed places. Those that act anywhere stay as they are."""
    copy = Target(num_qubits=target.num_qubits, dt=target.dt, qubit_properties=target.qubit_properties)
    for name in target.operation_names:
        gate, places = target.operation_from_name(name), target[name]
        if None in places:
            copy.add_instruction(gate, name=name)
        else:
            copy.add_instruction(gate, dict(changed(name, places)), name=name)
    return copy


def compile_on_named_qubits(
    circuit: Circuit, target: Target, seed: int, backend: str, level: int = OPTIMIZATION_LEVEL
) -> QuantumCircuit:
    """Compile a circuit onto the device qubits that it names. Gates may be merged, but no qubit is moved.

    With a verbatim box, each gate is translated alone: a compiler that optimises drops gates such as `rz(0)`.

    Raises:
        DoesNotFit: the device has no such qubit, no working coupler for a pair of qubits, or not a gate of a verbatim
            box.
    """
    _require_qubits(circuit, target, backend)
    _require_native(circuit, target, backend)
    _require_couplers(circuit, target, backend)
    passes = generate_preset_pass_manager(
        0 if circuit.verbatim else level,
        target=target,
        initial_layout=list(circuit.physical),
        routing_method="none",  # also turns off the passes that replace a swap by a change of qubits
        seed_transpiler=seed,
    )
    on_device = translate(passes, circuit.quantum_circuit, backend)
    require_working(on_device, target, backend)
    return on_device


def interaction_circuit(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a circuit without blocks that couples the same qubits in the same order, to find a layout for the circuit.

    Qiskit's layout search gives too little weight to gates inside blocks.
    """
    interaction = QuantumCircuit(circuit.num_qubits, circuit.num_qubits)
    for operation, qubits in gate_steps(circuit, range(circuit.num_qubits)):
        if operation.name == "measure":
            interaction.measure(qubits[0], qubits[0])
        elif operation.name != "barrier":
            for pair in combinations(qubits, 2):
                interaction.rzz(1.0, *pair)
    return interaction


def require_working(on_device: QuantumCircuit, target: Target, backend: str) -> None:
    """Check every gate of a compiled circuit, also inside blocks.

    Raises:
        DoesNotFit: the device does not have a gate on these qubits, or the gate failed its calibration.
    """
    for operation, qubits in gate_steps(on_device, range(on_device.num_qubits)):
        if operation.name != "barrier" and not target.instruction_supported(operation.name, qubits):
            where = " and ".join(str(qubit) for qubit in qubits)
            raise DoesNotFit(
                f"{backend}: the circuit needs a `{operation.name}` on qubit {where}, which failed its calibration: "
                "choose another backend"
            )


def _failed(properties: object) -> bool:
    error = getattr(properties, "error", None)
    return error is not None and not 0 <= error < _FAILED  # NaN, too


def _touches(on: tuple[int, ...], without: Elements) -> bool:
    """Whether a gate acts on a qubit or a coupler that is not used."""
    return bool(without) and (tuple(sorted(on)) in without or any((qubit,) in without for qubit in on))


def _require_qubits(circuit: Circuit, target: Target, backend: str) -> None:
    unknown = [qubit for qubit in circuit.physical if qubit >= target.num_qubits]
    if unknown:
        names = ", ".join(f"${qubit}" for qubit in unknown)
        raise DoesNotFit(f"{backend}: it has no qubit {names}: use $0 to ${target.num_qubits - 1}, or declare qubits")


def _require_native(circuit: Circuit, target: Target, backend: str) -> None:
    foreign = [it for it in circuit.verbatim if not target.instruction_supported(it.operation, it.qubits)]
    if foreign:
        known = ", ".join(sorted(set(target.operation_names) - _NOT_GATES))
        raise DoesNotFit(
            f"{backend}: {foreign[0]} in a verbatim box is not a gate of these qubits: use {known} "
            "(Qiskit's names), or leave out the pragma, and the gate is compiled"
        )


def _require_couplers(circuit: Circuit, target: Target, backend: str) -> None:
    pairs = {frozenset(pair) for pair in target.build_coupling_map().get_edges()}
    for operation, qubits in gate_steps(circuit.quantum_circuit, circuit.physical):
        if len(qubits) == 2 and operation.name != "barrier" and frozenset(qubits) not in pairs:
            first, second = qubits
            near = sorted(next(iter(pair - {first})) for pair in pairs if first in pair)
            known = (
                f"${first} couples to {', '.join(f'${qubit}' for qubit in near)}"
                if near
                else f"${first} couples to none"
            )
            raise DoesNotFit(
                f"{backend}: `{operation.name} ${first}, ${second}` needs a working coupler between the two, and there "
                f"is none: {known}; or declare qubits, and the compiler chooses device qubits"
            )

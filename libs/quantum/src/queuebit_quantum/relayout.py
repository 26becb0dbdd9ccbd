"""Chooses the device qubits of a transpiled circuit again, for a new calibration, without transpiling it.

The idea is that of mapomatic (Nation and Treinish, "Suppressing quantum circuit errors due to system variability",
arXiv:2209.15512): the compiled circuit is moved to the set of equally coupled qubits with the lowest error.
"""

from __future__ import annotations

from collections.abc import Iterator

from qiskit import QuantumCircuit
from qiskit.converters import circuit_to_dag
from qiskit.transpiler import InstructionProperties, PassManager, Target
from qiskit.transpiler.passes import GateDirection, Optimize1qGatesDecomposition, VF2PostLayout

from queuebit_kernel import digest_of
from queuebit_quantum.compiling import translate
from queuebit_quantum.layout import Places, copied_target
from queuebit_quantum.physical import gate_steps, named_steps
from queuebit_quantum.structure import has_blocks

__all__ = ["Relayout", "shape_digest", "uncalibrated"]

_TWO_WAY = frozenset({"cx", "cz", "ecr", "rxx", "ryy", "rzx", "rzz", "swap"})
"""Gates whose direction Qiskit can turn round with gates on one qubit."""
_VISITS = 50_000
"""Steps of the search; enough for all layouts of ten qubits in a line on 133, and a fraction of a second."""
_TRIALS = 2_500
"""Layouts that are compared at most."""
_TYPICAL = {0: 0.0, 1: 1e-4}
_TYPICAL_ELSE = 1e-2
"""The error of a measurement, and of a gate on two qubits."""


def shape_digest(target: Target) -> str:
    """The digest of what a transpilation depends on: the gates of the device and the qubits that each acts on.

    Errors, relaxation times and durations are not part of it, so it usually stays the same from one calibration to the
    next. It changes if a gate fails its calibration, or works again, in a target without failed gates.
    """
    gates = {name: sorted(on for on in target[name] if on is not None) for name in sorted(target.operation_names)}
    return digest_of(
        {
            "qubits": target.num_qubits,
            "dt": repr(target.dt),
            "gates": {name: [list(on) for on in places] for name, places in gates.items()},
        }
    )


def uncalibrated(target: Target, *, two_way: bool) -> Target:
    """The same gates on the same qubits, each with a typical error: what it compiles to depends on the shape only.

    Args:
        target: of a device, without gates that failed.
        two_way: whether a gate on two qubits may act in both directions, to be turned round later.
    """

    def typical(name: str, places: Places) -> Places:
        errors = {on: _TYPICAL_ELSE if name == "measure" else _TYPICAL.get(len(on), _TYPICAL_ELSE) for on in places}
        found = {on: InstructionProperties(error=error) for on, error in errors.items()}
        return _both_ways(name, found) if two_way else found

    return copied_target(target, typical)


class Relayout:
    """Moves circuits to the best qubits of a device under one calibration.

    The same circuit always goes to the same qubits: the search has a limit of steps, not of time, and no random order.
    """

    def __init__(self, target: Target, backend: str) -> None:
        self._target = target
        self._backend = backend
        two_way = copied_target(target, _both_ways)
        self._search = VF2PostLayout(two_way, seed=-1, call_limit=_VISITS, max_trials=_TRIALS, strict_direction=True)
        self._turning = PassManager([GateDirection(None, target=target), Optimize1qGatesDecomposition(target=target)])

    def moved(self, circuit: QuantumCircuit) -> QuantumCircuit:
        """Return a circuit that was transpiled for the shape of the device on its best qubits, in their gates.

        Raises:
            DoesNotFit: a gate can be turned in no direction that the device has.
        """
        where = self._layout(circuit)
        found = circuit.copy_empty_like()
        found._layout = None  # it says where virtual qubits were before
        places = [found.qubits[where[index]] for index in range(circuit.num_qubits)]
        for step in circuit.data:
            qubits = [places[circuit.find_bit(bit).index] for bit in step.qubits]
            found._append(step.replace(qubits=qubits))
        return found if self._supports(found) else translate(self._turning, found, self._backend)

    def _layout(self, circuit: QuantumCircuit) -> list[int]:
        """The device qubit that each qubit of the circuit goes to."""
        search = circuit_to_dag(_flat(circuit) if has_blocks(circuit) else circuit)
        self._search.property_set["post_layout"] = None
        self._search.run(search)
        layout = self._search.property_set["post_layout"]
        if layout is None:
            return list(range(circuit.num_qubits))
        known = {search.find_bit(bit).index: place for bit, place in layout.get_virtual_bits().items()}
        return _completed(known, circuit.num_qubits)

    def _supports(self, circuit: QuantumCircuit) -> bool:
        steps = named_steps(circuit, range(circuit.num_qubits))
        return all(name == "barrier" or self._target.instruction_supported(name, on) for name, on in steps)


def _flat(circuit: QuantumCircuit) -> QuantumCircuit:
    """The gates inside and outside of blocks in one sequence: the search counts each of them."""
    flat = QuantumCircuit(circuit.num_qubits, 1)
    for operation, on in gate_steps(circuit, range(circuit.num_qubits)):
        if operation.name == "measure":
            flat.measure(on[0], 0)
        elif operation.name != "barrier" and not operation.num_clbits:
            flat.append(operation, on)
    return flat


def _completed(known: dict[int, int], size: int) -> list[int]:
    """A layout of all qubits: those without an operation, which the search leaves out, take the remaining places."""
    left: Iterator[int] = iter(sorted(set(range(size)) - set(known.values())))
    return [known[index] if index in known else next(left) for index in range(size)]


def _both_ways(name: str, places: Places) -> Places:
    """A gate on two qubits that may be turned round acts in both directions, with the properties of the one it has."""
    turned = {on[::-1]: it for on, it in places.items() if on[::-1] not in places} if name in _TWO_WAY else {}
    return {**places, **turned}

"""Code that all compilers share: a cache, the error for circuits that do not compile, and what open angles change."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from operator import eq
from typing import Generic, TypeVar

from qiskit import QuantumCircuit
from qiskit import __version__ as qiskit_version
from qiskit.circuit import Operation, Parameter
from qiskit.transpiler import PassManager
from qiskit.transpiler.exceptions import TranspilerError

from queuebit_quantum.backends import Compiled
from queuebit_quantum.circuits import Circuit
from queuebit_quantum.errors import DoesNotFit

__all__ = ["COMPILER", "CompileCache", "TranspileCache", "does_nothing", "rotations", "same_steps", "translate"]

_V = TypeVar("_V")

COMPILER = f"qiskit {qiskit_version}"
"""Name and version of the compiler behind every Qiskit target."""

_RUN_ENDS = frozenset({"barrier", "delay", "measure", "reset"})
"""Operations on one qubit that compilers join with no gate."""

_NOTHING = 1e-4
"""Far above the tolerance within which Qiskit drops a gate, and far below the angles of a sweep."""


class _Cache(Generic[_V]):
    """Keeps the most recent values by (circuit digest, target digest, compiler, seed)."""

    def __init__(self, compiler: str, capacity: int = 256) -> None:
        self._compiler = compiler
        self._capacity = capacity
        self._kept: OrderedDict[tuple[str, str, str, int], _V] = OrderedDict()

    def get(self, circuit: Circuit, target_digest: str, seed: int, compile_: Callable[[], _V]) -> _V:
        """Return the cached value, or compile and cache it."""
        key = (circuit.digest, target_digest, self._compiler, seed)
        if key not in self._kept:
            self._kept[key] = compile_()
            if len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


class CompileCache(_Cache[Compiled]):
    """Keeps the most recent compiled circuits by (circuit digest, target digest, compiler, seed)."""


class TranspileCache(_Cache[tuple[QuantumCircuit, ...]]):
    """Keeps transpiled circuits whose qubits are still to be chosen, by the digest of the shape of their device.

    A backend keeps one over all of its calibrations. A circuit may have several, of which the best is taken.
    """


def translate(passes: PassManager, program: QuantumCircuit, backend: str) -> QuantumCircuit:
    """Compile a program; raises `DoesNotFit` if the compiler refuses it."""
    try:
        return passes.run(program)
    except TranspilerError as failure:
        raise DoesNotFit(f"{backend}: the circuit cannot be compiled: {failure.message}") from failure


def rotations(program: QuantumCircuit) -> tuple[int, ...] | None:
    """The rotations with an open angle that a compiler may drop; None if it may join an open gate with a neighbour.

    Compilers join gates that follow one another on one qubit, in a way that depends on their angles, and drop a gate
    that does nothing. So a program whose open gates have no such neighbour, and that a compiler leaves as it is while
    its angles are open, it leaves as it is for all values, unless one of these rotations is by a whole number of turns.

    Returns:
        The places of the angles of these rotations among the parameters of the program.
    """
    place = {parameter: number for number, parameter in enumerate(program.parameters)}
    runs: dict[object, bool] = {}
    found: list[int] = []
    for step in program.data:
        if len(step.qubits) != 1 or step.name in _RUN_ENDS:
            for qubit in step.qubits:
                runs.pop(qubit, None)
            continue
        (qubit,) = step.qubits
        open_ = any(isinstance(it, Parameter) for it in step.params)
        if qubit in runs and (open_ or runs[qubit]):
            return None
        runs[qubit] = open_
        if open_ and isinstance(step.params[0], Parameter):
            found.append(place[step.params[0]])
        elif open_ and does_nothing(step.params[0]):
            return None
    return tuple(found)


def does_nothing(angle: float) -> bool:
    """Whether a rotation is by so nearly a whole number of turns that a compiler may drop it."""
    return abs(math.sin(angle / 2)) < _NOTHING


def same_steps(one: QuantumCircuit, other: QuantumCircuit) -> bool:
    """Whether two circuits do the same in the same order; many times quicker than Qiskit's own comparison.

    Bits that belong to no register are equal to themselves only: then places are compared.
    """
    sizes = [(it.num_qubits, it.num_clbits, it.global_phase, len(it.data)) for it in (one, other)]
    return sizes[0] == sizes[1] and (one.data == other.data or all(map(eq, _steps(one), _steps(other))))


def _steps(circuit: QuantumCircuit) -> Iterator[tuple[Operation, list[int]]]:
    place = {bit: number for number, bit in enumerate((*circuit.qubits, *circuit.clbits))}
    for it in circuit.data:
        yield it.operation, [place[bit] for bit in (*it.qubits, *it.clbits)]

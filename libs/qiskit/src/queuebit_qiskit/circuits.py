"""Circuits as they are sent: OpenQASM 3, with the names and numbers that results and observables need."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from qiskit import QuantumCircuit
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.quantum_info import SparseObservable
from qiskit.transpiler import Target

from queuebit import InvalidInput
from queuebit.exporting import exported
from queuebit.series import MOST_INPUTS
from queuebit_qiskit.native import kept_as_it_is

__all__ = ["Source", "runs_of", "source_of", "sources_of", "terms_of"]

_INPUT = re.compile(r"^input float\[64\] (\S+);$", re.MULTILINE)
"""How Qiskit's exporter declares a parameter."""

_PHYSICAL = re.compile(r"\$(\d+)")
"""How it names a qubit of a circuit with a layout."""


@dataclass(frozen=True, slots=True)
class Source:
    """One circuit, exported."""

    text: str
    inputs: tuple[str, ...]
    """The names that the circuit's parameters have in the text, in Qiskit's order."""
    registers: tuple[tuple[str, int], ...]
    """Classical registers, with their widths in bits."""
    qubits: tuple[int, ...]
    """The number in Qiskit's circuit of each qubit of the text: all, or those that a circuit with a layout uses."""


def source_of(circuit: QuantumCircuit, *, measured: bool, native: Target | None = None) -> Source:
    """Export a circuit.

    A circuit with a layout names its device qubits (`$n`), and runs on exactly these.

    Args:
        circuit: it may have free parameters.
        measured: whether it must measure something.
        native: the target whose gates it must have, so that they run one by one as they are; default: compile it.

    Raises:
        InvalidInput: it is not native, OpenQASM cannot express it, or its registers share bits or leave some out.
    """
    if inputs := [it.name for it in circuit.iter_input_vars()]:
        raise InvalidInput(f"the circuit has input variables ({', '.join(inputs)}): use Parameter instead")
    if empty := [it.name for it in (*circuit.qregs, *circuit.cregs) if not it.size]:
        raise InvalidInput(f"the circuit has registers of size 0 ({', '.join(empty)}): leave them out")
    registers = _registers(circuit) if measured else ()
    if native is not None:
        circuit = kept_as_it_is(circuit, native)
    text = exported(circuit, bound=False, measured=measured)
    named = sorted({int(number) for number in _PHYSICAL.findall(text)})
    qubits = named if circuit.layout is not None else range(circuit.num_qubits)
    return Source(text, (*_INPUT.findall(text),), registers, (*qubits,))


def sources_of(circuits: Sequence[QuantumCircuit], *, measured: bool, native: Target | None = None) -> list[Source]:
    """Export several circuits as `source_of`; one that is given more than once is exported once."""
    different = {id(circuit): circuit for circuit in circuits}
    found = {key: source_of(circuit, measured=measured, native=native) for key, circuit in different.items()}
    return [found[id(circuit)] for circuit in circuits]


def runs_of(
    circuit: QuantumCircuit, values: BindingsArray, source: Source, *, measured: bool, native: Target | None = None
) -> list[tuple[str, dict[str, float]]]:
    """The text and the values of its inputs for each parameter set.

    A circuit with more parameters than an item may have is sent once for each set, with the values in its text.
    """
    table = values.as_array(circuit.parameters).reshape(int(np.prod(values.shape, dtype=int)), len(source.inputs))
    if len(source.inputs) > MOST_INPUTS:
        bound = [circuit.assign_parameters(row) for row in table.tolist()]
        return [(it.text, {}) for it in sources_of(bound, measured=measured, native=native)]
    return [(source.text, dict(zip(source.inputs, row, strict=True))) for row in table.tolist()]


def terms_of(observable: SparseObservable, source: Source) -> dict[str, float]:
    """An observable as a sum of Pauli strings on the qubits of the exported circuit.

    Qubits that the text leaves out are idle, in the state 0: there Z is 1, and X and Y are 0.
    """
    place = {qubit: number for number, qubit in enumerate(source.qubits)}
    terms: dict[str, float] = {}
    for paulis, qubits, factor in observable.as_paulis().simplify().to_sparse_list():
        letters = ["I"] * len(place)
        for pauli, qubit in zip(paulis, qubits, strict=True):
            if qubit in place:
                letters[-1 - place[qubit]] = pauli
            elif pauli != "Z":
                break
        else:
            name = "".join(letters)
            terms[name] = terms.get(name, 0.0) + float(factor.real)
    return terms


def _registers(circuit: QuantumCircuit) -> tuple[tuple[str, int], ...]:
    bits = [bit for register in circuit.cregs for bit in register]
    if len({*bits}) < len(bits):
        raise InvalidInput("classical registers of the circuit share bits: give each bit to one register")
    if not circuit.cregs:
        return (("c", circuit.num_clbits),) if circuit.num_clbits else ()
    if len(bits) < circuit.num_clbits:
        raise InvalidInput("the circuit has classical bits outside of its registers: add them to a register")
    return tuple((register.name, register.size) for register in circuit.cregs)

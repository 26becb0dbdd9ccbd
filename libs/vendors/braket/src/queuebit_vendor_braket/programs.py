"""Writes compiled circuits in Amazon Braket's OpenQASM 3.

Measurements are written in ascending order of their qubits, into bits in the same order. So the columns of a result are
the same whether the service orders them by qubit, by bit or by statement; which classical bit shows which column is
kept beside the results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qiskit import QuantumCircuit

from queuebit_quantum import DoesNotFit
from queuebit_vendor_braket.capabilities import Capabilities
from queuebit_vendor_braket.gates import Gate

__all__ = ["Layout", "Program", "gate_lines", "layout", "write"]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the classical bits of a circuit are in the columns of its result."""

    qubits: tuple[int, ...]
    """The measured qubits in ascending order, one for each column."""
    bits: tuple[int, ...]
    """The column of each classical bit; -1 for a bit that no measurement writes."""
    registers: tuple[int, ...]
    """Widths of the classical registers."""


@dataclass(frozen=True, slots=True)
class Program:
    """A circuit as it is sent."""

    source: str
    layout: Layout


def layout(
    circuit: QuantumCircuit, qubits: Sequence[int], registers: tuple[int, ...], *, everything: bool = False
) -> Layout:
    """Read which qubit each classical bit shows at the end.

    Args:
        circuit: a circuit whose measurements come last on their qubits.
        qubits: the name of each qubit of the circuit, as a number.
        registers: widths of the classical registers, whose bits come first in the circuit.
        everything: whether every qubit is measured, as some devices demand.
    """
    shown: dict[int, int] = {}
    for step in circuit.data:
        if step.name == "measure":
            shown[circuit.find_bit(step.clbits[0]).index] = qubits[circuit.find_bit(step.qubits[0]).index]
    measured = tuple(sorted(set(qubits) if everything else set(shown.values())))
    column = {qubit: place for place, qubit in enumerate(measured)}
    bits = tuple(column[shown[bit]] if bit in shown else -1 for bit in range(sum(registers)))
    return Layout(measured, bits, registers)


def write(
    circuit: QuantumCircuit, qubits: Sequence[int], registers: tuple[int, ...], able: Capabilities, *, physical: bool
) -> Program:
    """Write a compiled circuit.

    Args:
        circuit: gates that the device takes, then measurements, and barriers, which are left out.
        qubits: the name of each qubit of the circuit, as a number.
        registers: widths of the classical registers.
        able: the device.
        physical: whether qubits are those of the device (`$3`) in a verbatim box, which the service runs as it is.

    Raises:
        DoesNotFit: the circuit has an operation that Amazon Braket does not take.
    """
    found = layout(circuit, qubits, registers, everything=able.measures_all)
    names = [f"${it}" if physical else f"q[{it}]" for it in qubits]
    body = gate_lines(circuit, names, able.gates)
    lines = ["OPENQASM 3.0;", f"bit[{len(found.qubits)}] b;"]
    if physical:
        lines += ["#pragma braket verbatim", "box {", *body, "}"]
    else:
        lines += [f"qubit[{max(qubits) + 1}] q;", *body]
    shown = dict(zip(qubits, names, strict=True))
    lines += [f"b[{place}] = measure {shown[qubit]};" for place, qubit in enumerate(found.qubits)]
    return Program("\n".join(lines), found)


def gate_lines(circuit: QuantumCircuit, names: Sequence[str], gates: Mapping[str, Gate]) -> list[str]:
    """One line for each gate of a circuit, without measurements and barriers; raises as `write`."""
    lines = []
    for step in circuit.data:
        if step.name in ("measure", "barrier"):
            continue
        if (gate := gates.get(step.name)) is None:
            raise DoesNotFit(f"Amazon Braket does not take the operation `{step.name}`: leave it out")
        angles = (*(float(it) for it in step.operation.params), *gate.angles)
        given = f"({', '.join(map(repr, angles))})" if angles else ""
        on = ", ".join(names[circuit.find_bit(qubit).index] for qubit in step.qubits)
        lines.append(f"{gate.name}{given} {on};")
    return lines

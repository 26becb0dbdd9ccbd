"""Compiled circuits as `SamplerV2` takes them, and what it returns as outcomes.

The names of the classical registers say all that is needed to read a result in another process, which has only the id
of the job: `counts_0`, `counts_1`… are the registers of the program in order, `shots_0`… are the same if the outcome of
each shot is wanted, and `internal` has the bits that are no result.
"""

from __future__ import annotations

from itertools import count, takewhile
from typing import Any

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.primitives import BitArray

from queuebit_quantum import Compiled, Outcome, WorkItem, result_keys
from queuebit_quantum.backends import result_key

__all__ = ["outcome", "pub"]

_COUNTS, _SHOTS = "counts", "shots"


def pub(item: WorkItem) -> tuple[QuantumCircuit, None, int]:
    """Return the circuit of an item with its registers named, no parameters, and its shots."""
    return _named(item.compiled, _SHOTS if item.memory else _COUNTS), None, item.shots


def outcome(data: Any) -> Outcome | None:
    """Return what the data of one pub result say; None if they have no register of ours."""
    for kind in (_COUNTS, _SHOTS):
        names = _present(data, kind)
        if names:
            arrays: list[BitArray] = [data[name] for name in names]
            widths = tuple(int(it.num_bits) for it in arrays)
            bits = BitArray.concatenate_bits(arrays)
            memory = tuple(result_key(int(it, 2), widths) for it in bits.get_bitstrings()) if kind == _SHOTS else None
            return Outcome(result_keys(bits.get_int_counts(), widths), memory=memory)
    return None


def _present(data: Any, kind: str) -> list[str]:
    """The names of our registers of one kind, in order."""
    return list(takewhile(lambda name: name in data, (f"{kind}_{number}" for number in count())))


def _named(compiled: Compiled, kind: str) -> QuantumCircuit:
    program: QuantumCircuit = compiled.program
    registers = [ClassicalRegister(width, f"{kind}_{place}") for place, width in enumerate(compiled.registers)]
    if rest := program.num_clbits - sum(compiled.registers):
        registers.append(ClassicalRegister(rest, "internal"))
    named = QuantumCircuit(QuantumRegister(program.num_qubits, "q"), *registers)
    named.compose(program, named.qubits, named.clbits, inplace=True)
    return named

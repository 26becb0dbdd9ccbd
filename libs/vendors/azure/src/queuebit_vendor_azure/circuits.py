"""Compiled circuits in OpenQASM 2, as Quantinuum reads it, and what its results mean.

All classical bits are sent in registers `c0`, `c1` and so on of up to 32 bits: neither the names nor the order of a
program's own registers matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qasm2

from queuebit_quantum import Outcome, result_keys
from queuebit_quantum.backends import result_key
from queuebit_quantum.vendor_faults import VendorFailed

__all__ = ["counted", "written"]

_WIDTH = 32
"""Bits of a register; Quantinuum's own tools begin a new one after so many (`pytket.qasm`, `maxwidth`)."""


def written(program: QuantumCircuit) -> str:
    """Return a compiled circuit as OpenQASM 2."""
    registers = [ClassicalRegister(width, f"c{n}") for n, width in enumerate(_widths(program.num_clbits))]
    flat = QuantumCircuit(QuantumRegister(program.num_qubits, "q"), *registers)
    flat.compose(program, range(program.num_qubits), range(program.num_clbits), inplace=True)
    return str(qasm2.dumps(flat))


def counted(
    found: Mapping[str, Any],  # plain JSON
    bits: int,
    registers: Sequence[int],
    shots: int,
    *,
    memory: bool,
) -> Outcome:
    """The outcome of a circuit.

    Args:
        found: for each register, the outcome of each shot; the last bit of a register comes first
            (`_convert_result` in Quantinuum's `pytket-quantinuum`).
        bits: how many classical bits were sent.
        registers: widths of the program's own registers.
        shots: how many shots were asked for.
        memory: whether the outcome keeps each shot.

    Raises:
        VendorFailed: the result has another form.
    """
    values = [0] * shots
    for number, width in enumerate(_widths(bits)):
        texts = found.get(f"c{number}")
        if not isinstance(texts, list) or len(texts) != shots:
            raise VendorFailed(f"Azure Quantum has no result of {shots} shots for the register c{number}")
        for shot, text in enumerate(texts):
            if not isinstance(text, str) or len(text) != width or not set(text) <= {"0", "1"}:
                raise VendorFailed(f"Azure Quantum has the outcome {text!r:.80} for a register of {width} bits")
            values[shot] |= int(text, 2) << number * _WIDTH
    widths = tuple(registers)
    each = tuple(result_key(it, widths) for it in values) if memory else None
    return Outcome(result_keys(Counter(values), widths), memory=each)


def _widths(bits: int) -> list[int]:
    return [min(_WIDTH, bits - begin) for begin in range(0, bits, _WIDTH)]

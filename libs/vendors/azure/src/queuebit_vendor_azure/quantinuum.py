"""Quantinuum: compiled circuits in OpenQASM 2, and what its results mean.

All classical bits are sent in registers `c0`, `c1` and so on of up to 32 bits: neither the names nor the order of a
program's own registers matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from azure.quantum.target import Quantinuum
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qasm2

from queuebit_quantum import Outcome, result_keys
from queuebit_quantum.backends import result_key
from queuebit_quantum.vendor_faults import VendorFailed
from queuebit_vendor_azure.provider import Errors, Provider, Sent

__all__ = ["counted", "quantinuum", "written"]

_WIDTH = 32
"""Bits of a register; Quantinuum's own tools begin a new one after so many (`pytket.qasm`, `maxwidth`)."""


_GATES = ("h", "x", "y", "z", "s", "sdg", "t", "tdg", "rx", "ry", "rz", "cx", "cz")
"""Gates of `qelib1.inc` that Azure's SDK lists for Quantinuum (`QUANTINUUM_BASIS_GATES`)."""
_QUBITS = 56
"""Qubits of H2, as Azure's SDK has them (`_get_n_qubits`)."""
_MAX_SHOTS = 10_000
"""As Azure's SDK has it for the devices."""


def quantinuum(target: str) -> Provider:
    """One of Quantinuum's targets."""
    return Provider(
        vendor="Quantinuum",
        target=Quantinuum,
        gates=_GATES,
        qubits=_QUBITS,
        max_shots=_MAX_SHOTS,
        emulated=".sim." in target,
        features=frozenset({"mid_circuit_measurement", "reset"}),
        errors=Errors(one=3e-5, two=1e-3, measured=1e-3),
        layer_s=0.02,  # with the transport of ions
        written=written,
        read=counted,
    )


def written(program: QuantumCircuit) -> str:
    """Return a compiled circuit as OpenQASM 2."""
    registers = [ClassicalRegister(width, f"c{n}") for n, width in enumerate(_widths(program.num_clbits))]
    flat = QuantumCircuit(QuantumRegister(program.num_qubits, "q"), *registers)
    flat.compose(program, range(program.num_qubits), range(program.num_clbits), inplace=True)
    return str(qasm2.dumps(flat))


def counted(found: Mapping[str, Any], sent: Sent) -> Outcome:  # plain JSON
    """The outcome of a circuit.

    Args:
        found: for each register, the outcome of each shot; the last bit of a register comes first
            (`_convert_result` in Quantinuum's `pytket-quantinuum`).
        sent: what was sent with the job.

    Raises:
        VendorFailed: the result has another form.
    """
    values = [0] * sent.shots
    for number, width in enumerate(_widths(sent.bits)):
        texts = found.get(f"c{number}")
        if not isinstance(texts, list) or len(texts) != sent.shots:
            raise VendorFailed(f"Azure Quantum has no result of {sent.shots} shots for the register c{number}")
        for shot, text in enumerate(texts):
            if not isinstance(text, str) or len(text) != width or not set(text) <= {"0", "1"}:
                raise VendorFailed(f"Azure Quantum has the outcome {text!r:.80} for a register of {width} bits")
            values[shot] |= int(text, 2) << number * _WIDTH
    each = tuple(result_key(it, sent.registers) for it in values) if sent.memory else None
    return Outcome(result_keys(Counter(values), sent.registers), memory=each)


def _widths(bits: int) -> list[int]:
    return [min(_WIDTH, bits - begin) for begin in range(0, bits, _WIDTH)]

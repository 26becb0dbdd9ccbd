"""Writes a program of QIR as OpenQASM 3, for tools that read that."""

from __future__ import annotations

from collections.abc import Iterator

from queuebit_quantum.qir.program import QirProgram, Step

__all__ = ["as_openqasm"]

_ADJOINTS = {"sdg": "s", "tdg": "t", "sxdg": "sx"}
_BASES = {"rxx": ("h", "h"), "ryy": ("sx", "inv @ sx"), "rzz": ("", "")}
"""Rotations of two qubits, which the standard gates of OpenQASM do not have, are rotations about ZZ in another basis:
what is done to both qubits before it, and what undoes that."""


def as_openqasm(program: QirProgram) -> str:
    """The same program in OpenQASM 3, with the recorded results as registers `c0`, `c1`, …"""
    return "\n".join(_lines(program)) + "\n"


def _lines(program: QirProgram) -> Iterator[str]:
    yield 'OPENQASM 3.0;\ninclude "stdgates.inc";'
    yield f"qubit[{max(1, program.num_qubits)}] q;"
    bits = {}
    for number, register in enumerate(program.registers):
        yield f"bit[{len(register)}] c{number};"
        bits.update({result: f"c{number}[{at}]" for at, result in enumerate(register)})
    others = dict.fromkeys(it.result for it in program.steps if it.result is not None and it.result not in bits)
    if others:
        yield f"bit[{len(others)}] unrecorded;"
        bits.update({result: f"unrecorded[{at}]" for at, result in enumerate(others)})
    for step in program.steps:
        yield from _statements(step, bits)


def _statements(step: Step, bits: dict[int, str]) -> Iterator[str]:
    qubits = [f"q[{it}]" for it in step.qubits]
    if step.result is not None:
        yield f"{bits[step.result]} = measure {qubits[0]};"
        if step.gate == "measure_reset":
            yield f"reset {qubits[0]};"
    elif step.gate in _BASES:
        before, after = _BASES[step.gate]
        yield from (f"{before} {it};" for it in qubits if before)
        yield f"cx {qubits[0]}, {qubits[1]};"
        yield f"rz({step.angles[0]!r}) {qubits[1]};"
        yield f"cx {qubits[0]}, {qubits[1]};"
        yield from (f"{after} {it};" for it in qubits if after)
    elif step.gate in ("reset", "barrier"):
        yield f"{step.gate} {', '.join(qubits)};".replace(" ;", ";")
    else:
        gate = f"inv @ {_ADJOINTS[step.gate]}" if step.gate in _ADJOINTS else step.gate
        angles = f"({', '.join(map(repr, step.angles))})" if step.angles else ""
        yield f"{gate}{angles} {', '.join(qubits)};"

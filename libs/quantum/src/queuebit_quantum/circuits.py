"""OpenQASM in, a checked circuit out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from queuebit_kernel import digest
from queuebit_quantum.errors import CircuitError
from queuebit_quantum.limits import Limits
from queuebit_quantum.parameters import Input, Parameters, bound_digest, parameter_faults
from queuebit_quantum.tokens import Source, read

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from queuebit_quantum.loaded import Loaded

__all__ = ["Circuit", "circuit_of", "inputs", "parse"]


@dataclass(frozen=True, slots=True)
class Circuit:
    """A program that parsed, measures something, and stays within the limits.

    Counts are of the program written out: gates the source defined are replaced by their definitions and loops by all
    their turns; both branches of a condition count. `depth` takes a condition as one step.
    """

    digest: str
    """SHA-256 of the source's UTF-8 bytes; with parameters, of both."""
    language: str
    """`openqasm2` or `openqasm3`."""
    num_qubits: int
    num_clbits: int
    registers: tuple[int, ...]
    """Widths of the classical registers in declaration order; a result's bit string has them from right to left."""
    gates: Mapping[str, int]
    """Operations by name, measurements, resets and delays included, barriers not."""
    depth: int
    two_qubit_gates: int
    features: frozenset[str]
    """Any of `mid_circuit_measurement`, `reset`, `conditional`, `assignment`, `loop`, `while_loop`, `opaque`.

    `assignment` sets classical bits other than by measuring; `loop` is one that a measurement may end. No backend here
    runs the last two: nothing bounds a `while` loop, and an opaque gate does nothing known.
    """
    physical: tuple[int, ...] = ()
    """Device qubits the source names as `$n`, one for each qubit of the circuit, ascending; empty if it declares its
    qubits."""
    touched: tuple[int, ...] = ()
    """Indices of the qubits that a gate, a measurement or a reset acts on: only these are run."""
    quantum_circuit: QuantumCircuit = field(repr=False, compare=False, kw_only=True)
    """The same program as Qiskit holds it, written out. Treat as read-only."""


def inputs(source: str, limits: Limits | None = None) -> tuple[Input, ...]:
    """Return what OpenQASM 2 or 3 text leaves open, which is nothing in version 2; raises `CircuitError` as `parse`."""
    tokens = read(source, limits or Limits())
    if tokens.version == 2:
        return ()
    from queuebit_quantum.qasm3 import inputs as declared

    return declared(tokens)


def parse(
    source: str, limits: Limits | None = None, *, parameters: Parameters | None = None, measured: bool = True
) -> Circuit:
    """Turn OpenQASM 2 or 3 text into a circuit; the header says which it is, and without one it is OpenQASM 3.

    Nothing is ever read from disk: the standard includes are built in, all others are refused. What the program would
    become written out is counted before it is. Parsing stays a job for a process bounded in memory and time all the
    same: the grammars are large, and the parsers are not ours.

    Args:
        source: the text.
        limits: how large it may be.
        parameters: a value for each `input` that it declares, by name.
        measured: whether a program that measures nothing is refused.

    Raises:
        CircuitError: with the place, what was expected there, and a code.
    """
    limits, given = limits or Limits(), parameters or {}
    tokens = read(source, limits)
    loaded = _load(tokens, limits, given)
    return circuit_of(
        loaded, bound_digest(digest(source.encode()), given), f"openqasm{tokens.version}", measured=measured
    )


def _load(tokens: Source, limits: Limits, given: Parameters) -> Loaded:
    if tokens.version == 2:
        from queuebit_quantum.qasm2 import load as load2

        if faults := parameter_faults((), given):
            raise CircuitError("; ".join(faults), code="parameter")
        return load2(tokens, limits)
    from queuebit_quantum.qasm3 import load as load3

    return load3(tokens, limits, given)


def circuit_of(loaded: Loaded, digest_: str, language: str, *, measured: bool = True) -> Circuit:
    """Count and check a program that was written out; raises `CircuitError`."""
    from queuebit_quantum.physical import touched
    from queuebit_quantum.structure import census, unusable_parameter

    flat = loaded.circuit
    unusable = unusable_parameter(flat)
    if unusable:
        raise CircuitError(unusable, expected="angles below 2^53, and delays of at most 1 s", code="parameter")
    found = census(flat)
    if measured and not found.measurements:
        raise CircuitError(
            "the program measures nothing, so it has no result: add `measure` statements",
            expected="at least one `measure`",
            code="no_measurement",
        )
    return Circuit(
        digest=digest_,
        language=language,
        num_qubits=flat.num_qubits,
        num_clbits=sum(loaded.registers),
        registers=loaded.registers,
        gates=dict(found.gates),
        depth=flat.depth(),
        two_qubit_gates=found.two_qubit_gates,
        features=frozenset(found.features),
        physical=loaded.physical,
        touched=touched(flat),
        quantum_circuit=flat,
    )

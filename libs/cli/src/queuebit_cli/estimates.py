"""Estimates of resources by Microsoft's estimator, from the package `qdk`; needs neither a stack nor a network.

The estimator counts the logical operations of a program, then computes for each hardware model the code distance, the
factories of T states, the physical qubits and the run time (arXiv:2211.07629).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from queuebit.errors import InvalidInput
from queuebit.qsharp import Q_SHARP, ask, entry_expression
from queuebit_planning.languages import is_qir

__all__ = ["MODELS", "Counts", "Estimate", "Estimates", "estimates"]

_SURFACE, _FLOQUET = "surface_code", "floquet_code"
MODELS: Final[Mapping[str, str]] = {
    "qubit_gate_ns_e3": _SURFACE,
    "qubit_gate_ns_e4": _SURFACE,
    "qubit_gate_us_e3": _SURFACE,
    "qubit_gate_us_e4": _SURFACE,
    "qubit_maj_ns_e4": _FLOQUET,
    "qubit_maj_ns_e6": _FLOQUET,
}
"""The hardware models of the estimator, each with the error-correcting code that is used with it. A name says the kind
of instructions (gates, or measurements of Majorana qubits), the time of an operation, and its error rate."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Logical operations of a program, before error correction."""

    qubits: int
    t_gates: int
    rotations: int
    """By angles that are no multiple of pi/4."""
    rotation_depth: int
    """Layers that have such rotations."""
    ccz_gates: int
    """CCZ, CCX and alike."""
    measurements: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a program needs on one hardware model; the numbers are 0 if it failed."""

    model: str
    code: str
    physical_qubits: int = 0
    runtime_ns: int = 0
    code_distance: int = 0
    t_states: int = 0
    logical_qubits: int = 0
    """Of the algorithm, with the qubits that its layout needs."""
    t_factories: int = 0
    failure: str | None = None
    """Why there is no estimate."""


@dataclass(frozen=True, slots=True)
class Estimates:
    """A program, and what it needs on each model."""

    counts: Counts
    of_models: tuple[Estimate, ...]


def estimates(path: Path, content: bytes, models: Sequence[str], budget: float) -> Estimates:
    """Estimate a program for hardware models.

    Args:
        path: names the program in errors; `.qs` says that it is Q#.
        content: its source: OpenQASM 2 or 3, QIR or Q#.
        models: names from `MODELS`.
        budget: the highest probability of a failure of the whole program, between 0 and 1.

    Raises:
        InvalidInput: a package is not installed, or the program cannot be read.
    """
    wanted = [{"model": it, "code": MODELS[it]} for it in models]
    answer = ask(**_program(path, content), profile="Unrestricted", models=wanted, budget=budget)
    if "refused" in answer:
        raise InvalidInput(f"{path} cannot be estimated: {answer['refused']}")
    counts = answer["counts"]
    return Estimates(
        Counts(
            counts["numQubits"],
            counts["tCount"],
            counts["rotationCount"],
            counts["rotationDepth"],
            counts["cczCount"] + counts["ccixCount"],
            counts["measurementCount"],
        ),
        tuple(_estimate(name, found) for name, found in zip(models, answer["estimates"], strict=True)),
    )


def _program(path: Path, content: bytes) -> dict[str, str]:
    if path.suffix != Q_SHARP:
        return {"language": "openqasm", "source": _openqasm(path, content), "entry": "qasm_import.program()"}
    source = content.decode("utf-8-sig")
    return {"language": "qsharp", "source": source, "entry": entry_expression(path, source)}


def _openqasm(path: Path, content: bytes) -> str:
    """A circuit as OpenQASM, which the estimator reads."""
    if not is_qir(content):
        return content.decode("utf-8-sig")
    try:
        quantum: Any = import_module("queuebit_quantum")
        qir: Any = import_module("queuebit_quantum.qir")
    except ImportError as error:
        raise InvalidInput("estimates of QIR need the package queuebit-quantum: install it") from error
    try:
        return str(qir.as_openqasm(qir.read(content, quantum.Limits())))
    except quantum.CircuitError as error:
        raise InvalidInput(f"{path} cannot be estimated: {error}") from error


def _estimate(model: str, found: Mapping[str, Any]) -> Estimate:  # JSON of the estimator
    code = MODELS[model]
    if "failure" in found:
        return Estimate(model, code, failure=found["failure"])
    needed, breakdown = found["physicalCounts"], found["physicalCounts"]["breakdown"]
    return Estimate(
        model,
        code,
        physical_qubits=needed["physicalQubits"],
        runtime_ns=needed["runtime"],
        code_distance=found["logicalQubit"]["codeDistance"],
        t_states=breakdown["numTstates"],
        logical_qubits=breakdown["algorithmicLogicalQubits"],
        t_factories=breakdown["numTfactories"],
    )

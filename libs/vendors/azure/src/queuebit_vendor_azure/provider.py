"""What differs between the providers of Azure Quantum: their gates, the form of a program, and that of a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from azure.quantum.target import Target
from qiskit import QuantumCircuit

from queuebit_quantum import Outcome

__all__ = ["Errors", "Provider", "Sent"]


@dataclass(frozen=True, slots=True)
class Errors:
    """Round figures of a device, not those of the day: Azure publishes no calibration."""

    one: float
    """Of a gate on one qubit."""
    two: float
    measured: float


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent with a job, and is needed to read its result."""

    job: str
    """Its id."""
    bits: int
    """How many classical bits the program has."""
    measured: tuple[int | None, ...]
    """The qubit whose last measurement wrote each bit; None where there is none."""
    registers: tuple[int, ...]
    """Widths of the program's registers."""
    shots: int
    memory: bool
    """Whether the outcome of each shot is wanted."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One target of a provider."""

    vendor: str
    target: type[Target]
    """The class of the SDK, which has the formats of programs and results."""
    gates: tuple[str, ...]
    qubits: int
    max_shots: int
    emulated: bool
    features: frozenset[str]
    errors: Errors
    layer_s: float
    """A guess of what a layer of gates takes, in seconds; Azure publishes no times."""
    written: Callable[[QuantumCircuit], str]
    """A compiled circuit in the provider's format."""
    read: Callable[[Mapping[str, Any], Sent], Outcome]
    """The outcome of a circuit from its result, which is plain JSON; raises `VendorFailed`."""

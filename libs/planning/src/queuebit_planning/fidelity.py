"""Computes the ESP of a compiled circuit from its operations and a calibration.

ESP, the estimated success probability, is the product of (1 - error) over all operations, with readout (Nishio et al.
2020, "Extracting success from IBM's 20-qubit machines using error-aware compilation", arXiv:1903.10963). It excludes
the decay of idle qubits. Both branches of a condition count, so that it is a lower bound for dynamic circuits.

The product is computed in decimal numbers in sorted order, so that every machine gets the same parts per million.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from typing import Final, NamedTuple, TypeAlias

from queuebit_kernel import Malformed, canonical
from queuebit_planning.tensors import Step

__all__ = [
    "OPERATIONS",
    "Errors",
    "Operation",
    "count_operations",
    "errors_in",
    "esp",
    "esp_ppm",
    "read_operations",
    "write_errors",
    "write_operations",
]

OPERATIONS: Final = "application/vnd.queuebit.operations+json"
"""Media type of the operations of a compiled circuit: a JSON array of `[gate, [qubits], count]`, sorted."""

Errors: TypeAlias = Mapping[Step, float]
"""Error probability, from 0 to 1, of a gate on device qubits. A missing gate has error 0."""

_NO_ERRORS: Final = frozenset({"barrier", "delay"})
_EXACT: Final = Context(prec=34)
_ONE: Final = Decimal(1)


class Operation(NamedTuple):
    """A gate on device qubits, and its count in the compiled circuit."""

    gate: str
    qubits: tuple[int, ...]
    times: int


def count_operations(steps: Iterable[Step]) -> tuple[Operation, ...]:
    """Count equal operations and sort them; skips barriers and delays, which have no error."""
    counted = Counter(step for step in steps if step[0] not in _NO_ERRORS)
    return tuple(Operation(gate, qubits, counted[gate, qubits]) for gate, qubits in sorted(counted))


def esp(operations: Iterable[Operation], errors: Errors) -> float:
    """Return the estimated success probability, from 0 to 1."""
    product = _ONE
    for gate, qubits, times in sorted(operations):
        if error := errors.get((gate, qubits)):
            success = _EXACT.subtract(_ONE, Decimal(repr(min(error, 1.0))))
            product = _EXACT.multiply(product, _EXACT.power(success, times) if times > 1 else success)
    return float(product)


def esp_ppm(operations: Iterable[Operation], errors: Errors) -> int:
    """Return the estimated success probability in parts per million."""
    return round(esp(operations, errors) * 1_000_000)


def write_operations(operations: Iterable[Operation]) -> bytes:
    """Return compact JSON; equal operations give equal bytes."""
    return canonical([[gate, list(qubits), times] for gate, qubits, times in sorted(operations)])


def read_operations(content: bytes) -> tuple[Operation, ...]:
    """Parse the output of `write_operations`.

    Raises:
        Malformed: the content is not an array of `[gate, [qubits], count]`.
    """
    try:
        return tuple(
            Operation(str(gate), tuple(int(qubit) for qubit in qubits), int(times))
            for gate, qubits, times in json.loads(content)
        )
    except (ValueError, TypeError) as error:
        raise Malformed(f"not the operations of a compiled circuit: {error!s:.200}") from error


def write_errors(errors: Errors) -> dict[str, dict[str, float]]:
    """Return the errors in the form of a calibration snapshot: by gate, then by qubits such as `"0 1"`."""
    written: dict[str, dict[str, float]] = {}
    for (gate, qubits), error in sorted(errors.items()):
        written.setdefault(gate, {})[" ".join(map(str, qubits))] = error
    return written


def errors_in(snapshot: bytes) -> Errors | None:
    """Read the errors from a calibration snapshot; None for snapshots of older versions, which lack them.

    Raises:
        Malformed: the content is not a snapshot.
    """
    try:
        gates = json.loads(snapshot).get("errors")
        if gates is None:
            return None
        return {
            (str(gate), tuple(map(int, qubits.split()))): float(error)
            for gate, known in gates.items()
            for qubits, error in known.items()
        }
    except (ValueError, TypeError, AttributeError) as error:
        raise Malformed(f"not a calibration: {error!s:.200}") from error

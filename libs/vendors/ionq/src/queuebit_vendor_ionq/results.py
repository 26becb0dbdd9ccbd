"""What IonQ's probabilities and failures mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from queuebit_quantum import Failed, result_keys
from queuebit_quantum.shares import drawn, rounded
from queuebit_quantum.vendor_faults import VendorFailed, vendor_text

__all__ = ["counted", "failed"]

_REFUSED = frozenset({
    "CompilationError", "InvalidInput", "NotEnoughQubits", "OptimizationError", "PreflightError",
    "QuantumCircuitComplexityError", "SimulationTimeout", "TooLongPredictedExecutionTime", "TooManyControls",
    "TooManyGates", "TooManyShots", "UnsupportedGate",
})  # fmt: skip
"""Failures of a job that are due to its circuit (docs.ionq.com, v0.4 error codes)."""

_QUOTA = frozenset({"BillingError", "ContractExpiredError", "QuotaExhaustedError", "UnknownBillingError"})
"""Failures that are due to the operator's account."""


def failed(failure: Any) -> Failed:  # plain JSON
    """The failure of a job, with IonQ's code and message."""
    document = failure if isinstance(failure, dict) else {}
    code, text = str(document.get("code", "")), str(document.get("error", ""))
    kind = "vendor_refused" if code in _REFUSED else "vendor_quota" if code in _QUOTA else "vendor_failed"
    return Failed(kind, vendor_text(f"IonQ: {code}: {text}" if code else f"IonQ: {text or 'the job failed'}"))


def counted(
    probabilities: Mapping[str, Any],  # plain JSON
    shots: int,
    measured: Sequence[int | None],
    registers: Sequence[int],
    *,
    exact: bool,
    job: str,
) -> dict[str, int]:
    """Counts by Qiskit's bit string.

    Args:
        probabilities: by outcome, a decimal integer whose bit n is qubit n.
        shots: how many shots were asked for.
        measured: the qubit of each classical bit, None where it is not measured.
        registers: widths of the classical registers.
        exact: whether the probabilities are those of an ideal simulation. Shots are then drawn from them, always the
            same ones for the same job. Those of a device are counts divided by shots.
        job: the id of the job.
    """
    try:
        shares = {int(value): float(share) for value, share in probabilities.items()}
    except (TypeError, ValueError) as error:
        raise VendorFailed(f"IonQ has probabilities in an unknown form: {error!s:.100}") from None
    if not shares or any(not 0 <= it <= 1.000001 for it in shares.values()) or abs(sum(shares.values()) - 1) > 0.01:
        raise VendorFailed(f"IonQ has {len(shares)} probabilities, whose sum is {sum(shares.values()):.6g}")
    taken = drawn(shares, shots, job) if exact else rounded(shares, shots)
    counts: dict[int, int] = {}
    for value, count in taken.items():
        bits = sum((value >> qubit & 1) << bit for bit, qubit in enumerate(measured) if qubit is not None)
        counts[bits] = counts.get(bits, 0) + count
    return result_keys(counts, tuple(registers))

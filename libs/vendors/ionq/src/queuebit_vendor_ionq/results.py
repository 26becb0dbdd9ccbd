"""What IonQ's probabilities and failures mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from queuebit_kernel import digest
from queuebit_quantum import Failed, result_keys
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
    taken = _drawn(shares, shots, job) if exact else _rounded(shares, shots)
    counts: dict[int, int] = {}
    for value, count in taken.items():
        bits = sum((value >> qubit & 1) << bit for bit, qubit in enumerate(measured) if qubit is not None)
        counts[bits] = counts.get(bits, 0) + count
    return result_keys(counts, tuple(registers))


def _rounded(shares: Mapping[int, float], shots: int) -> dict[int, int]:
    """Whole numbers with the sum `shots`: those with the largest remainders are rounded up."""
    total = sum(shares.values())
    exact = {value: share / total * shots for value, share in shares.items()}
    whole = {value: int(it) for value, it in exact.items()}
    missing = shots - sum(whole.values())
    for value in sorted(exact, key=lambda it: (whole[it] - exact[it], it))[:missing]:
        whole[value] += 1
    return {value: count for value, count in whole.items() if count}


def _drawn(shares: Mapping[int, float], shots: int, job: str) -> dict[int, int]:
    import numpy as np

    values = sorted(shares)
    chances = np.array([shares[it] for it in values])
    seed = int(digest(job.encode()).partition(":")[2][:16], 16)
    drawn = np.random.default_rng(seed).multinomial(shots, chances / chances.sum())
    return {value: int(count) for value, count in zip(values, drawn, strict=True) if count}

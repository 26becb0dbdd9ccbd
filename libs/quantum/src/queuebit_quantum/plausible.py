"""Values of a calibration that cannot be: they are put aside, and the rest of the calibration is used.

Real calibrations have them. On 30 of the 120 days of ibm_perth in `tests/bench/data`, a T2 is above 2 · T1, also on the
day on which a coupler failed: to refuse the whole document would have hidden that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from queuebit_quantum.errors import NotReachable

if TYPE_CHECKING:
    from qiskit.transpiler import Target

__all__ = ["Plausible", "absurd_errors", "is_probability", "plausible_times", "require_some"]

_Times = tuple[float | None, float | None]
"""T1 and T2 of a qubit in seconds."""

_MOST = 0.5
"""If a larger part of all errors cannot be, the document is broken."""


@dataclass(frozen=True, slots=True)
class Plausible:
    """Times that can be, and what was wrong with the others."""

    times: tuple[_Times, ...]
    quarantined: tuple[str, ...]


def is_probability(value: float) -> bool:
    """Whether a value can be an error; NaN cannot."""
    return 0.0 <= value <= 1.0


def absurd_errors(target: Target) -> Iterator[str]:
    """Name each error of a gate or a readout that is no probability."""
    for name in sorted(target.operation_names):
        for qubits, properties in (target[name] or {}).items():
            error = getattr(properties, "error", None)
            if qubits is not None and error is not None and not is_probability(error):
                where = "-".join(map(str, qubits))
                yield f"the error {float(error):g} of {name} on {where} is no probability: the gate is not used"


def require_some(absurd: Sequence[str], target: Target) -> None:
    """Check that most errors can be.

    Raises:
        NotReachable: they cannot.
    """
    stated = sum(
        getattr(it, "error", None) is not None
        for name in target.operation_names
        for qubits, it in (target[name] or {}).items()
        if qubits is not None
    )
    if stated and len(absurd) > stated * _MOST:
        text = f"{len(absurd)} of {stated} errors of the calibration are no probabilities, such as: {absurd[0]}"
        raise NotReachable(f"it is quarantined, and the one before stays in force: {text}")


def plausible_times(times: Sequence[_Times], before: Sequence[_Times] | None) -> Plausible:
    """Replace times that cannot be by those before; if there are none, T2 is at most 2 · T1.

    Both times of a qubit are replaced together: which of the two is wrong is not known. T2 <= 2 · T1 holds for any
    qubit (Nielsen and Chuang, section 7.6.4); a measurement may be above it by chance, and is then no better.
    """
    kept: list[_Times] = []
    texts: list[str] = []
    for qubit, (t1, t2) in enumerate(times):
        wrong = _wrong(t1, t2)
        known = before[qubit] if before is not None and qubit < len(before) else None
        if not wrong:
            kept.append((t1, t2))
        elif known is not None:
            kept.append(known)
            texts.append(f"{wrong} of qubit {qubit}: the values before stay in force")
        else:
            kept.append(_capped(t1, t2))
            texts.append(f"{wrong} of qubit {qubit}: T2 is at most 2 · T1, or not known")
    return Plausible(tuple(kept), tuple(texts))


def _capped(t1: float | None, t2: float | None) -> _Times:
    """The times that can be, with T2 at most 2 · T1; without T1, neither is known."""
    if t1 is None or not (math.isfinite(t1) and t1 > 0):
        return None, None
    return t1, min(t2, 2 * t1) if t2 is not None and t2 > 0 else None


def _wrong(t1: float | None, t2: float | None) -> str:
    """What is wrong with the times of a qubit; empty if nothing is."""
    for name, value in (("T1", t1), ("T2", t2)):
        if value is not None and not (math.isfinite(value) and value > 0):
            return f"{name} = {value:g} s"
    if t1 is not None and t2 is not None and t2 > 2 * t1:
        return f"T2 = {t2 * 1e6:.1f} us is above 2 · T1 = {2 * t1 * 1e6:.1f} us"
    return ""

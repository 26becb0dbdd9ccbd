"""What a characterization says of durations and errors of a device."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from queuebit_kernel import digest, rfc3339
from queuebit_quantum import Calibration
from queuebit_quantum.calibration import Coupler, Qubit
from queuebit_vendor_ionq.client import Document

__all__ = ["Figures", "calibration_of"]

_GATE_S = {1: 135e-6, 2: 600e-6}
"""Duration of a gate on one or two qubits where a characterization has none: those that IonQ states for Aria."""
_SHOT_S = 300e-6
"""Reset and readout of a shot, in seconds, where a characterization has neither."""


class Figures:
    """Durations and errors of a device, from its characterization or typical."""

    def __init__(self, read: Document) -> None:
        timing, fidelity = read.get("timing") or {}, read.get("fidelity") or {}
        self._gate_s = {n: _seconds(timing.get(f"{n}q")) or typical for n, typical in _GATE_S.items()}
        ends = [_seconds(timing.get(it)) for it in ("readout", "reset")]
        self._shot_s = sum(it for it in ends if it) or _SHOT_S
        self.fidelity = {name: _median(fidelity.get(name)) for name in ("1q", "2q", "spam")}
        """Medians from 0 to 1, None where unknown."""

    def duration_s(self, one: int, two: int) -> float:
        """Of a shot: gates of trapped ions follow one another."""
        return one * self._gate_s[1] + two * self._gate_s[2] + self._shot_s

    def esp(self, one: int, two: int, measured: int) -> float:
        """The product of the median fidelities; 1.0 where none is known."""
        known = {"1q": one, "2q": two, "spam": measured}
        share = 1.0
        for name, times in known.items():
            share *= (self.fidelity[name] or 1.0) ** times
        return share


def calibration_of(read: Document, qubits: int) -> Calibration:
    """IonQ states medians over a device, which are those of each qubit and pair here."""
    figures = Figures(read)
    one, two, spam = (figures.fidelity[it] for it in ("1q", "2q", "spam"))
    timing = read.get("timing") or {}
    qubit = Qubit(
        t1_s=_number(timing.get("t1")),
        t2_s=_number(timing.get("t2")),
        readout_error=None if spam is None else 1 - spam,
        gate_error=None if one is None else 1 - one,
    )
    couplers = tuple(
        Coupler((int(a), int(b)), "zz", None if two is None else 1 - two, _seconds(timing.get("2q")))
        for a, b in read.get("connectivity") or ()
    )
    written = json.dumps(read, sort_keys=True, separators=(",", ":")).encode()
    return Calibration(rfc3339(datetime.fromisoformat(read["date"])), (qubit,) * qubits, couplers, digest(written))


def _median(figure: Any) -> float | None:  # plain JSON
    value = _number(figure.get("median")) if isinstance(figure, dict) else None
    return value if value is not None and 0 < value <= 1 else None


def _number(value: Any) -> float | None:  # plain JSON
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _seconds(value: Any) -> float | None:  # plain JSON
    """A duration in seconds; a whole number is an example of the documentation, not a duration of a gate."""
    number = _number(value)
    return number if number is not None and 0 < number < 1 else None

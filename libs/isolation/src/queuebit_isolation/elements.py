"""Which qubits and couplers of a device are not used, by its calibrations; and how much of the device is left."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from queuebit_isolation.document import Limits

__all__ = ["Element", "Elements", "Figures", "OverLimit", "judge", "least_qubits", "read_figures"]

Element = tuple[int, ...]
"""A qubit as `(3,)`, a coupler as `(3, 5)`."""

_FAILED = 1.0
"""The error that vendors state for a gate whose calibration failed."""
_ENOUGH = 3
"""The least values of its own that an error is compared with."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Errors of one calibration, from 0 to 1: of the readout of each qubit, and of the gate of each coupler."""

    errors: Mapping[Element, float | None]
    """None: the calibration has no value."""
    qubits: int
    """How many the device has."""


@dataclass(frozen=True, slots=True)
class OverLimit:
    """One element beyond its limit."""

    element: Element
    error: float | None
    limit: float


@dataclass(frozen=True, slots=True)
class Elements:
    """What a calibration says about the parts of a device."""

    out: Mapping[Element, int] = field(default_factory=dict)
    """The elements that are not used, and how many good calibrations in a row each has had since."""
    worst: tuple[OverLimit, ...] = ()
    """Those beyond their limits in this calibration, the worst first."""
    connected: int = 0
    """Qubits of the largest connected part that is left."""
    qubits: int = 0
    """Qubits of the device."""

    @property
    def bad_qubits(self) -> tuple[int, ...]:
        return tuple(sorted(it[0] for it in self.out if len(it) == 1))

    @property
    def bad_couplers(self) -> tuple[tuple[int, int], ...]:
        """Those whose qubits are used."""
        bad = {it for it in self.out if len(it) == 1}
        pairs = ((it[0], it[1]) for it in self.out if len(it) == 2)
        return tuple(sorted(it for it in pairs if (it[0],) not in bad and (it[1],) not in bad))

    def is_enough(self, limits: Limits) -> bool:
        """Whether what is left can stay in service."""
        return self.connected >= least_qubits(self.qubits, limits)


def least_qubits(qubits: int, limits: Limits) -> int:
    """How many connected qubits must be left of a device."""
    return max(1, math.ceil(qubits * limits.min_qubits_share))


def read_figures(snapshot: Mapping[str, Any]) -> Figures:
    """Read the errors of a calibration from its JSON.

    A value that is no probability counts as none: nothing is known about that element.

    Raises:
        ValueError: it has no list of qubits.
    """
    qubits, couplers = snapshot.get("qubits"), snapshot.get("couplers") or ()
    if not isinstance(qubits, list) or not qubits:
        raise ValueError("the calibration has no qubits")
    errors: dict[Element, float | None] = {
        (number,): _probability(it.get("readout_error")) for number, it in enumerate(qubits)
    }
    for it in couplers:
        first, second = sorted(it["qubits"])
        errors[int(first), int(second)] = _probability(it.get("error"))
    return Figures(errors, len(qubits))


def judge(figures: Figures, history: Sequence[Figures], before: Elements, limits: Limits) -> Elements:
    """Decide which elements are not used from a calibration on.

    An element is taken out if its error is 1, above its limit, or far above its own history; or if it has none,
    although the calibration states errors of other qubits or couplers. It returns after some good calibrations in a
    row, each well below the limit, so that one at its limit is not switched by each calibration. A coupler that earlier
    calibrations have and this one has not counts as one without a value.

    Args:
        figures: the new calibration.
        history: earlier ones of the device, the oldest first.
        before: what the calibration before gave.
        limits: those of the device.
    """
    known = {element for it in history for element in it.errors if max(element) < figures.qubits} | {*figures.errors}
    stated = {len(element) for element, error in figures.errors.items() if error is not None}
    out: dict[Element, int] = {}
    seen: list[OverLimit] = []
    for element in sorted(known):
        error, limit = figures.errors.get(element), _limit(element, history, limits)
        if error is None and len(element) not in stated:
            continue
        if error is None or error >= _FAILED or error > limit:
            out[element] = 0
            seen.append(OverLimit(element, error, limit))
        elif element in before.out:
            good = before.out[element] + 1 if error <= limit * limits.returns_below else 0
            if good < limits.good_calibrations:
                out[element] = good
    seen.sort(key=lambda it: (-_FAILED if it.error is None else -it.error, it.element))
    return Elements(out, tuple(seen), _connected(known, out), figures.qubits)


def _limit(element: Element, history: Sequence[Figures], limits: Limits) -> float:
    """The smaller of the limit for all, and a multiple of the element's own median where that says something."""
    absolute = limits.readout_error if len(element) == 1 else limits.two_qubit_error
    own = [error for it in history if (error := it.errors.get(element)) is not None and error < _FAILED]
    if len(own) < _ENOUGH:
        return absolute
    return min(absolute, max(limits.times_own * median(own), absolute * limits.worth_noting))


def _connected(known: Iterable[Element], out: Mapping[Element, int]) -> int:
    """The size of the largest part that is left; all qubits of a device without couplers reach each other."""
    parent = {it[0]: it[0] for it in known if len(it) == 1 and it not in out}
    pairs = [it for it in known if len(it) == 2]
    if not pairs:
        return len(parent)

    def root(qubit: int) -> int:
        while parent[qubit] != qubit:
            qubit = parent[qubit]
        return qubit

    for pair in pairs:
        first, second = pair
        if pair not in out and first in parent and second in parent:
            parent[root(first)] = root(second)
    return max(Counter(map(root, parent)).values(), default=0)


def _probability(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if 0 <= value <= 1 else None

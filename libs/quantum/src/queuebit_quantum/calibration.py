"""The calibration of a device: error rates and times at one date."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Any

from queuebit_kernel import Json, digest_of, rfc3339
from queuebit_planning.fidelity import Errors, write_errors
from queuebit_quantum.plausible import absurd_errors, is_probability, plausible_times, require_some

if TYPE_CHECKING:
    from qiskit.transpiler import InstructionProperties, Target

__all__ = ["Calibration", "Coupler", "Qubit", "read_calibration"]

_NO_GATES = frozenset({"delay", "id", "measure", "p", "reset", "rz", "s", "sdg", "t", "tdg", "z"})
"""Operations on one qubit that do nothing to a state, or only change a phase."""


@dataclass(frozen=True, slots=True)
class Qubit:
    """One qubit: relaxation and dephasing times in seconds, error probabilities from 0 to 1; None if unknown."""

    t1_s: float | None
    t2_s: float | None
    readout_error: float | None
    gate_error: float | None
    """The error of an `sx` gate, or of the first of the device's own gates on one qubit, by name."""


@dataclass(frozen=True, slots=True)
class Coupler:
    """One pair of qubits that can interact; its error is that of the better direction."""

    qubits: tuple[int, int]
    gate: str
    error: float | None
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """All values of one calibration."""

    calibrated_at: str
    """RFC 3339, UTC."""
    qubits: tuple[Qubit, ...]
    couplers: tuple[Coupler, ...]
    digest: str
    """SHA-256 of the values in canonical JSON; each number is the shortest decimal text that reads back exactly."""
    errors: Errors = field(default_factory=dict)
    """Error by gate and ordered qubits; gates without a known error are absent."""
    durations: Errors = field(default_factory=dict)
    """Duration in seconds by gate and ordered qubits; gates without a known duration are absent."""
    dt_s: float | None = None
    """Resolution of the control electronics in seconds; None if unknown."""
    quarantined: tuple[str, ...] = ()
    """Values that cannot be and are not used, with the reason, as texts."""

    def as_json(self) -> dict[str, Any]:
        """Return the values, their medians over the device and the digest as plain JSON values."""
        return {
            **_figures(self),
            "medians": {
                "t1_s": _median(qubit.t1_s for qubit in self.qubits),
                "t2_s": _median(qubit.t2_s for qubit in self.qubits),
                "readout_error": _median(qubit.readout_error for qubit in self.qubits),
                "gate_error": _median(qubit.gate_error for qubit in self.qubits),
                "two_qubit_error": _median(coupler.error for coupler in self.couplers),
            },
            "digest": self.digest,
            **({"quarantined": [*self.quarantined]} if self.quarantined else {}),
        }


def read_calibration(updated_at: datetime, target: Target, before: Calibration | None = None) -> Calibration:
    """Read the calibration from a Qiskit target.

    A value that cannot be is not used, and is named in `quarantined`: an error that is no probability counts as 1, so
    that the gate is not used; times that cannot be are those of the calibration before.

    Args:
        updated_at: when the device was calibrated.
        target: its gates and qubits.
        before: the calibration that is in force.

    Raises:
        NotReachable: most of its errors cannot be: the calibration before stays in force.
    """
    gate = _one_qubit_gate(target)
    qubits = tuple(_qubit(target, gate, index) for index in range(target.num_qubits))
    plausible = plausible_times(_times(qubits), None if before is None else _times(before.qubits))
    qubits = tuple(replace(it, t1_s=t1, t2_s=t2) for it, (t1, t2) in zip(qubits, plausible.times, strict=True))
    absurd = [*absurd_errors(target)]
    require_some(absurd, target)
    couplers = tuple(_couplers(target))
    read = Calibration(
        rfc3339(updated_at),
        qubits,
        couplers,
        "",
        _errors(target),
        _durations(target),
        _number(target.dt),
        (*absurd, *plausible.quarantined),
    )
    return replace(read, digest=digest_of(_texts(_figures(read))))


def _times(qubits: Iterable[Qubit]) -> list[tuple[float | None, float | None]]:
    return [(it.t1_s, it.t2_s) for it in qubits]


def _figures(calibration: Calibration) -> dict[str, Any]:
    return {
        "calibrated_at": calibration.calibrated_at,
        "qubits": [asdict(qubit) for qubit in calibration.qubits],
        "couplers": [{**asdict(coupler), "qubits": list(coupler.qubits)} for coupler in calibration.couplers],
        "errors": write_errors(calibration.errors),
        "durations": write_errors(calibration.durations),
        "dt_s": calibration.dt_s,
    }


def _one_qubit_gate(target: Target) -> str | None:
    """The gate whose error stands for a qubit: not a rotation about z, which devices do by changing a phase."""
    if "sx" in target.operation_names:
        return "sx"
    singles = (name for name in sorted(target.operation_names) if any(on and len(on) == 1 for on in target[name] or {}))
    return next((name for name in singles if name not in _NO_GATES), None)


def _qubit(target: Target, gate: str | None, index: int) -> Qubit:
    properties = target.qubit_properties[index]
    return Qubit(
        t1_s=_number(properties.t1),
        t2_s=_number(properties.t2),
        readout_error=_error(target["measure"].get((index,))),
        gate_error=None if gate is None else _error(target[gate].get((index,))),
    )


def _couplers(target: Target) -> list[Coupler]:
    found: dict[tuple[int, int], Coupler] = {}
    for name in sorted(target.operation_names):
        for qubits, properties in (target[name] or {}).items():
            if qubits is None or len(qubits) != 2 or properties is None:
                continue
            pair = (min(qubits), max(qubits))
            known = found.get(pair)
            error = _error(properties)
            if known is None or known.error is None or (error is not None and error < known.error):
                found[pair] = Coupler(pair, name, error, _number(properties.duration))
    return [found[pair] for pair in sorted(found)]


def _errors(target: Target) -> Errors:
    return {
        (name, qubits): error
        for name in target.operation_names
        for qubits, properties in (target[name] or {}).items()
        if qubits is not None and (error := _error(properties))
    }


def _durations(target: Target) -> Errors:
    return {
        (name, qubits): duration
        for name in target.operation_names
        for qubits, properties in (target[name] or {}).items()
        if qubits is not None and properties is not None and (duration := _number(properties.duration)) is not None
    }


def _error(properties: InstructionProperties | None) -> float | None:
    error = None if properties is None else _number(properties.error)
    return error if error is None or is_probability(error) else 1.0


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _median(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _texts(value: Any) -> Json:
    """Replace floats by text, so that the digest does not depend on the float format of a language."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dict):
        return {key: _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return value  # type: ignore[no-any-return]  # a plain JSON value

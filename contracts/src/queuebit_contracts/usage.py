"""The usage of a job: a list of measures, each final or not.

Version 0.1 wrote three fixed fields and one flag for all of them. They stay on the wire, and are read only
here: use `measures_of`, `quantities` or `is_final`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Annotated, Final, NamedTuple

from pydantic import Field

from queuebit_contracts.wire import Name, Wire

__all__ = [
    "CPU_TIME",
    "GATES_1Q",
    "GATES_2Q",
    "MEASUREMENTS",
    "QPU_TIME",
    "QUBITS",
    "RESERVATION",
    "SHOTS",
    "TASKS",
    "UNITS",
    "Measure",
    "MeasureRecord",
    "Usage",
    "UsageRecord",
    "is_final",
    "measures_of",
    "prevailing",
    "quantities",
    "run_usage",
    "shots_of",
    "usage_of",
]

SHOTS: Final = "shots"
"""Shots that were taken."""

TASKS: Final = "tasks"
"""Tasks that the vendor bills, where it splits a job into several."""

QPU_TIME: Final = "qpu-time"
"""Time on the backend; on simulators, the time of the simulation."""

QUBITS: Final = "qubits"
"""Qubits that were occupied."""

GATES_1Q: Final = "gates-1q"
"""Gates on one qubit, of all shots together. Absent: those of the circuit that was quoted."""

GATES_2Q: Final = "gates-2q"
"""Gates on two qubits, of all shots together."""

MEASUREMENTS: Final = "measurements"
"""Preparations, resets and measurements of qubits, of all shots together."""

CPU_TIME: Final = "cpu-time"
"""Time of processors for steps after the run. No price component rates it."""

RESERVATION: Final = "reservation"
"""1 if the run took place in a reservation, of this platform or at the vendor, which pays for it."""

UNITS: Final[Mapping[str, str]] = {
    SHOTS: "shot",
    TASKS: "task",
    QPU_TIME: "microsecond",
    QUBITS: "qubit",
    GATES_1Q: "gate-shot",
    GATES_2Q: "gate-shot",
    MEASUREMENTS: "gate-shot",
    CPU_TIME: "microsecond",
    RESERVATION: "reservation",
}
"""The unit of each metric that is known here. A backend may report further metrics."""

_Quantity = Annotated[str, Field(pattern=r"^[0-9]{1,18}(\.[0-9]{1,18})?$")]


class Measure(Wire):
    """One thing that was measured, such as 1,000 shots."""

    metric: Name
    """The metric: `shots`, `qpu-time`, `qubits`, another of `UNITS`, or one of the vendor."""
    quantity: _Quantity
    """Exact decimal, zero or more."""
    unit: str = Field(min_length=1, max_length=32)
    """As in `UNITS`, for the metrics there."""
    final: bool = True
    """Whether the quantity may still change; only final quantities are billed."""


class Usage(Wire):
    """The usage of a job. Create it with `usage_of`, and read it with `measures_of`."""

    shots: int = 0
    qpu_us: int = 0
    """QPU time in microseconds; on simulators, the time of the simulation."""
    qubits: int = 0
    final: bool = True
    at_limit: bool | None = None
    """Whether the run failed at a limit that its own size reached, such as its time: what it used is then billed."""
    measures: tuple[Measure, ...] | None = Field(default=None, max_length=32)
    """Everything that was measured. Absent where `shots`, `qpu_us`, `qubits` and `final` say it all; if it is there, it
    counts, and they repeat what they can for readers of version 0.1."""


class MeasureRecord(NamedTuple):
    """A measure, for readers that keep many."""

    metric: str
    quantity: str
    unit: str
    final: bool


class UsageRecord(NamedTuple):
    """A usage with everything that an event says of it, for readers that keep many."""

    shots: int = 0
    qpu_us: int = 0
    qubits: int = 0
    final: bool = True
    at_limit: bool | None = None
    measures: tuple[MeasureRecord, ...] | None = None

    @classmethod
    def of(cls, usage: Usage) -> UsageRecord:
        """What an event says."""
        measures = None
        if usage.measures is not None:
            measures = tuple([MeasureRecord(it.metric, it.quantity, it.unit, it.final) for it in usage.measures])
        return cls(usage.shots, usage.qpu_us, usage.qubits, usage.final, usage.at_limit, measures)


def usage_of(*measures: Measure, at_limit: bool | None = None) -> Usage:
    """What was measured, in the smallest form that says it all: older readers understand as much as they can."""
    known = {it.metric: it for it in measures if UNITS.get(it.metric) == it.unit}
    plain = Usage(
        shots=_whole(known.get(SHOTS)),
        qpu_us=_whole(known.get(QPU_TIME)),
        qubits=_whole(known.get(QUBITS)),
        final=all(it.final for it in measures),
        at_limit=at_limit,
    )
    if _worth_saying(measures_of(plain)) == _worth_saying(measures):
        return plain
    return plain.model_copy(update={"measures": measures})


def run_usage(*, shots: int = 0, qpu_us: int = 0, qubits: int = 0, at_limit: bool | None = None) -> Usage:
    """What a run used that this platform measured itself, so that it is final."""
    return Usage(shots=shots, qpu_us=qpu_us, qubits=qubits, at_limit=at_limit)


def measures_of(usage: Usage) -> tuple[Measure, ...]:
    """All measures, from events of any version."""
    if usage.measures is not None:
        return usage.measures
    return tuple(
        Measure(metric=metric, quantity=str(quantity), unit=UNITS[metric], final=usage.final)
        for metric, quantity in _fields(usage).items()
    )


def quantities(usage: Usage | UsageRecord) -> dict[str, Decimal]:
    """The measured quantities by metric, of the metrics and units that are known here."""
    if usage.measures is None:
        return {metric: Decimal(quantity) for metric, quantity in _fields(usage).items()}
    return {it.metric: Decimal(it.quantity) for it in usage.measures if UNITS.get(it.metric) == it.unit}


def shots_of(usage: Usage) -> int:
    """The number of shots."""
    return int(quantities(usage).get(SHOTS, 0))


def is_final(usage: Usage | UsageRecord) -> bool:
    """Whether no measure can change any more. Usage that is not final is not billed yet, and keeps its hold."""
    return usage.final if usage.measures is None else all(it.final for it in usage.measures)


def prevailing(reports: Mapping[int, Usage | UsageRecord]) -> int | None:
    """The revision of the report that counts: the newest final one, or if none is final, the newest."""
    return max(reports, key=lambda revision: (is_final(reports[revision]), revision), default=None)


def _fields(usage: Usage | UsageRecord) -> dict[str, int]:
    """What version 0.1 can say."""
    return {SHOTS: max(usage.shots, 0), QPU_TIME: max(usage.qpu_us, 0), QUBITS: max(usage.qubits, 0)}


def _whole(measure: Measure | None) -> int:
    return 0 if measure is None else int(Decimal(measure.quantity).to_integral_value(ROUND_CEILING))


def _worth_saying(measures: Iterable[Measure]) -> set[tuple[str, Decimal, str, bool]]:
    found = {(it.metric, Decimal(it.quantity), it.unit, it.final) for it in measures}
    return {it for it in found if it[1] or not it[3]}

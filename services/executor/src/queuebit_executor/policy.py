"""What an executor does next, and what it says of a circuit. No input or output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from queuebit_contracts.query import BackendEstimate
from queuebit_contracts.wire import Reason
from queuebit_executor.answers import Described, Estimate
from queuebit_executor.state import Mark, Past
from queuebit_executor.timing_model import device_us
from queuebit_quantum import quickest

__all__ = [
    "ATTEMPTS",
    "Allowance",
    "Begin",
    "GiveUp",
    "Leave",
    "Resume",
    "memory_for_state",
    "needless",
    "next_step",
    "quoted",
    "run_limit_s",
    "slots_of",
]

ATTEMPTS: Final = 3
"""Attempts that may be lost before a job is given up."""

_RESERVED_MB: Final = 256
"""Of a child's memory: parsing, compiling and the counts. A state vector may take the rest."""

_MOST_HOURS: Final = 24
"""A job that is expected to occupy its backend for longer is refused; no number downstream need be larger."""

_HOUR_US = 3_600_000_000

_LEEWAY: Final = 4
"""A run may take so many times what its hold pays for: the estimate is generous, but the machine may be busy."""

_LEAST_RUN_S: Final = 10.0
"""No run is stopped before: starting one may take longer than a small circuit does."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one run may use here. What an estimate says does not fit it is refused before it is paid for."""

    memory_mb: int
    run_s: float


@dataclass(frozen=True, slots=True)
class Begin:
    """Run the job."""

    attempt: int
    after: int


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on with this executor's own attempt: it was put down, not lost."""

    mark: Mark
    after: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Every attempt was lost: the job probably kills whoever runs it."""

    last: Mark
    after: int


@dataclass(frozen=True, slots=True)
class Leave:
    """Nothing is left to do."""

    why: str


def next_step(past: Past, placement: int, me: str) -> Begin | Resume | GiveUp | Leave:
    """Decide, as the executor `me`, about the placement at sequence `placement`.

    A start by another executor without an end means that it was lost, or is so late that its lease ran out; the guard
    on the job's end lets only one of them finish. A start of one's own means that something it needs was away: whoever
    can read this is not lost, and no attempt is counted.
    """
    if why := needless(past, placement):
        return Leave(why)
    if past.attempt is None:
        return Begin(1, past.tail)
    if past.attempt.executor == me:
        return Resume(past.attempt, past.tail)
    if past.attempt.number >= ATTEMPTS:
        return GiveUp(past.attempt, past.tail)
    return Begin(past.attempt.number + 1, past.tail)


def needless(past: Past, placement: int) -> str | None:
    """Why the placement at sequence `placement` needs no run any more, if that is so."""
    if past.ended:
        return "the job has ended"
    if past.placed > placement:
        return "the job was placed anew"
    return None


def slots_of(offer: Described, slots: int) -> int:
    """Jobs that a backend runs side by side: a device has one set of qubits, a simulator as many as it is given."""
    return slots if offer.kind == "simulator" else 1


def memory_for_state(offer: Described, memory_mb: int) -> int | None:
    """Bytes that the state of a simulation may take; nothing is promised for devices."""
    return _state_bytes(memory_mb) if offer.kind == "simulator" else None


def run_limit_s(offer: Described, budget_us: int, most_s: float) -> float:
    """Seconds after which a run is stopped.

    On a simulator they follow from the time that the job's hold pays for, so that little money cannot keep it busy for
    long. A hold on an emulated device pays for the device's time, not for its emulation's: there the limit of all runs
    applies.
    """
    if offer.kind != "simulator":
        return most_s
    return min(most_s, max(_LEAST_RUN_S, _LEEWAY * budget_us / 1_000_000))


def quoted(estimate: Estimate, offer: Described, shots: int, allowance: Allowance) -> BackendEstimate:
    """Say what these shots would take on a backend, or why it cannot run them; every reason at once."""
    reasons = list(_reasons(estimate, offer, shots, allowance))
    if reasons:
        text = "; ".join(reason.text for reason in reasons)
        return BackendEstimate(backend=offer.backend, unfit=Reason(code=reasons[0].code, text=text))
    return BackendEstimate(
        backend=offer.backend,
        depth=estimate.depth,
        two_qubit_gates=estimate.two_qubit_gates,
        duration_ns=estimate.duration_ns,
        qpu_us=_qpu_us(estimate, offer, shots),
        esp_ppm=None if offer.kind == "simulator" else estimate.esp_ppm,
        calibration=offer.calibration,
    )


def _reasons(estimate: Estimate, offer: Described, shots: int, allowance: Allowance) -> Iterator[Reason]:
    name = offer.backend
    if estimate.unfit:
        yield estimate.unfit
    if shots > offer.max_shots:
        yield Reason(code="bad_shots", text=f"{name} takes at most {offer.max_shots:,} shots, not {shots:,}")
    if not estimate.methods:
        return
    simulation = quickest(estimate.methods, shots)
    memory = _state_bytes(allowance.memory_mb)
    if simulation.memory_bytes > memory:
        text = f"{name} has {memory >> 20:,} MiB for a state and this one takes {simulation.memory_bytes >> 20:,} MiB"
        yield Reason(code="too_much_memory", text=text)
    seconds = -(-simulation.microseconds(shots) // 1_000_000)
    if seconds > allowance.run_s:
        text = f"{name} would compute for up to {seconds:,} s, and a run may take {allowance.run_s:g} s"
        yield Reason(code="too_long", text=text)
    hours = -(-_qpu_us(estimate, offer, shots) // _HOUR_US)
    if offer.kind != "simulator" and hours > _MOST_HOURS:
        text = f"{name} would be busy for {hours:,} hours, and a job may take {_MOST_HOURS}"
        yield Reason(code="too_long", text=text)


def _qpu_us(estimate: Estimate, offer: Described, shots: int) -> int:
    if offer.kind == "simulator":
        return quickest(estimate.methods, shots).microseconds(shots)
    return device_us(shots, estimate.duration_ns, estimate.rep_delay_ns, estimate.overhead_ns)


def _state_bytes(memory_mb: int) -> int:
    return (memory_mb - _RESERVED_MB) << 20

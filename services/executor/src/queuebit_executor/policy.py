"""What an executor does next, and what it says of a circuit. No input or output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from queuebit_contracts.query import BackendEstimate
from queuebit_contracts.wire import Reason
from queuebit_executor.answers import Estimate, Offer, Profiled
from queuebit_executor.figures import device_us, simulation_us
from queuebit_executor.state import Mark, Past

__all__ = [
    "ATTEMPTS",
    "Begin",
    "GiveUp",
    "Leave",
    "Resume",
    "memory_for_state",
    "needless",
    "next_step",
    "quoted",
    "slots_of",
]

ATTEMPTS: Final = 3
"""Attempts that may be lost before a job is given up."""

_RESERVED_MB: Final = 256
"""Of a child's memory: parsing, compiling and the counts. A state vector may take the rest."""

_MOST_HOURS: Final = 24
"""A job that is expected to occupy its backend for longer is refused; no number downstream need be larger."""

_HOUR_US = 3_600_000_000
_DYNAMIC = {"mid_circuit_measurement", "reset", "conditional", "loop"}


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


def slots_of(offer: Offer, slots: int) -> int:
    """Jobs that a backend runs side by side: a device has one set of qubits, a simulator as many as it is given."""
    return slots if offer.kind == "simulator" else 1


def memory_for_state(offer: Offer, memory_mb: int) -> int | None:
    """Bytes that the state of a simulation may take; nothing is promised for devices."""
    return (memory_mb - _RESERVED_MB) << 20 if offer.kind == "simulator" else None


def quoted(estimate: Estimate, offer: Offer, found: Profiled, shots: int, memory_mb: int) -> BackendEstimate:
    """Say what these shots would take on a backend, or why it cannot run them; every reason at once."""
    profile = found.profile
    reasons = [estimate.unfit.text] if estimate.unfit else []
    if shots > offer.max_shots:
        reasons.append(f"{offer.backend} takes at most {offer.max_shots:,} shots, not {shots:,}")
    memory = memory_for_state(offer, memory_mb)
    if memory is not None and profile.simulation_bytes > memory:
        need = profile.simulation_bytes >> 20
        reasons.append(f"{offer.backend} has {memory >> 20:,} MiB for a state and this one takes {need:,} MiB")
    if offer.kind == "simulator":
        dynamic = not _DYNAMIC.isdisjoint(profile.features)
        qpu_us = simulation_us(shots, found.operations, profile.clbits, profile.simulation_bytes, dynamic=dynamic)
    else:
        qpu_us = device_us(shots, estimate.duration_ns, estimate.rep_delay_ns, estimate.overhead_ns)
    if not reasons and qpu_us > _MOST_HOURS * _HOUR_US:
        hours = -(-qpu_us // _HOUR_US)
        reasons.append(f"{offer.backend} would be busy for {hours:,} hours, and a job may take {_MOST_HOURS}")
    if reasons:
        code = estimate.unfit.code if estimate.unfit else "does_not_fit"
        return BackendEstimate(backend=offer.backend, unfit=Reason(code=code, text="; ".join(reasons)))
    return BackendEstimate(
        backend=offer.backend,
        depth=estimate.depth,
        two_qubit_gates=estimate.two_qubit_gates,
        duration_ns=estimate.duration_ns,
        qpu_us=qpu_us,
        esp_ppm=None if offer.kind == "simulator" else estimate.esp_ppm,
        calibration=offer.calibration,
    )

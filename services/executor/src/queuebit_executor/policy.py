"""What an executor does next, and what it says of a circuit. No input or output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from queuebit_contracts.job import MOST_GATES, GateShots, Placement
from queuebit_contracts.query import BackendEstimate
from queuebit_contracts.sharing import MOST_TOGETHER, may_share
from queuebit_contracts.wire import Payload, Reason
from queuebit_executor.answers import Described, Estimate
from queuebit_executor.state import Mark, Past
from queuebit_kernel import rfc3339
from queuebit_planning.eligibility import Capacity, Demand, objections
from queuebit_planning.limits import SERIAL_QUBITS, state_bytes
from queuebit_planning.timing import device_us, quickest

__all__ = [
    "ATTEMPTS",
    "Allowance",
    "Begin",
    "GiveUp",
    "Leave",
    "Load",
    "Resume",
    "Sharing",
    "capacity_of",
    "companions",
    "demand_of",
    "kept_of",
    "memory_for_state",
    "needless",
    "next_step",
    "quoted",
    "slots_of",
    "together",
    "too_late",
    "uses_all_cores",
]

ATTEMPTS: Final = 3
"""Attempts that may be lost before a job is given up."""

_LONG_US: Final = 100_000
"""The quoted time from which a simulation with threads has the machine for itself."""


_TOGETHER: Final = 16
"""The most circuits that run in one request to a child."""

_TOGETHER_US: Final = 100_000
"""Their quoted time, most of which is a margin: none waits longer than this for those that run before it."""

_TOGETHER_BYTES: Final = 16_384
"""The longest of their sources: one that the child has to parse first must not delay the others."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a circuit costs those that share a request with it."""

    source_bytes: int
    quoted_us: int
    alone: bool = False
    """Whether it must not share one."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """A circuit that may share a device."""

    owner: tuple[str, str | None]
    """Its tenant and consent."""
    shots: int


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
    """Every attempt was lost: the job probably kills its executor."""

    last: Mark
    after: int


@dataclass(frozen=True, slots=True)
class Leave:
    """Nothing is left to do."""

    why: str


def next_step(past: Past, placement: int, me: str) -> Begin | Resume | GiveUp | Leave:
    """Decide, as the executor `me`, about the placement at sequence `placement`.

    A start by another executor without an end means that it was lost, or is so late that its lease ran out; the guard
    on the job's end lets only one of them finish. A start of its own means that something it needs was down: this
    executor is not lost, and no attempt is counted.
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
        return "the job was placed again"
    if past.withdrawn > placement:
        return "the job was taken from this backend"
    return None


def too_late(job: Placement, attempt: int, now: datetime) -> str | None:
    """Why a placement must not start any more: it could not end before the next window of its backend.

    The scheduler decides on it again. A job that has started before is not held back: it has no other place.
    """
    if job.start_by is None or attempt > 1 or now <= job.start_by:
        return None
    return f"it was to start by {rfc3339(job.start_by)}, before the next window of {job.backend}"


def slots_of(offer: Described, slots: int | None, cores: int) -> int:
    """The number of jobs that a backend runs at the same time: one for a device, one for each core for a simulator.

    `slots` sets another number for a simulator, and for a remote backend the number of our jobs at the vendor.
    """
    if offer.remote:
        return slots or 1
    return slots or cores if offer.kind == "simulator" else 1


def kept_of(offer: Described, kept: int) -> int:
    """The most children of a backend that live, idle ones included, if at most `kept` are for a simulator.

    A stack has several emulated devices: each keeps a quarter of that.
    """
    return max(1, kept // 4) if not offer.remote and offer.kind != "simulator" else kept


def uses_all_cores(job: Placement) -> bool:
    """Whether a simulation gains by all cores: then no other such run begins meanwhile.

    Two large states at the same time take as long as one after the other, and twice the memory. Shorter runs do not
    wait for one another.
    """
    return job.terms is not None and job.terms.qubits > SERIAL_QUBITS and job.qpu_us >= _LONG_US


def together(waiting: Iterable[Load], share: int) -> int:
    """How many of the first circuits that wait run in one request: at least one, if any waits.

    `share` is the number that leaves work for the other children. Circuits keep their order.
    """
    count = quoted_us = 0
    for it in waiting:
        quoted_us += it.quoted_us
        large = it.alone or it.source_bytes > _TOGETHER_BYTES
        if count and (large or count >= min(share, _TOGETHER) or quoted_us > _TOGETHER_US):
            break
        count += 1
        if large:
            break
    return count


def companions(first: Sharing, waiting: Sequence[Sharing]) -> list[int]:
    """Which of the circuits that wait are on the device with the first, by their places: each pair of them agreed.

    They have the same shots, so that none waits for the shots of another. Circuits are taken in their order.
    """
    found: list[int] = []
    for place, it in enumerate(waiting):
        others = (first, *(waiting[at] for at in found))
        if it.shots == first.shots and all(may_share(it.owner, other.owner) for other in others):
            found.append(place)
        if len(found) == MOST_TOGETHER - 1:
            break
    return found


def memory_for_state(offer: Described, memory_mb: int) -> int | None:
    """Bytes that the state of a simulation may take; nothing is promised for devices."""
    return state_bytes(memory_mb) if offer.kind == "simulator" else None


def quoted(
    estimate: Estimate, offer: Described, shots: int, allowance: Allowance, operations: Payload | None = None
) -> BackendEstimate:
    """Estimate a run of these shots on a backend, or return all reasons why it cannot run them."""
    demand = demand_of(estimate, offer, shots)
    found = objections(demand, capacity_of(offer, allowance))
    reasons = [*([estimate.unfit] if estimate.unfit else []), *(Reason(code=it.code, text=str(it)) for it in found)]
    if reasons:
        text = "; ".join(reason.text for reason in reasons)
        return BackendEstimate(backend=offer.backend, unfit=Reason(code=reasons[0].code, text=text))
    return BackendEstimate(
        backend=offer.backend,
        depth=estimate.depth,
        two_qubit_gates=estimate.two_qubit_gates,
        duration_ns=estimate.duration_ns,
        qpu_us=demand.busy_us,
        esp_ppm=None if offer.kind == "simulator" else estimate.esp_ppm,
        calibration=offer.calibration,
        operations=operations,
        gate_shots=gate_shots([(estimate.gates, shots)]),
    )


def gate_shots(runs: Iterable[tuple[tuple[int, int, int] | None, int]]) -> GateShots | None:
    """The gates of all shots of some runs; None if those of one are not counted."""
    sums = [0, 0, 0]
    for gates, shots in runs:
        if gates is None:
            return None
        sums = [known + count * shots for known, count in zip(sums, gates, strict=True)]
    one, two, measured = (min(it, MOST_GATES) for it in sums)
    return GateShots(gates_1q=one, gates_2q=two, measurements=measured)


def demand_of(estimate: Estimate, offer: Described, shots: int) -> Demand:
    """What the compiled circuit asks for; its qubits and features were checked when it was compiled."""
    simulation = quickest(estimate.methods, shots) if estimate.methods else None
    run_us = simulation.microseconds(shots) if simulation else 0
    busy_us = run_us
    if offer.kind != "simulator":
        busy_us = device_us(shots, estimate.duration_ns, estimate.rep_delay_ns, estimate.overhead_ns)
    return Demand(
        shots=shots, memory_bytes=simulation.memory_bytes if simulation else 0, run_us=run_us, busy_us=busy_us
    )


def capacity_of(offer: Described, allowance: Allowance) -> Capacity:
    """What one job may use of a backend here."""
    return Capacity(
        backend=offer.backend,
        max_shots=offer.max_shots,
        memory_bytes=state_bytes(allowance.memory_mb),
        run_us=round(allowance.run_s * 1_000_000),
    )

"""The figures of a job: what was authorised, used and charged, as its events say.

They are tuples, because a verification keeps them of every job, and passes them between processes.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import NamedTuple

from queuebit_contracts.job import Acceptance, Candidate, Charge, ChargeLine, Correction, Fallback, Metering
from queuebit_contracts.usage import UsageRecord
from queuebit_contracts.wire import Amount
from queuebit_pricing import Bounds
from queuebit_scheduling import cost_ranks

__all__ = [
    "Authorised",
    "Bill",
    "Bound",
    "Charged",
    "Corrected",
    "Held",
    "Line",
    "authorised",
    "bill",
    "corrected",
    "label",
]


class Held(NamedTuple):
    """A held amount, as it is written."""

    amount: str
    currency: str


class Bound(NamedTuple):
    """What is authorised on one backend."""

    backend: str
    price: str
    qpu_us: int
    """The most QPU time in microseconds."""
    cost_rank: int
    """As decisions rank it."""
    gates: tuple[int, int, int] | None = None
    """The most gates on one qubit, gates on two, and measurements, of all shots; None if the price has none."""
    tasks: int | None = None
    """The most tasks of the vendor; None where a job is one task."""
    fallback: int = 0
    """Its place in the fallback of the job, from 1; 0 if the job asked for it."""

    def limits(self, shots: int, qubits: int) -> Bounds:
        """What the hold pays for."""
        one, two, measured = self.gates or (0, 0, 0)
        return Bounds(
            tasks=self.tasks,
            shots=shots,
            qpu_us=self.qpu_us,
            qubits=qubits,
            gates_1q=one,
            gates_2q=two,
            measurements=measured,
        )


class Authorised(NamedTuple):
    """What the broker authorised: how much may run where, and the hold."""

    shots: int
    qubits: int
    bounds: tuple[Bound, ...]
    hold: Held
    submission: int | None
    accepted_us: int
    sequence: int
    """Of the acceptance."""
    session: str | None = None
    """The session of the job."""
    fallback_after_us: int = 0
    """How long what it asked for must be out of service before it falls back."""
    fell_back: str | None = None
    """The label of a job that fell back at its admission, as JSON."""
    objective: str | None = None
    """What the job prefers of its candidates."""
    owner: tuple[str, str, str | None, int] | None = None
    """Project, user, class and priority."""
    least_esp_ppm: int | None = None
    """The least success probability that it demands: a calibration may take candidates away."""
    reservation: str | None = None
    """The reservation in whose slot alone it runs."""
    spot: bool = False
    """Whether it runs only while no other job wants the backend, at the price of spot jobs."""
    shared_device: str | None = None
    """With whose circuits it may be on a device; None: with none."""

    def bound(self, backend: str) -> Bound | None:
        """What is authorised on a backend; None where the job may not run."""
        return next((it for it in self.bounds if it.backend == backend), None)


class Line(NamedTuple):
    """One line of a charge."""

    component: str
    billed: str
    unit_price: str
    amount: str
    credits: tuple[str, str] | None = None
    """Unit and amount in a virtual currency."""


class Charged(NamedTuple):
    """A charge, as far as it follows from usage and price; exact decimals as they are written."""

    amount: str
    currency: str
    jbu: str
    lines: tuple[Line, ...]


class Bill(NamedTuple):
    """The bill of a job."""

    state: str
    usage: UsageRecord
    charge: Charged
    hold: Held | None
    final: bool
    """Whether nothing of it can change any more, short of a correction."""


class Corrected(NamedTuple):
    """A correction of the bill of a job."""

    backend: str | None
    revision: int
    report: int
    usage: UsageRecord
    charge: Charged
    delta: Charged
    final: bool


def authorised(data: Acceptance, accepted_us: int, sequence: int) -> Authorised:
    """What the broker authorised, from its acceptance at a sequence of the log."""
    ranks, places = cost_ranks({it.backend: Decimal(it.hold) for it in data.everywhere}), data.fallback_places
    rule = data.fallback
    return Authorised(
        shots=data.profile.shots or data.shots,
        qubits=data.profile.qubits,
        bounds=tuple(
            {it.backend: _bound(it, ranks[it.backend], places.get(it.backend, 0)) for it in data.everywhere}.values()
        ),
        hold=_held(data.hold),
        submission=data.submission,
        accepted_us=accepted_us,
        sequence=sequence,
        session=data.session,
        fallback_after_us=0 if rule is None or rule.decided else rule.after_s * 1_000_000,
        fell_back=label(rule.decided) if rule else None,
        objective=data.objective,
        owner=(data.project, data.user, data.workload_class, data.priority or 0),
        least_esp_ppm=data.limits.min_esp_ppm if data.limits else None,
        reservation=data.reservation,
        spot=data.spot is True,
        shared_device=data.shared_device,
    )


def label(fallback: Fallback | None) -> str | None:
    """The label of a run on a fallback, in a form that can be compared; None where there is none."""
    return None if fallback is None else fallback.model_dump_json()


def _bound(it: Candidate, rank: int, fallback: int) -> Bound:
    gates = it.gate_shots
    counted = None if gates is None else (gates.gates_1q, gates.gates_2q, gates.measurements)
    return Bound(it.backend, it.price, it.qpu_us, rank, counted, it.tasks, fallback)


def bill(data: Metering) -> Bill:
    """The first bill of a job."""
    hold = None if data.hold is None else _held(data.hold)
    return Bill(data.state, UsageRecord.of(data.usage), _charged(data.charge), hold, data.final is not False)


def corrected(data: Correction) -> Corrected:
    """A later bill of a job."""
    usage, charge, delta = UsageRecord.of(data.usage), _charged(data.charge), _charged(data.delta)
    return Corrected(data.backend, data.revision, data.report, usage, charge, delta, data.final)


def _charged(charge: Charge) -> Charged:
    return Charged(charge.amount, charge.currency, charge.jbu, tuple([_line(it) for it in charge.lines]))


def _line(it: ChargeLine) -> Line:
    virtual = (sys.intern(it.credits.unit), it.credits.amount) if it.credits else None
    return Line(sys.intern(it.component), it.billed, sys.intern(it.unit_price), it.amount, virtual)


def _held(amount: Amount) -> Held:
    return Held(amount.amount, amount.currency)

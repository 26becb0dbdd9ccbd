"""The cost of a circuit on the backends that it fits; `queuebit_planning.eligibility` decides whether it fits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from queuebit_broker.state import Profiled
from queuebit_contracts.backend import Registration
from queuebit_contracts.job import GateShots, Profile
from queuebit_contracts.query import BackendEstimate
from queuebit_kernel import Money
from queuebit_planning.eligibility import Capacity, Demand, Objection, objections
from queuebit_pricing import Bounds, Price, PriceBook, Unpriced, quote

__all__ = ["Candidate", "Silent", "Tariff", "Verdict", "assess"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A backend that can run the circuit."""

    backend: str
    price: str
    cost: Money
    """The most it will be."""
    estimate: BackendEstimate
    gates: GateShots | None = None
    """The most gates that the cost includes; None where the price does not depend on them."""
    tasks: int | None = None
    """The most tasks of the vendor that the cost includes; None where a job is one task."""


@dataclass(frozen=True, slots=True)
class Silent:
    """A backend is acceptable, but its executor did not profile the circuit."""

    backend: str


Verdict = Candidate | Silent | tuple[Objection, ...]


class Tariff:
    """The price book, asked again and again for the same few quotes."""

    def __init__(self, book: PriceBook) -> None:
        self.digest = book.digest
        self.currency = book.currency
        self._book = book
        self._most = lru_cache(maxsize=4096)(self._quote)

    def price(self, backend: str, at: datetime, *, spot: bool = False) -> Price:
        """The price that applies, or that of spot jobs; raises `Unpriced`."""
        return self._book.price_for(backend, at, spot=spot)

    def most(
        self,
        price: Price,
        *,
        shots: int,
        qpu_us: int,
        qubits: int,
        gates: GateShots | None = None,
        tasks: int | None = None,
    ) -> Money:
        """The most that a run within these bounds can cost."""
        counted = () if gates is None else (gates.gates_1q, gates.gates_2q, gates.measurements)
        return self._most(price.id, shots, qpu_us, qubits, counted, tasks)

    def _quote(
        self, price_id: str, shots: int, qpu_us: int, qubits: int, counted: tuple[int, ...], tasks: int | None
    ) -> Money:
        gates = dict(zip(("gates_1q", "gates_2q", "measurements"), counted, strict=False))
        bounds = Bounds(tasks=tasks, shots=shots, qpu_us=qpu_us, qubits=qubits, **gates)
        return quote(self._book.price(price_id), bounds).money


def assess(
    backend: Registration, shots: int, profiled: Profiled, tariff: Tariff, now: datetime, *, spot: bool = False
) -> Verdict:
    """Judge one backend, with all reasons against it; `shots` are those of each run."""
    name, profile, estimate = backend.backend, profiled.profile, profiled.estimates.get(backend.backend)
    found = [*objections(_demand(shots, profile, estimate), Capacity.of(backend))]
    try:
        price = tariff.price(name, now, spot=spot)
    except Unpriced:
        of_spot = " of spot jobs" if spot else ""
        found.append(Objection("unpriced", name, f"has no price{of_spot} that is valid now"))
    if estimate is not None and estimate.unfit is not None and not found:
        cause = estimate.unfit.text.removeprefix(f"{name}: ")  # the sentence names the backend already
        found.append(Objection(estimate.unfit.code, name, f"cannot run it: {cause}"))
    if found:
        return tuple(found)
    if profile is None or estimate is None:
        return Silent(name)
    gates = estimate.gate_shots if price.counts_gates else None
    if price.counts_gates and gates is None:
        return (Objection("unpriced", name, "is charged by the gate, and does not count the gates of this circuit"),)
    paid, tasks = profile.shots or shots, estimate.tasks if price.counts_tasks else None
    cost = tariff.most(price, shots=paid, qpu_us=estimate.qpu_us, qubits=profile.qubits, gates=gates, tasks=tasks)
    return Candidate(name, price.id, cost, estimate, gates, tasks)


def _demand(shots: int, profile: Profile | None, estimate: BackendEstimate | None) -> Demand:
    busy_us = 0 if estimate is None else estimate.qpu_us
    if profile is None:
        return Demand(shots=shots, busy_us=busy_us)
    return Demand(
        shots=shots,
        qubits=profile.qubits,
        features=frozenset(profile.features),
        memory_bytes=profile.simulation_bytes,
        busy_us=busy_us,
    )

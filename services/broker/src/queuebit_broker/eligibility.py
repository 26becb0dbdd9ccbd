"""Whether one backend can run a circuit, and what that would cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import groupby

from queuebit_broker.state import Profiled
from queuebit_contracts.backend import Registration
from queuebit_contracts.job import Profile
from queuebit_contracts.query import BackendEstimate
from queuebit_contracts.wire import Reason
from queuebit_kernel import Money
from queuebit_pricing import Bounds, Price, PriceBook, Unpriced, quote

__all__ = ["Candidate", "Objection", "Silent", "Tariff", "Verdict", "assess", "explain"]

_REMEDY = {
    "bad_shots": "ask for fewer shots",
    "too_many_qubits": "use fewer qubits or a larger backend",
    "too_much_memory": "use fewer qubits, or another backend",
    "too_long": "ask for fewer shots, or run fewer operations",
    "unsupported_feature": "write the circuit without it, or choose another backend: "
    "`qb plan FILE` shows which can run it",
    "unpriced": "add a price to the price book, or choose another backend",
}


_MAX_QPU_US = 24 * 3600 * 1_000_000
"""The longest that one job may keep a backend busy, estimated from above: a day."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A backend that can run the circuit."""

    backend: str
    price: str
    cost: Money
    """The most it will be."""
    estimate: BackendEstimate


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a backend cannot run the circuit."""

    code: str
    backend: str
    text: str
    """Reads on from the backend's name."""


@dataclass(frozen=True, slots=True)
class Silent:
    """Nothing speaks against a backend, but its executor did not say how the circuit fits."""

    backend: str


Verdict = Candidate | Silent | tuple[Objection, ...]


class Tariff:
    """The price book, asked again and again for the same few quotes."""

    def __init__(self, book: PriceBook) -> None:
        self.digest = book.digest
        self.currency = book.currency
        self._book = book
        self._most = lru_cache(maxsize=4096)(self._quote)

    def price(self, backend: str, at: datetime) -> Price:
        """The price that applies; raises `Unpriced`."""
        return self._book.price_for(backend, at)

    def most(self, price: Price, *, shots: int, qpu_us: int, qubits: int) -> Money:
        """The most that a run within these bounds can cost."""
        return self._most(price.id, shots, qpu_us, qubits)

    def _quote(self, price_id: str, shots: int, qpu_us: int, qubits: int) -> Money:
        return quote(self._book.price(price_id), Bounds(shots=shots, qpu_us=qpu_us, qubits=qubits)).money


def assess(backend: Registration, shots: int, profiled: Profiled, tariff: Tariff, now: datetime) -> Verdict:
    """Judge one backend, with everything that speaks against it at once."""
    name, profile = backend.backend, profiled.profile
    objections = list(_limits(backend, shots, profile))
    try:
        price = tariff.price(name, now)
    except Unpriced:
        objections.append(Objection("unpriced", name, "has no price that is valid now"))
    estimate = profiled.estimates.get(name)
    if estimate is not None and estimate.unfit is not None and not objections:
        cause = estimate.unfit.text.removeprefix(f"{name}: ")  # the sentence names the backend already
        objections.append(Objection(estimate.unfit.code, name, f"cannot run it: {cause}"))
    if estimate is not None and estimate.qpu_us > _MAX_QPU_US:
        hours = estimate.qpu_us // (3600 * 1_000_000)
        objections.append(Objection("too_long", name, f"may need {hours:,} hours for it, and a job may take 24"))
    if objections:
        return tuple(objections)
    if profile is None or estimate is None:
        return Silent(name)
    cost = tariff.most(price, shots=shots, qpu_us=estimate.qpu_us, qubits=profile.qubits)
    return Candidate(name, price.id, cost, estimate)


def explain(objections: Iterable[Objection]) -> list[Reason]:
    """One reason for each kind of objection, naming every backend that raises it, and what to do."""
    by_code = groupby(sorted(objections, key=lambda it: (it.code, it.backend)), key=lambda it: it.code)
    return [Reason(code=code, text=_sentence(code, list(alike))) for code, alike in by_code]


def _sentence(code: str, objections: list[Objection]) -> str:
    causes = "; ".join(f"{it.backend} {it.text}" for it in objections)
    return f"{causes}: {_REMEDY[code]}" if code in _REMEDY else causes


def _limits(backend: Registration, shots: int, profile: Profile | None) -> Iterable[Objection]:
    name = backend.backend
    if shots > backend.max_shots:
        yield Objection("bad_shots", name, f"takes at most {backend.max_shots:,} shots")
    if profile is None:
        return
    if profile.qubits > backend.qubits:
        yield Objection("too_many_qubits", name, f"has {backend.qubits} qubits, the circuit needs {profile.qubits}")
    if backend.memory_bytes is not None and profile.simulation_bytes > backend.memory_bytes:
        needed, there = _gib(profile.simulation_bytes), _gib(backend.memory_bytes)
        yield Objection("too_much_memory", name, f"has {there} GiB of memory, the simulation needs {needed} GiB")
    if missing := sorted({*profile.features} - {*backend.features}):
        yield Objection("unsupported_feature", name, f"does not run {', '.join(missing)}")


def _gib(size: int) -> str:
    """Gibibytes to two places, up, and never as a float: a large circuit's bytes exceed what one can hold."""
    hundredths = -(-size * 100 // (1 << 30))
    return f"{hundredths // 100:,}.{hundredths % 100:02}"

"""Checks whether a job fits a backend, and returns every reason if it does not.

Broker, scheduler, executor and client share this check. The parser gives the qubits of a job, the compiler its time and
memory. A `Demand` leaves out values that are not known yet, and these cause no objection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from queuebit_contracts.backend import Registration
from queuebit_contracts.wire import Reason
from queuebit_planning.limits import MAX_BUSY_US

__all__ = ["Capacity", "Demand", "Objection", "explain", "objections", "why_not"]

_REMEDY: Final = {
    "bad_shots": "ask for fewer shots",
    "too_many_qubits": "use fewer qubits or a larger backend",
    "too_much_memory": "use fewer qubits, or another backend",
    "too_long": "ask for fewer shots, or run fewer operations",
    "unsupported_feature": "write the circuit without it, or choose another backend: "
    "`qb plan FILE` shows which can run it",
    "unpriced": "the operator adds a [[price]] with its id as `backend` to the price book, and restarts broker and "
    "metering; until then choose another backend",
}
"""What the user can do, by the code of the objection."""

_ANOTHER: Final = frozenset({"too_many_qubits", "too_much_memory", "unsupported_feature"})
"""Objections whose remedy is another backend."""

_HOUR_US: Final = 3_600 * 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What one job needs from one backend, as far as it is known."""

    shots: int = 1
    qubits: int = 0
    """The number of qubits that an operation acts on."""
    features: frozenset[str] = frozenset()
    """Dynamic circuit features, such as `reset`."""
    memory_bytes: int = 0
    """Memory of the simulation's state, in bytes."""
    run_us: int = 0
    """Computing time of the simulation, in microseconds."""
    busy_us: int = 0
    """Time that the job occupies the backend and is billed for, in microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """The limits of one backend. None: no limit."""

    backend: str
    max_shots: int
    qubits: int | None = None
    features: frozenset[str] | None = None
    memory_bytes: int | None = None
    run_us: int | None = None

    @classmethod
    def of(cls, registration: Registration) -> Capacity:
        """Read the capacity from the registration of a backend."""
        return cls(
            backend=registration.backend,
            max_shots=registration.max_shots,
            qubits=registration.qubits,
            features=frozenset(registration.features),
            memory_bytes=registration.memory_bytes,
        )


@dataclass(frozen=True, slots=True)
class Objection:
    """One reason why a backend cannot run a job."""

    code: str
    backend: str
    text: str
    """The predicate of a sentence; its subject is the backend."""

    def __str__(self) -> str:
        return f"{self.backend} {self.text}"


def objections(demand: Demand, capacity: Capacity) -> tuple[Objection, ...]:
    """Return every reason why the backend cannot run the job; none if it fits."""
    return tuple(Objection(code, capacity.backend, text) for code, text in _reasons(demand, capacity))


def explain(found: Iterable[Objection]) -> list[Reason]:
    """Return one reason per code. It names all backends with this objection, and says what to do next."""
    by_code = groupby(sorted(found, key=lambda it: (it.code, it.backend)), key=lambda it: it.code)
    return [Reason(code=code, text=_sentence(code, alike)) for code, alike in by_code]


def why_not(found: Iterable[Objection]) -> str:
    """Return the objections against one backend as a line of a table whose row has its name.

    It leaves out the advice to take another backend: the other rows show them.
    """
    texts: dict[str, list[str]] = {}
    for it in found:
        texts.setdefault(it.code, []).append(it.text)
    return "; ".join(
        "; ".join(it) + ("" if code in _ANOTHER or code not in _REMEDY else f": {_REMEDY[code]}")
        for code, it in texts.items()
    )


def _reasons(demand: Demand, capacity: Capacity) -> Iterator[tuple[str, str]]:
    if demand.shots < 1:
        yield "bad_shots", f"takes at least 1 shot, not {demand.shots:,}"
    if demand.shots > capacity.max_shots:
        yield "bad_shots", f"takes at most {capacity.max_shots:,} shots, not {demand.shots:,}"
    if capacity.qubits is not None and demand.qubits > capacity.qubits:
        yield "too_many_qubits", f"has {capacity.qubits:,} qubits, the circuit needs {demand.qubits:,}"
    if capacity.features is not None and (missing := sorted(demand.features - capacity.features)):
        yield "unsupported_feature", f"lacks the feature{'s' if missing[1:] else ''} {', '.join(missing)}"
    if capacity.memory_bytes is not None and demand.memory_bytes > capacity.memory_bytes:
        there, needed = _gib(capacity.memory_bytes, up=False), _gib(demand.memory_bytes, up=True)
        yield "too_much_memory", f"has {there} GiB of memory for a state, the simulation needs {needed} GiB"
    if capacity.run_us is not None and demand.run_us > capacity.run_us:
        needed, there = _seconds(demand.run_us), f"{capacity.run_us / 1_000_000:g}"
        yield "too_long", f"would compute for up to {needed} s, and a run may take {there} s"
    if demand.busy_us > MAX_BUSY_US:
        hours = -(-demand.busy_us // _HOUR_US)
        yield "too_long", f"would be busy for up to {hours:,} hours, and a job may take {MAX_BUSY_US // _HOUR_US}"


def _sentence(code: str, found: Iterable[Objection]) -> str:
    causes = "; ".join(map(str, found))
    return f"{causes}: {_REMEDY[code]}" if code in _REMEDY else causes


def _seconds(microseconds: int) -> str:
    return f"{-(-microseconds // 1_000_000):,}"


def _gib(size: int, *, up: bool) -> str:
    """Return gibibytes to two places, never as a float: the bytes of a large circuit exceed what one can hold."""
    hundredths = -(-size * 100 // (1 << 30)) if up else size * 100 // (1 << 30)
    return f"{hundredths // 100:,}.{hundredths % 100:02}"

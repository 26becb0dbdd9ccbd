"""Distributions of circuits that measure last: computed once, and shots are drawn from them.

A draw takes a fifth of the time of a run in Aer, and gives the same shots: the numbers and the order are Aer's.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, Gate

from queuebit_quantum.backends import Compiled, Outcome, WorkItem, result_key, result_keys
from queuebit_quantum.mersenne import uniforms

__all__ = ["MOST_QUBITS", "Distributions"]

MOST_QUBITS = 16
"""The largest state whose distribution is kept; larger ones take longer to compute than to sample."""
_MOST_CLBITS = 62
"""Outcomes are 64-bit integers."""
_KEPT = 1 << 20
"""Outcomes that are kept, over all circuits; 16 bytes each."""
_AT_ONCE = _KEPT // 2
"""Amplitudes that one call computes: all of them are kept until their shots are drawn."""

_Key = tuple[str, str, str, int]
_Simulate = Callable[[list[QuantumCircuit]], list[npt.NDArray[np.float64]]]
"""Returns the probabilities that the last instruction of each circuit saves."""


@dataclass(slots=True)
class _Distribution:
    cumulative: npt.NDArray[np.float64]
    """Of the states that can occur, in ascending order."""
    outcomes: npt.NDArray[np.int64]
    """The classical bits of each; the first bit is bit 0."""
    unpaid_us: int
    """The time it took to compute; the first run has it in its usage."""


class Distributions:
    """The most recent distributions of compiled circuits.

    `simulate` computes them; it raises `RuntimeError` where it cannot.
    """

    def __init__(self, simulate: _Simulate) -> None:
        self._simulate = simulate
        self._known: OrderedDict[_Key, _Distribution | None] = OrderedDict()
        self._size = 0

    def prepare(self, items: Iterable[WorkItem]) -> None:
        """Compute those that are not known in one call, as many as fit; the time is split by the size of the states."""
        wanted: dict[_Key, WorkItem] = {}
        size = 0
        for it in items:
            size += 1 << it.compiled.program.num_qubits
            if size > _AT_ONCE:
                break
            if _key(it) not in self._known:
                wanted[_key(it)] = it
        self._compute(wanted.values())

    def outcome(self, item: WorkItem) -> Outcome | None:
        """Draw the shots of an item; None if its circuit must be run."""
        if _key(item) not in self._known:
            self._compute([item])
        found = self._known[_key(item)]
        self._known.move_to_end(_key(item))
        if found is None:
            return None
        began = time.perf_counter()
        drawn = np.searchsorted(found.cumulative, uniforms(item.seed, item.shots), side="right")
        np.minimum(drawn, len(found.outcomes) - 1, out=drawn)  # rounding: the last sum can be just below 1
        counts: dict[int, int] = {}
        for value, count in _counted(found.outcomes, drawn):
            counts[value] = counts.get(value, 0) + count
        registers = item.compiled.registers
        memory = tuple(result_key(int(it), registers) for it in found.outcomes[drawn[::-1]]) if item.memory else None
        took_us = round((time.perf_counter() - began) * 1_000_000) + found.unpaid_us
        found.unpaid_us = 0
        return Outcome(result_keys(counts, registers), qpu_us=took_us, memory=memory)

    def _compute(self, items: Iterable[WorkItem]) -> None:
        usable: list[tuple[WorkItem, _Saving]] = []
        for it in items:
            template = it.compiled.template
            if (saving := _saving(it.compiled) if template is None else _template_saving(template)) is None:
                self._keep(it, None)
            else:
                usable.append((it, saving))
        if not usable:
            return
        began = time.perf_counter()
        found = self._simulate([saving.with_values(it.compiled) for it, saving in usable])
        each_us = (time.perf_counter() - began) * 1_000_000 / sum(len(it) for it in found)
        for (item, saving), probabilities in zip(usable, found, strict=True):
            states = np.flatnonzero(probabilities)
            outcomes = np.zeros(len(states), dtype=np.int64)
            for clbit, qubit in saving.measured.items():
                outcomes |= (states >> qubit & 1) << clbit
            unpaid_us = round(each_us * len(probabilities))
            self._keep(item, _Distribution(np.cumsum(probabilities[states]), outcomes, unpaid_us))

    def _keep(self, item: WorkItem, found: _Distribution | None) -> None:
        self._known[_key(item)] = found
        self._size += _size(found)
        while self._size > _KEPT and len(self._known) > 1:
            self._size -= _size(self._known.popitem(last=False)[1])


def _key(item: WorkItem) -> _Key:
    """Each owner has its own: otherwise the time of a run would say what others have run."""
    compiled = item.compiled
    return item.owner, compiled.circuit_digest, compiled.target_digest, compiled.seed


def _size(found: _Distribution | None) -> int:
    """Its share of what is kept, with a minimum for the key."""
    return 16 + (len(found.outcomes) if found else 0)


def _counted(outcomes: npt.NDArray[np.int64], drawn: npt.NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    counts = np.bincount(drawn)
    places = np.flatnonzero(counts)
    return zip(outcomes[places].tolist(), counts[places].tolist(), strict=True)


def _measured(compiled: Compiled) -> dict[int, int] | None:
    """The qubit that each classical bit shows at the end; None unless the circuit applies gates and then measures."""
    program: QuantumCircuit = compiled.program
    if program.num_qubits > MOST_QUBITS or program.num_clbits > _MOST_CLBITS:
        return None
    places = {bit: place for bits in (program.qubits, program.clbits) for place, bit in enumerate(bits)}
    measured: dict[int, int] = {}
    for step in program.data:
        if step.name == "measure":
            measured[places[step.clbits[0]]] = places[step.qubits[0]]
        elif step.name != "barrier" and (measured or not _is_gate(step)):
            return None
    return measured


def _is_gate(step: CircuitInstruction) -> bool:
    """Standard gates are known as such without making an object of each."""
    return step.is_standard_gate() or isinstance(step.operation, Gate)


@dataclass(frozen=True, slots=True)
class _Saving:
    """A program that saves its probabilities instead of measuring."""

    program: QuantumCircuit
    measured: dict[int, int]
    """The qubit that each classical bit shows."""
    places: tuple[int, ...]
    """Of its parameters, among those of the program that it was made from."""

    def with_values(self, compiled: Compiled) -> QuantumCircuit:
        """The program for one circuit."""
        if not self.places:
            return self.program
        return self.program.assign_parameters([compiled.values[place] for place in self.places])


def _saving(compiled: Compiled) -> _Saving | None:
    """The program without its measurements; None if its circuit must be run.

    Gates that no measurement depends on are left out, because Aer leaves them out: the shots of one seed depend on the
    whole state.
    """
    measured = _measured(compiled)
    if measured is None:
        return None
    program: QuantumCircuit = compiled.program
    bare = program.copy()
    needed = {step.qubits[0] for step in program.data if step.name == "measure"}
    for place in reversed(range(len(program.data))):
        step = program.data[place]
        if step.name in ("measure", "barrier") or needed.isdisjoint(step.qubits):
            del bare.data[place]
        else:
            needed.update(step.qubits)
    bare.save_probabilities()
    places = {parameter: place for place, parameter in enumerate(program.parameters)}
    return _Saving(bare, measured, tuple(places[it] for it in bare.parameters))


_template_saving = lru_cache(maxsize=64)(_saving)

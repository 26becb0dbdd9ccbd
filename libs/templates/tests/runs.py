"""Runs templates in this process: exactly, by Qiskit's state vectors; or by shots, on `aer`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector

from queuebit_quantum import Outcome, WorkItem, open_backend, parse
from queuebit_templates import Estimate, Item, Measured, Program, Reading, Template, find, validated

__all__ = ["by_shots", "driven", "exact", "mixed", "program_of", "state_of"]

_PRECISE = 10**12
"""Shots of an exact distribution."""


def driven(name: str, run: Callable[[Program, Item], Measured], **values: object) -> tuple[Reading, list[Program]]:
    """The reading of a template, and its programs, where `run` measures each item."""
    template: Template[Any] = find(name)  # of its own parameters
    steps, programs = template.steps(validated(template, values)), list[Program]()
    program = next(steps)
    while True:
        programs.append(program)
        try:
            program = steps.send([run(program, it) for it in program.items])
        except StopIteration as end:
            reading: Reading = end.value
            return reading, programs


def program_of(name: str, **values: object) -> Program:
    template: Template[Any] = find(name)  # of its own parameters
    return template.first(validated(template, values))


def exact(program: Program, item: Item) -> Measured:
    """What an ideal device would measure in the limit of many shots; for circuits that measure at their end."""
    circuit, measured = _bound(item.source, tuple(sorted(item.parameters.items())))
    state = Statevector(circuit)
    if item.observables:
        values = [state.expectation_value(SparsePauliOp.from_list([*it.items()])).real for it in item.observables]
        return Measured(expectations=tuple(Estimate(float(it), 0.0) for it in values))
    shares = state.probabilities_dict(list(measured), decimals=15)
    return Measured({bits: count for bits, it in shares.items() if (count := round(it * _PRECISE))})


def state_of(source: str) -> Statevector:
    """The state before the measurements at the end."""
    return Statevector(_bound(source, ())[0])


def mixed(share: float) -> Callable[[Program, Item], Measured]:
    """As `exact`, on a device that returns the ideal outcome with this probability, and else a uniform one."""

    def run(program: Program, item: Item) -> Measured:
        ideal = exact(program, item)
        if ideal.expectations:
            return Measured(expectations=tuple(Estimate(share * it.value, 0.0) for it in ideal.expectations))
        width = len(next(iter(ideal.counts)))
        total = ideal.shots
        found = {
            bits: round(share * ideal.counts.get(bits, 0) + (1 - share) * total / 2**width)
            for bits in (f"{it:0{width}b}" for it in range(2**width))
        }
        return Measured(found)

    return run


@cache
def _bound(source: str, values: tuple[tuple[str, float], ...]) -> tuple[QuantumCircuit, tuple[int, ...]]:
    """The circuit without its measurements, and the qubit of each classical bit."""
    circuit = parse(source, parameters=dict(values), measured=False).quantum_circuit.copy()
    places = {
        circuit.find_bit(it.clbits[0]).index: circuit.find_bit(it.qubits[0]).index
        for it in circuit.data
        if it.operation.name == "measure"
    }
    circuit.remove_final_measurements()
    return circuit, tuple(places[it] for it in range(len(places)))


def by_shots(program: Program, item: Item) -> Measured:
    """Counts and memory on the ideal simulator; the reader and the compiler are the platform's."""
    aer = open_backend("aer")
    circuit = parse(item.source, parameters=_given(item.parameters))
    compiled = aer.compile(circuit, 1)
    work = WorkItem(compiled, item.shots or program.shots, 7, memory=program.memory)
    (outcome,) = aer.collect(aer.submit([work], f"{hash((item.source, item.shots))}"))
    assert isinstance(outcome, Outcome)
    assert outcome.memory is None or Counter(outcome.memory) == outcome.counts
    return Measured(dict(outcome.counts), outcome.memory or ())


def _given(parameters: Mapping[str, float]) -> dict[str, Any]:  # as `parse` takes them
    return dict(parameters)

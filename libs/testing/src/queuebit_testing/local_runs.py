"""Runs what a client submitted on a backend of this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from queuebit_contracts.program import PROGRAM, Item, ParameterValue, read_program
from queuebit_contracts.results import RESULTS, Estimate, ItemResult, Results, ResultValue
from queuebit_contracts.wire import Payload, Reason
from queuebit_kernel import new_key
from queuebit_quantum import (
    Backend,
    Basis,
    CircuitError,
    DoesNotFit,
    Outcome,
    WorkItem,
    bases,
    expectation,
    label,
    measured_in,
    measured_results,
    observables_of,
    parse,
)

__all__ = ["run_submitted"]

_SEEDS_OF_ITEM = 1_000
"""More than an item has measurement bases in any test: no two runs of a job have the same seed."""


@dataclass(frozen=True, slots=True)
class _Run:
    """One circuit, with what it is run with."""

    source: bytes
    shots: int
    seed: int
    memory: bool = False
    parameters: Mapping[str, ParameterValue] | None = None
    basis: Basis | None = None


def run_submitted(
    backend: Backend, circuit: Payload, content: Callable[[Payload], bytes], *, shots: int, seed: int
) -> tuple[bytes, str]:
    """Run a circuit, or each item of a program, and return the result with its media type.

    Args:
        backend: one that runs in this process.
        circuit: what was submitted.
        content: reads a payload.
        shots: of each run; items may have their own.
        seed: of the first run.

    Raises:
        CircuitError: a single circuit cannot run; an item of a program fails alone.
    """
    if circuit.media_type != PROGRAM:
        outcome = _outcome(backend, _Run(content(circuit), shots, seed))
        return json.dumps(dict(outcome.counts)).encode(), "application/json"
    program = read_program(content(circuit))
    sources = [content(it) for it in program.circuits]
    results = []
    for number, item in enumerate(program.items):
        run = _Run(
            sources[item.circuit],
            item.shots or shots,
            seed + number * _SEEDS_OF_ITEM,
            "memory" in program.outputs,
            item.parameters,
        )
        results.append(_item(backend, item, run))
    return Results(items=tuple(results)).content(), RESULTS


def _item(backend: Backend, item: Item, run: _Run) -> ItemResult:
    try:
        if asked := parse(run.source, parameters=run.parameters or {}, measured=False).results:
            counted = _counted(backend, observables_of(asked), run)
            found = tuple(ResultValue.model_validate(it) for it in measured_results(asked, counted))
            return ItemResult(state="completed", results=found)
        if item.observables:
            return ItemResult(state="completed", expectations=(*_estimates(backend, item, run),))
        outcome = _outcome(backend, run)
    except CircuitError as error:
        return ItemResult(state="failed", reason=Reason(code=error.code, text=str(error)))
    return ItemResult(state="completed", counts=dict(outcome.counts), memory=outcome.memory)


def _counted(
    backend: Backend, observables: Sequence[Mapping[str, float]], run: _Run
) -> list[tuple[Basis, Mapping[str, int]]]:
    return [
        (basis, _outcome(backend, replace(run, seed=run.seed + number, memory=False, basis=basis)).counts)
        for number, basis in enumerate(bases(observables))
    ]


def _estimates(backend: Backend, item: Item, run: _Run) -> Iterator[Estimate]:
    counted = _counted(backend, item.observables, run)
    for it in item.observables:
        value, error = expectation(it, counted)
        yield Estimate(observable=label(it), value=value, stderr=error)


def _outcome(backend: Backend, run: _Run) -> Outcome:
    circuit = parse(run.source, parameters=run.parameters or {}, measured=run.basis is None)
    try:
        compiled = backend.compile(circuit if run.basis is None else measured_in(circuit, run.basis), seed=1)
    except DoesNotFit as error:
        raise CircuitError(str(error), code="does_not_fit") from error
    work = WorkItem(compiled, run.shots, run.seed, run.memory)
    (outcome,) = backend.collect(backend.submit([work], new_key()))
    if not isinstance(outcome, Outcome):
        raise CircuitError(outcome.text, code=outcome.code)
    return outcome

"""Runs what a client submitted on a backend of this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from queuebit_contracts import results
from queuebit_contracts.program import PROGRAM, Item, ParameterValue, Program, read_program
from queuebit_contracts.results import RESULTS, Estimate, ItemResult, PostResult, Results, ResultValue
from queuebit_contracts.wire import Payload, Reason
from queuebit_kernel import new_key
from queuebit_quantum import (
    Backend,
    Basis,
    CircuitError,
    Compiled,
    CompileOptions,
    DoesNotFit,
    MeasuredRun,
    Outcome,
    WorkItem,
    bases,
    expectation,
    label,
    measured_in,
    measured_results,
    merged_counts,
    observables_of,
    parse,
    post_process,
    shots_of_copy,
    variants,
    with_options,
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
    options: CompileOptions = field(default_factory=CompileOptions)


def run_submitted(
    backend: Backend, circuit: Payload, content: Callable[[Payload], bytes], *, shots: int, seed: int
) -> tuple[bytes, str]:
    """Run a circuit, or each item of a program, and return the result with its media type.

    Compile options and steps after the run are applied as an executor does it; a backend that lacks one refuses them.

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
        outcome, _ = _outcome(backend, _Run(content(circuit), shots, seed))
        return json.dumps(dict(outcome.counts)).encode(), "application/json"
    program = read_program(content(circuit))
    sources = [content(it) for it in program.circuits]
    ended = []
    for number, item in enumerate(program.items):
        run = _Run(
            sources[item.circuit],
            item.shots or shots,
            seed + number * _SEEDS_OF_ITEM,
            "memory" in program.outputs,
            item.parameters,
        )
        ended.append(_item(backend, program, item, run))
    return Results(items=tuple(ended)).content(), RESULTS


def _item(backend: Backend, program: Program, item: Item, run: _Run) -> ItemResult:
    try:
        asked = parse(run.source, parameters=run.parameters or {}, measured=False).results
        wanted = observables_of(asked) or item.observables
        runs, memory = _runs(backend, program, replace(run, memory=run.memory and not wanted), wanted)
    except CircuitError as error:
        return ItemResult(state="failed", reason=Reason(code=error.code, text=str(error)))
    plain = [it for it in runs if it.folding == 1]
    counted = [(it.basis, it.counts) for it in plain if it.basis is not None]
    found = ItemResult(state="completed", **_processed(program, item, runs))
    if asked:
        values = measured_results(asked, counted)
        return found.model_copy(update={"results": tuple(map(ResultValue.model_validate, values))})
    if wanted:
        return found.model_copy(update={"expectations": (*_estimates(item, counted),)})
    return found.model_copy(update={"counts": dict(plain[0].counts), "memory": memory})


def _processed(program: Program, item: Item, runs: Sequence[MeasuredRun]) -> dict[str, Any]:  # fields of a result
    if not program.post:
        return {}
    steps = post_process(program.post, item.observables, runs)
    kept = [
        results.MeasuredRun(
            counts=dict(it.counts),
            basis=it.basis.paulis if it.basis else None,
            folding=it.folding,
            readout_errors=it.readout_errors,
        )
        for it in runs
    ]
    return {"runs": tuple(kept), "post": tuple(map(PostResult.model_validate, steps))}


def _runs(
    backend: Backend, program: Program, run: _Run, observables: Sequence[Mapping[str, float]]
) -> tuple[list[MeasuredRun], tuple[str, ...] | None]:
    """What was measured in each basis with each folding, twirled copies together; and the shots in order, if wanted."""
    ways = variants(program.compilation.model_dump(exclude_none=True) if program.compilation else {}, program.post)
    copies = ways[0].twirling or 1
    shots, seeds = shots_of_copy(run.shots, ways[0].twirling), count(run.seed)
    runs: list[MeasuredRun] = []
    memory: list[str] = []
    for basis in bases(observables) or (None,):
        for first in range(0, len(ways), copies):
            each = (
                replace(run, shots=shots, seed=next(seeds), basis=basis, options=it) for it in ways[first:][:copies]
            )
            found = [_outcome(backend, it) for it in each]
            memory += [bits for outcome, _ in found for bits in outcome.memory or ()]
            counts, errors = merged_counts([outcome.counts for outcome, _ in found]), found[0][1].readout_errors
            runs.append(MeasuredRun(counts, basis, ways[first].folding, tuple(errors)))
    return runs, tuple(memory) if run.memory else None


def _estimates(item: Item, counted: Sequence[tuple[Basis, Mapping[str, int]]]) -> Iterator[Estimate]:
    for it in item.observables:
        value, error = expectation(it, counted)
        yield Estimate(observable=label(it), value=value, stderr=error)


def _outcome(backend: Backend, run: _Run) -> tuple[Outcome, Compiled]:
    circuit = parse(run.source, parameters=run.parameters or {}, measured=run.basis is None)
    measured = with_options(circuit if run.basis is None else measured_in(circuit, run.basis), run.options)
    try:
        compiled = backend.compile(measured, seed=1)
    except DoesNotFit as error:
        raise CircuitError(str(error), code="does_not_fit") from error
    work = WorkItem(compiled, run.shots, run.seed, run.memory)
    (outcome,) = backend.collect(backend.submit([work], new_key()))
    if not isinstance(outcome, Outcome):
        raise CircuitError(outcome.text, code=outcome.code)
    return outcome, compiled

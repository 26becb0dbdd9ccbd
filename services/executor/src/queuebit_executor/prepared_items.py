"""Items of a program in a child: made ready to run, and the results that their outcomes come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from queuebit_contracts.uncertainty import STANDARD_ERROR, WILSON
from queuebit_executor.compilation import bound, compile_for, nanoseconds, ready, results_asked
from queuebit_planning.seeds import simulation_seed
from queuebit_planning.timing import device_us
from queuebit_quantum import (
    Backend,
    Basis,
    CompileOptions,
    MeasuredRun,
    Outcome,
    ResultType,
    WorkItem,
    bases,
    expectation,
    label,
    measured_results,
    merged_counts,
    observables_of,
    post_process,
    shares,
    shots_of_copy,
    variants,
)

__all__ = ["ItemQuestion", "PreparedItem", "busy_us", "item_results", "prepare_item", "question_of"]


@dataclass(frozen=True, slots=True)
class ItemQuestion:
    """What an item asks for: counts, or observables or result pragmas, each basis of which is a circuit of its own.

    Each of these circuits is run in every variant: the twirled copies of each folding of its gates.
    """

    head: Mapping[str, Any]
    asked: Sequence[ResultType]
    """Of result pragmas."""
    measured: Sequence[Basis]
    variants: Sequence[CompileOptions]

    @property
    def circuits(self) -> int:
        """How many circuits answer it."""
        return max(1, len(self.measured)) * len(self.variants)

    @property
    def shots(self) -> int:
        """Of each circuit."""
        return shots_of_copy(self.head["shots"], self.variants[0].twirling)

    @property
    def copies(self) -> int:
        """How many circuits have the same basis and folding."""
        return self.variants[0].twirling or 1


@dataclass(frozen=True, slots=True)
class PreparedItem:
    """An item made ready: one circuit, or one for each basis that its observables are measured in."""

    question: ItemQuestion
    work: Sequence[WorkItem]
    qubits: Sequence[int]
    """That each circuit touches."""

    @property
    def head(self) -> Mapping[str, Any]:
        return self.question.head

    @property
    def quoted_us(self) -> int:
        return sum(it.compiled.method(it.shots).microseconds(it.shots) for it in self.work if it.compiled.methods)


def question_of(head: Mapping[str, Any], body: bytes) -> ItemQuestion:
    """What the item of a request asks for; raises `CircuitError`."""
    asked = () if "form" in head else results_asked(body, head.get("parameters", {}))
    ways = variants(head.get("compilation", {}), head.get("post", ()))
    return ItemQuestion(head, asked, bases(observables_of(asked) or head["observables"]), ways)


def prepare_item(backend: Backend, head: Mapping[str, Any], body: bytes, owner: str) -> PreparedItem:
    """Parse and compile the item of a request; raises `CircuitError` or `DoesNotFit`."""
    question = question_of(head, body)
    if question.measured or question.variants[0].as_json():
        paulis = [it.paulis for it in question.measured] or [""]
        wanted = [{**head, "basis": it, "options": way.as_json()} for it in paulis for way in question.variants]
        circuits = [bound(body, it) for it in wanted]
        found = [(compile_for(backend, it), len(it.touched)) for it in circuits]
    else:
        found = [ready(backend, head, body)]
    wants_memory = "memory" in head["outputs"] and not question.measured
    work = [
        WorkItem(compiled, question.shots, simulation_seed(head["seed"] + number), wants_memory, owner)
        for number, (compiled, _) in enumerate(found)
    ]
    return PreparedItem(question, work, [qubits for _, qubits in found])


def item_results(
    question: ItemQuestion, outcomes: Sequence[Outcome], readout_errors: Sequence[Sequence[float]] = ()
) -> dict[str, Any]:  # plain JSON
    """The results of an item, by their names in `ItemResult`, with the method of their uncertainty, and any doubt.

    Args:
        question: what the item asks for.
        outcomes: of its circuits.
        readout_errors: of the bits of each circuit, if a step after the run needs them.
    """
    doubts = [it.suspect for it in outcomes if it.suspect]
    doubt = {"suspect": {"code": "drifted", "text": doubts[0]}} if doubts else {}
    runs = _runs(question, outcomes, readout_errors)
    plain = [it for it in runs if it.folding == 1]
    counted = [(it.basis, it.counts) for it in plain if it.basis is not None]
    if not question.measured:
        found = {**_sampled(_joint(outcomes, plain[0]), question.head["outputs"]), "uncertainty": _WILSON}
    elif question.asked:
        found = {"results": measured_results(question.asked, counted), "uncertainty": _STANDARD_ERROR}
    else:
        found = {**_estimated(question.head["observables"], counted), "uncertainty": _STANDARD_ERROR}
    return {**found, **_processed(question, runs), **doubt}


def _runs(
    question: ItemQuestion, outcomes: Sequence[Outcome], readout_errors: Sequence[Sequence[float]]
) -> list[MeasuredRun]:
    """What was measured in each basis with each folding; the copies of a circuit have one layout."""
    every, runs = question.copies, []
    foldings = len(question.variants) // every
    for first in range(0, len(outcomes), every):
        place, folding = divmod(first // every, foldings)
        runs.append(
            MeasuredRun(
                counts=merged_counts([it.counts for it in outcomes[first : first + every]]),
                basis=question.measured[place] if question.measured else None,
                folding=question.variants[folding * every].folding,
                readout_errors=tuple(readout_errors[first]) if readout_errors else (),
            )
        )
    return runs


def _joint(outcomes: Sequence[Outcome], run: MeasuredRun) -> Outcome:
    """The outcome of the copies of a circuit, one after another."""
    shots = [it.memory for it in outcomes]
    known = None if any(it is None for it in shots) else tuple(bits for it in shots for bits in it or ())
    return Outcome(run.counts, memory=known)


def _processed(question: ItemQuestion, runs: Sequence[MeasuredRun]) -> dict[str, Any]:  # plain JSON
    steps = question.head.get("post", ())
    if not steps:
        return {}
    written = [
        {
            "counts": dict(it.counts),
            "basis": it.basis.paulis if it.basis else None,
            "folding": it.folding,
            "readout_errors": it.readout_errors,
        }
        for it in runs
    ]
    return {"runs": written, "post": post_process(steps, question.head["observables"], runs)}


def busy_us(work: WorkItem) -> int:
    """The device time of a circuit in microseconds, without the time that is charged once."""
    it = work.compiled
    return device_us(work.shots, nanoseconds(it.duration_s), nanoseconds(it.rep_delay_s), 0)


_WILSON = WILSON.model_dump(exclude_none=True)
_STANDARD_ERROR = STANDARD_ERROR.model_dump(exclude_none=True)


def _sampled(outcome: Outcome, outputs: Sequence[str]) -> dict[str, Any]:  # plain JSON
    every: dict[str, Callable[[], Any]] = {  # plain JSON
        "counts": lambda: dict(outcome.counts),
        "memory": lambda: outcome.memory,
        "quasi": lambda: {bits: {"value": share, "stderr": error} for bits, share, error in shares(outcome.counts)},
    }
    return {name: every[name]() for name in outputs}


def _estimated(
    observables: Sequence[Mapping[str, float]], counted: Sequence[tuple[Basis, Mapping[str, int]]]
) -> dict[str, Any]:  # plain JSON
    found = [(label(it), *expectation(it, counted)) for it in observables]
    return {"expectations": [{"observable": name, "value": value, "stderr": error} for name, value, error in found]}

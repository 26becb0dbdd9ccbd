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
    Outcome,
    ResultType,
    WorkItem,
    bases,
    expectation,
    label,
    measured_results,
    observables_of,
    shares,
)

__all__ = ["ItemQuestion", "PreparedItem", "busy_us", "item_results", "prepare_item", "question_of"]


@dataclass(frozen=True, slots=True)
class ItemQuestion:
    """What an item asks for: counts, or observables or result pragmas, each basis of which is a circuit of its own."""

    head: Mapping[str, Any]
    asked: Sequence[ResultType]
    """Of result pragmas."""
    measured: Sequence[Basis]

    @property
    def circuits(self) -> int:
        """How many circuits answer it."""
        return max(1, len(self.measured))


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
    return ItemQuestion(head, asked, bases(observables_of(asked) or head["observables"]))


def prepare_item(backend: Backend, head: Mapping[str, Any], body: bytes, owner: str) -> PreparedItem:
    """Parse and compile the item of a request; raises `CircuitError` or `DoesNotFit`."""
    question = question_of(head, body)
    if question.measured:
        circuits = [bound(body, {**head, "basis": it.paulis}) for it in question.measured]
        found = [(compile_for(backend, it), len(it.touched)) for it in circuits]
    else:
        found = [ready(backend, head, body)]
    wants_memory = "memory" in head["outputs"] and not question.measured
    work = [
        WorkItem(compiled, head["shots"], simulation_seed(head["seed"] + number), wants_memory, owner)
        for number, (compiled, _) in enumerate(found)
    ]
    return PreparedItem(question, work, [qubits for _, qubits in found])


def item_results(question: ItemQuestion, outcomes: Sequence[Outcome]) -> dict[str, Any]:  # plain JSON
    """The results of an item, by their names in `ItemResult`, with the method of their uncertainty, and any doubt."""
    doubts = [it.suspect for it in outcomes if it.suspect]
    doubt = {"suspect": {"code": "drifted", "text": doubts[0]}} if doubts else {}
    if not question.measured:
        return {**_sampled(outcomes[0], question.head["outputs"]), "uncertainty": _WILSON, **doubt}
    counted = [(basis, outcome.counts) for basis, outcome in zip(question.measured, outcomes, strict=True)]
    if question.asked:
        return {"results": measured_results(question.asked, counted), "uncertainty": _STANDARD_ERROR, **doubt}
    return {**_estimated(question.head["observables"], counted), "uncertainty": _STANDARD_ERROR, **doubt}


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

"""Estimates a program from a few representative circuits. Pure functions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from queuebit_contracts.job import Profile
from queuebit_contracts.program import BadProgram, Program
from queuebit_contracts.query import BackendEstimate
from queuebit_contracts.wire import Reason
from queuebit_executor.answers import Described, Estimate
from queuebit_executor.bound_circuit import BoundCircuit
from queuebit_executor.policy import Allowance, capacity_of, demand_of, gate_shots
from queuebit_executor.remote_parts import split
from queuebit_planning.eligibility import Demand, objections
from queuebit_quantum import (
    Basis,
    CompileOptions,
    Input,
    bases,
    joined_digest,
    parameter_faults,
    representatives,
    shots_of_copy,
    variants,
)

__all__ = [
    "Group",
    "Share",
    "TooManyStructures",
    "circuits_of",
    "faults",
    "groups",
    "total_estimate",
    "total_profile",
    "with_results",
]

_MOST_CIRCUITS = 256
"""Of one item with compile options, whose circuits are all compiled for its quote."""

_MAX_STRUCTURES = 1_500
"""The most circuits that are compiled to estimate one program."""

_MOST_SUBMISSIONS = 500
"""Of one program to a vendor: each has its own subject, and a history has at most 1,024."""


class TooManyStructures(Exception):
    """A program has too many circuits that would have to be compiled for its quote."""

    def __init__(self, found: int) -> None:
        text = (
            f"its items have {found:,} different structures, more than {_MAX_STRUCTURES:,}: split it into several jobs"
        )
        super().__init__(f"{text}, vary real parameters only, or ask for fewer twirled copies")


@dataclass(frozen=True, slots=True)
class Group:
    """Items with circuits of the same structure."""

    item: int
    """The number of its first item."""
    runs: int
    """The number of circuit runs for all items: one for a sampled item, one per measurement basis for observables;
    each as often as it has twirled copies."""
    circuits: tuple[BoundCircuit, ...]
    """The representative circuits."""
    shots: int | None = None
    """Of each item, for each basis; None: those of the submission."""
    twirling: int | None = None
    """The number of copies that share these shots."""
    folding: int = 1
    """How often each two-qubit gate is applied."""


@dataclass(frozen=True, slots=True)
class Share:
    """The profiles and compilations of the representative circuits of a group."""

    item: int
    runs: int
    profiles: tuple[Profile, ...]
    estimates: tuple[Estimate, ...] = ()
    shots: int | None = None
    """As of its group."""
    twirling: int | None = None
    """As of its group."""
    folding: int = 1
    """As of its group."""

    def shots_of_run(self, usual: int) -> int:
        """The shots of each run, in a submission with this number of shots."""
        return shots_of_copy(self.shots or usual, self.twirling)


def faults(program: Program, inputs: Mapping[int, Sequence[Input]]) -> list[str]:
    """Return every fault of the parameters of all items; `inputs` are those of each circuit by number."""
    return [
        f"item {number}: {fault}"
        for number, item in enumerate(program.items)
        for fault in parameter_faults(inputs[item.circuit], item.parameters)
    ]


def with_results(program: Program, needed: Mapping[int, Sequence[Mapping[str, float]]]) -> Program:
    """The program with the observables that result pragmas need; `needed` are those of each circuit by number.

    Raises:
        BadProgram: an item has observables of its own too.
    """
    if not any(needed.values()):
        return program
    both = [number for number, it in enumerate(program.items) if it.observables and needed[it.circuit]]
    if program.post:
        asking = [number for number, it in enumerate(program.items) if needed[it.circuit]]
        text = "its circuit has result pragmas, which no step after the run processes: give observables, or no steps"
        raise BadProgram([f"item {number}: {text}" for number in asking])
    if both:
        text = "its circuit has result pragmas, and it has observables: leave one of both out"
        raise BadProgram([f"item {number}: {text}" for number in both])
    items = tuple(
        it.model_copy(update={"observables": tuple(needed[it.circuit])}) if needed[it.circuit] else it
        for it in program.items
    )
    return program.model_copy(update={"items": items})


def groups(program: Program, sources: Mapping[int, bytes], inputs: Mapping[int, Sequence[Input]]) -> tuple[Group, ...]:
    """Group the items by circuit, observables, shots and structure, and choose the representatives of each group.

    The basis that measures the most qubits represents the observables: the other bases need no more gates. With compile
    options, each basis and each twirled copy is compiled: random gates take time, and the hold pays for the longest.
    Foldings of the gates are groups of their own.

    Raises:
        BadProgram: with its options, an item is too many circuits.
        TooManyStructures: all representatives together are too many; then not all of them are made.
    """
    total, ways = 0, _ways(program)
    alike: dict[tuple[int, str, int | None], list[int]] = {}
    for number, item in enumerate(program.items):
        alike.setdefault((item.circuit, json.dumps(item.observables), item.shots), []).append(number)
    found = []
    for (circuit, _, shots), numbers in alike.items():
        measured = bases(program.items[numbers[0]].observables)
        paulis = _bases_to_compile(numbers[0], measured, ways)
        chosen = representatives(inputs[circuit], [program.items[number].parameters for number in numbers])
        for folding, bindings in product(sorted({it.folding for it in ways}), chosen):
            alike_ways = [it for it in ways if it.folding == folding]
            total += len(bindings) * len(paulis) * len(alike_ways)
            if total > _MAX_STRUCTURES:
                continue
            circuits = tuple(
                BoundCircuit(sources[circuit], given, basis, way)
                for (given, _), basis, way in product(bindings, paulis, alike_ways)
            )
            runs = bindings[0][1] * max(1, len(measured)) * len(alike_ways)
            found.append(Group(numbers[0], runs, circuits, shots, ways[0].twirling, folding))
    if total > _MAX_STRUCTURES:
        raise TooManyStructures(total)
    return tuple(found)


def _bases_to_compile(item: int, measured: Sequence[Basis], ways: Sequence[CompileOptions]) -> list[str]:
    if not measured or not any(it.as_json() for it in ways):
        return [max(measured, key=lambda it: len(it.qubits)).paulis] if measured else [""]
    if (circuits := len(measured) * len(ways)) > _MOST_CIRCUITS:
        text = f"with twirling and steps after the run it is {circuits:,} circuits, and may be {_MOST_CIRCUITS:,}"
        raise BadProgram([f"item {item}: {text}: ask for fewer copies, or fewer observables"])
    return [it.paulis for it in measured]


def circuits_of(program: Program) -> list[int]:
    """The number of circuits of each item: one for each basis of its observables, in each of their variants."""
    ways = len(_ways(program))
    return [max(1, len(bases(it.observables))) * ways for it in program.items]


def _ways(program: Program) -> tuple[CompileOptions, ...]:
    """The variants in which each circuit is run."""
    options = {} if program.compilation is None else program.compilation.model_dump(exclude_none=True)
    return variants(options, program.post)


def total_profile(shares: Sequence[Share], items: int, shots: int) -> Profile:
    """Return the profile of a program: the maximum of the needs of its items, and the sum of gates and shots."""
    profiles = [profile for share in shares for profile in share.profiles]
    return Profile(
        qubits=max(it.qubits for it in profiles),
        clbits=max(it.clbits for it in profiles),
        depth=max(it.depth for it in profiles),
        two_qubit_gates=sum(share.runs * max(it.two_qubit_gates for it in share.profiles) for share in shares),
        simulation_bytes=max(it.simulation_bytes for it in profiles),
        features=tuple(sorted({feature for it in profiles for feature in it.features})),
        canonical=joined_digest([it.canonical for it in profiles]),
        items=items,
        shots=sum(share.shots_of_run(shots) * share.runs for share in shares),
    )


def total_estimate(
    shares: Sequence[Share], offer: Described, shots: int, allowance: Allowance, circuits: Sequence[int]
) -> BackendEstimate:
    """Return the estimate for all items on a backend, or the reasons why it cannot run them in one job.

    Times are added; the overhead of a device counts once per job, and at a vendor once per submission. The ESP is the
    lowest of all items, without the runs whose gates are repeated to make their noise larger.

    Args:
        shares: of the program.
        offer: the backend.
        shots: of the submission.
        allowance: what one run may use here.
        circuits: the number of circuits of each item.
    """
    reasons = [*_reasons(shares)]
    if offer.remote and max(circuits) > offer.max_items:
        text = f"an item needs {max(circuits):,} circuits, and {offer.backend} takes {offer.max_items:,} together"
        reasons.append(Reason(code="too_many_bases", text=f"{text}: give each item fewer observables"))
    submissions = len(split(circuits, offer.max_items)) if offer.remote else 1
    if submissions > _MOST_SUBMISSIONS:
        text = f"it needs {submissions:,} submissions of up to {offer.max_items:,} circuits, and may have"
        text = f"{text} {_MOST_SUBMISSIONS:,}: split it into several jobs"
        reasons.append(Reason(code="too_many_submissions", text=text))
    demand = _demand(shares, offer, shots, submissions)
    found = objections(demand, capacity_of(offer, allowance))
    reasons += [Reason(code=it.code, text=str(it)) for it in found]
    if reasons:
        text = "; ".join(reason.text for reason in reasons)
        return BackendEstimate(backend=offer.backend, unfit=Reason(code=reasons[0].code, text=text))
    estimates = [estimate for share in shares for estimate in share.estimates]
    return BackendEstimate(
        backend=offer.backend,
        depth=max(it.depth for it in estimates),
        two_qubit_gates=sum(share.runs * max(it.two_qubit_gates for it in share.estimates) for share in shares),
        duration_ns=max(it.duration_ns for it in estimates),
        qpu_us=demand.busy_us,
        esp_ppm=None
        if offer.kind == "simulator"
        else min(it.esp_ppm for share in shares if share.folding == 1 for it in share.estimates),
        calibration=offer.calibration,
        gate_shots=gate_shots(
            (_most_gates(share.estimates), share.runs * share.shots_of_run(shots)) for share in shares
        ),
    )


def _most_gates(estimates: Sequence[Estimate]) -> tuple[int, int, int] | None:
    """The most of each class; None if those of one circuit are not counted."""
    counted = [it.gates for it in estimates if it.gates is not None]
    if not counted or len(counted) < len(estimates):
        return None
    one, two, measured = (max(them) for them in zip(*counted, strict=True))
    return one, two, measured


def _reasons(shares: Sequence[Share]) -> Iterator[Reason]:
    for share in shares:
        for estimate in share.estimates:
            if estimate.unfit is not None:
                yield Reason(code=estimate.unfit.code, text=f"item {share.item}: {estimate.unfit.text}")
                break


def _demand(shares: Sequence[Share], offer: Described, shots: int, submissions: int) -> Demand:
    memory_bytes = run_us = busy_us = overhead_us = 0
    for share in shares:
        demands = [demand_of(estimate, offer, share.shots_of_run(shots)) for estimate in share.estimates]
        memory_bytes = max(memory_bytes, *(it.memory_bytes for it in demands))
        run_us += share.runs * max(it.run_us for it in demands)
        once_us = 0 if offer.kind == "simulator" else max(it.overhead_ns for it in share.estimates) // 1_000
        busy_us += share.runs * max(0, max(it.busy_us for it in demands) - once_us)
        overhead_us = max(overhead_us, once_us)
    most = max(share.shots_of_run(shots) for share in shares)
    return Demand(shots=most, memory_bytes=memory_bytes, run_us=run_us, busy_us=busy_us + submissions * overhead_us)

"""Shots that are drawn from a distribution are those of Aer: the same numbers, in the same order."""

import random
from itertools import pairwise

import numpy as np
import pytest
from qiskit_aer import AerSimulator

from queuebit_quantum import Compiled, Outcome, WorkItem, parse
from queuebit_quantum.aer import Aer, run_on_aer
from queuebit_quantum.mersenne import uniforms

HEADER = 'OPENQASM 2.0; include "qelib1.inc"; '
DENSE = (
    HEADER
    + "qreg q[16]; creg c[16]; h q; rx(0.{}) q[0]; "
    + "".join(f"cp(0.{one}) q[{one}], q[{other}]; " for one in range(16) for other in range(one))
)
DENSE += "h q; measure q -> c;"
"""All its outcomes can occur."""


def _source(qubits: int, seed: int) -> str:
    """A random circuit that measures some of its qubits, in random order, one of them twice."""
    rng = random.Random(seed)
    lines = [f"qreg q[{qubits}]; creg a[{qubits}]; creg b[3];"]
    for _ in range(3):
        lines += [f"u3({rng.uniform(0, 3)},{rng.uniform(0, 3)},0) q[{it}];" for it in range(qubits)]
        order = rng.sample(range(qubits), qubits)
        lines += [f"cx q[{one}],q[{other}];" for one, other in pairwise(order)] + ["barrier q;"]
    chosen = rng.sample(range(qubits), rng.randint(1, qubits))
    lines += [f"measure q[{it}] -> a[{place}];" for place, it in enumerate(chosen)]
    return HEADER + "\n".join([*lines, f"measure q[{chosen[0]}] -> b[1];"])


def _aer(compiled: Compiled, shots: int, seed: int) -> Outcome:
    return run_on_aer(AerSimulator(method="statevector"), WorkItem(compiled, shots, seed, memory=True))


@pytest.mark.parametrize("seed", [0, 7, 2**31, 2**32 - 1])
@pytest.mark.parametrize("qubits", [1, 2, 5, 9, 10, 13, 16])
def test_drawn_shots_are_those_of_aer(qubits: int, seed: int) -> None:
    backend = Aer()
    compiled = backend.compile(parse(_source(qubits, seed)), 1)
    drawn, theirs = backend.run(WorkItem(compiled, 700, seed, memory=True)), _aer(compiled, 700, seed)
    assert drawn.qpu_us is not None, "it was drawn"
    assert drawn.memory == theirs.memory
    assert list(drawn.counts.items()) == list(theirs.counts.items())
    assert backend.run(WorkItem(compiled, 700, seed)).counts == theirs.counts


@pytest.mark.parametrize(
    "steps",
    ["h q; measure q[0] -> c[0]; h q[0]; measure q[0] -> c[1];", "h q; reset q[0]; measure q -> c;"],
    ids=["a gate after a measurement", "a reset"],
)
def test_what_does_more_than_measure_last_is_run(steps: str) -> None:
    backend = Aer()
    compiled = backend.compile(parse(HEADER + "qreg q[2]; creg c[2]; " + steps), 1)
    outcome = backend.run(WorkItem(compiled, 500, 3))
    assert outcome.qpu_us is None, "it was not drawn"
    assert outcome.counts == _aer(compiled, 500, 3).counts


def test_items_of_one_submission_have_their_own_seeds_results_and_usage() -> None:
    backend = Aer()
    compiled = [backend.compile(parse(_source(4, seed)), 1) for seed in range(5)]
    together = backend.collect(backend.submit([WorkItem(it, 300, seed) for seed, it in enumerate(compiled)], "all"))
    for seed, (it, found) in enumerate(zip(compiled, together, strict=True)):
        assert isinstance(found, Outcome)
        assert found.counts == _aer(it, 300, seed).counts
        assert found.qpu_us


def test_the_time_of_a_distribution_is_in_the_usage_of_its_first_run_only() -> None:
    backend = Aer()
    compiled = backend.compile(parse(DENSE.format(1)), 1)
    first, second = (backend.run(WorkItem(compiled, 10, seed)).qpu_us for seed in (1, 2))
    assert first is not None
    assert second is not None
    assert first > 2 * second


def test_distributions_are_dropped_for_newer_ones_without_an_effect_on_results() -> None:
    backend = Aer()
    compiled = [backend.compile(parse(DENSE.format(number)), 1) for number in range(1, 20)]
    first = backend.run(WorkItem(compiled[0], 50, 1)).counts
    for it in compiled:
        backend.run(WorkItem(it, 50, 1))
    assert backend.run(WorkItem(compiled[0], 50, 1)).counts == first


def test_the_generator_is_that_of_the_standard_library_of_c_plus_plus() -> None:
    """The standard names the 10,000th number of std::mt19937_64 with its default seed, 5489."""
    assert uniforms(5489, 10_000)[-1] == np.float64(9981545732273789042) * 2.0**-64


def test_the_time_of_a_run_does_not_show_what_other_owners_ran() -> None:
    backend = Aer()
    compiled = backend.compile(parse(DENSE.format(2)), 1)
    first, again, other = (backend.run(WorkItem(compiled, 10, 1, owner=it)).qpu_us for it in ("acme", "acme", "evil"))
    assert first is not None
    assert again is not None
    assert other is not None
    assert min(first, other) > 2 * again

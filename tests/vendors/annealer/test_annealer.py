"""The classical annealer: the laws of all backends, brute force, and what it refuses."""

from __future__ import annotations

import json
from itertools import product
from random import Random

import pytest

from queuebit_quantum import DoesNotFit, Outcome, WorkItem, load_stack, parse
from queuebit_testing.backend_laws import BackendLaws, collected
from queuebit_vendor_annealer import stack
from queuebit_vendor_annealer.annealer import Annealer


def problem(variables: int, linear: list[list[float]], quadratic: list[list[float]]) -> str:
    document = {"qubo": "v1", "variables": variables, "linear": linear, "quadratic": quadratic}
    return json.dumps(document)


class TestAnnealer(BackendLaws):
    """The laws, with a problem where others have a circuit."""

    source = problem(2, [[0, -1]], [[0, 1, 2]])

    @pytest.fixture(scope="class")
    def backend(self) -> Annealer:
        return Annealer()

    def wide(self, qubits: int) -> str:
        return problem(qubits, [[0, 1]], [])


def anneal(source: str, shots: int = 50, seed: int = 1, *, memory: bool = False) -> Outcome:
    annealer = Annealer()
    item = WorkItem(annealer.compile(parse(source), 1), shots, seed, memory=memory)
    (outcome,) = collected(annealer, annealer.submit([item], f"t{seed}"))
    assert isinstance(outcome, Outcome)
    return outcome


@pytest.mark.parametrize("seed", range(8))
def test_it_finds_the_minimum_that_brute_force_finds(seed: int) -> None:
    draw, size = Random(seed), 10
    linear = [[it, draw.uniform(-2, 2)] for it in range(size)]
    quadratic = [[i, j, draw.uniform(-2, 2)] for i in range(size) for j in range(i) if draw.random() < 0.6]

    def value(bits: tuple[int, ...]) -> float:
        own = sum(factor * bits[int(at)] for at, factor in linear)
        return own + sum(factor * bits[int(i)] * bits[int(j)] for i, j, factor in quadratic)

    least = min(map(value, product((0, 1), repeat=size)))
    found = anneal(problem(size, linear, quadratic))
    assert min(value(tuple(map(int, reversed(bits)))) for bits in found.counts) == pytest.approx(least)
    assert sum(found.counts.values()) == 50


def test_the_rightmost_bit_is_the_first_variable() -> None:
    """An asymmetric problem with one minimum; variable 3 has no term."""
    found = anneal(problem(3, [[0, -1], [1, 2]], [[1, 2, 1]]), shots=40)
    assert {bits[-2:] for bits in found.counts} == {"01"}
    assert len({bits[0] for bits in found.counts}) == 2, "a free variable takes both values"


def test_the_same_seed_gives_the_same_counts_and_memory_has_each_read() -> None:
    source = problem(6, [[it, 0.1] for it in range(6)], [[it, it + 1, -0.2] for it in range(5)])
    one, again, other = anneal(source, 100, 5, memory=True), anneal(source, 100, 5, memory=True), anneal(source, 100, 6)
    assert (one.counts, one.memory) == (again.counts, again.memory)
    assert one.memory is not None
    assert {it: one.memory.count(it) for it in one.counts} == one.counts
    assert other.memory is None


def test_a_circuit_of_gates_is_refused() -> None:
    with pytest.raises(DoesNotFit, match="quadratic problems"):
        Annealer().compile(parse("qubit q; bit c; c = measure q;"), 1)


def test_the_stack_is_found_by_its_entry_point() -> None:
    assert load_stack("annealer") is stack
    assert [*stack.backends] == ["local-annealer"]

"""Problems over bits: their Ising models, the search for angles, and brute force over all assignments."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_quantum import parse
from queuebit_templates import Item, Measured, Program, find, validated
from queuebit_templates.quadratic import Qubo, Term

from .runs import driven, exact

TERMS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.floats(-9, 9, allow_subnormal=False)), min_size=1, max_size=12
)


@given(TERMS, st.floats(-5, 5))
def test_the_ising_model_has_the_values_of_the_problem(terms: list[Term], offset: float) -> None:
    qubo = Qubo.of(5, terms, offset)
    constant, fields, couplings = qubo.ising()
    for bits in product((0, 1), repeat=5):
        plain = offset + sum(factor * bits[one] * bits[other] for one, other, factor in terms)
        spins = [1 - 2 * it for it in bits]
        energy = constant + sum(h * z for h, z in zip(fields, spins, strict=True))
        energy += sum(j * spins[one] * spins[other] for (one, other), j in couplings.items())
        assert qubo.value(bits) == pytest.approx(plain, abs=1e-9)
        assert energy == pytest.approx(plain, abs=1e-9)


def cut_of(edges: list[tuple[int, int, float]], sides: str) -> float:
    return sum(weight for one, other, weight in edges if sides[one] != sides[other])


@pytest.mark.parametrize(
    "edges",
    [
        [(0, 1, 1.0), (1, 2, 1.0), (2, 3, 1.0), (3, 0, 1.0)],
        [(0, 1, 1.0), (1, 2, 2.5), (0, 2, -1.0), (2, 3, 0.5), (3, 4, 1.0)],
    ],
)
def test_maxcut_finds_the_largest_cut(edges: list[tuple[int, int, float]]) -> None:
    reading, programs = driven("qaoa-maxcut", exact, edges=edges, depth=2, grid=5)
    size = 1 + max(max(it[:2]) for it in edges)
    largest = max(cut_of(edges, "".join(sides)) for sides in product("01", repeat=size))
    assert reading.values["largest_cut"] == pytest.approx(largest)
    assert reading.values["cut"] == pytest.approx(largest)
    assert cut_of(edges, str(reading.values["sides"])) == pytest.approx(largest)
    guessed = sum(it[2] for it in edges) / 2
    assert guessed < float(str(reading.values["mean_cut"])) <= largest
    assert [len(it.items) for it in programs] == [25, 25, 1]


def test_one_layer_on_a_ring_reaches_three_quarters() -> None:
    """The known value of depth 1 for a ring of even length from 4 vertices on (Farhi et al. 2014, section 4)."""
    ring = [(it, (it + 1) % 6) for it in range(6)]
    reading, _ = driven("qaoa-maxcut", exact, edges=ring, depth=1, grid=8)
    assert 0.745 < float(str(reading.values["ratio"])) <= 0.75 + 1e-9


def test_more_layers_are_better_on_a_ring() -> None:
    ring = [(it, (it + 1) % 6) for it in range(6)]
    ratios = [driven("qaoa-maxcut", exact, edges=ring, depth=it, grid=6)[0].values["ratio"] for it in (1, 3)]
    assert float(str(ratios[1])) > float(str(ratios[0])) + 0.03


@pytest.mark.parametrize(("choose", "aversion"), [(1, 0.0), (2, 1.0), (3, 4.0)])
def test_the_portfolio_is_the_best_with_that_number_of_assets(choose: int, aversion: float) -> None:
    template = find("qaoa-portfolio")
    market = validated(template, {"choose": choose, "risk_aversion": aversion}).model_dump()
    returns, covariance = market["returns"], market["covariance"]

    def objective(assets: tuple[int, ...]) -> float:
        risk = sum(covariance[i][j] for i in assets for j in assets)
        return float(aversion * risk - sum(returns[it] for it in assets))

    best = min(map(objective, combinations(range(len(returns)), choose)))
    reading, _ = driven("qaoa-portfolio", exact, choose=choose, risk_aversion=aversion, grid=4)
    assert reading.values["least_objective"] == pytest.approx(best, abs=1e-9)
    assert reading.values["objective"] == pytest.approx(best, abs=1e-9)
    chosen = reading.values["chosen"]
    assert isinstance(chosen, list)
    assert len(chosen) == choose
    assert objective((*chosen,)) == pytest.approx(best)


def test_a_problem_reaches_its_minimum() -> None:
    terms = [[0, 0, -3], [1, 1, -2], [2, 2, -4], [0, 1, 5], [1, 2, 5]]
    reading, _ = driven("qubo", exact, terms=terms, offset=10, grid=5)
    assert (reading.values["bits"], reading.values["value"], reading.values["minimum"]) == ("101", 3.0, 3.0)


def test_an_annealer_gets_the_problem_itself_in_one_job() -> None:
    terms = [[0, 0, -3], [1, 0, 2], [0, 1, 3], [2, 2, -4]]

    def anneal(program: Program, item: Item) -> Measured:
        circuit = parse(item.source)
        assert circuit.problem is not None
        assert circuit.problem.linear == ((0, -3.0), (2, -4.0))
        assert circuit.problem.quadratic == ((0, 1, 5.0),)
        assert circuit.problem.offset == 1.0
        return Measured({"001": program.shots - 1, "101": 1})

    reading, programs = driven("qubo", anneal, terms=terms, offset=1, method="anneal", shots=4)
    assert (reading.values["bits"], reading.values["value"], reading.values["mean"]) == ("101", -6.0, -3.0)
    assert len(programs) == find("qubo").jobs(validated(find("qubo"), {"method": "anneal"})) == 1
    large = [[it, it, 1] for it in range(500)]
    assert validated(find("qubo"), {"terms": large, "method": "anneal"}).model_dump()

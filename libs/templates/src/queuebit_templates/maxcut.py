"""QAOA for the largest cut of a graph."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from queuebit_templates.definition import Reading, Steps, Template, quantity
from queuebit_templates.quadratic import Qubo, Term
from queuebit_templates.ramps import JOBS, Ramp, minimise

__all__ = ["maxcut"]

_MOST_VERTICES = 24


class _Graph(Ramp):
    edges: tuple[tuple[int, int] | tuple[int, int, float], ...] = quantity(
        ((0, 1), (1, 2), (2, 3), (3, 4), (4, 0)), "", "pairs of vertices from 0, each with a weight or 1", min_length=1
    )

    @model_validator(mode="after")
    def _is_a_graph(self) -> Self:
        for it in self.edges:
            if it[0] == it[1] or min(it[0], it[1]) < 0:
                raise ValueError(f"the edge {list(it)} must join two different vertices, numbered from 0")
        if self.vertices > _MOST_VERTICES:
            raise ValueError(f"the graph has {self.vertices} vertices; the most are {_MOST_VERTICES}")
        return self

    @property
    def vertices(self) -> int:
        return 1 + max(max(it[0], it[1]) for it in self.edges)

    @property
    def qubo(self) -> Qubo:
        """Its value is the weight of the cut with the opposite sign."""
        terms: list[Term] = []
        for it in self.edges:
            weight = float(it[2]) if len(it) == 3 else 1.0
            terms += [(it[0], it[0], -weight), (it[1], it[1], -weight), (it[0], it[1], 2 * weight)]
        return Qubo.of(self.vertices, terms)


def _steps(given: _Graph) -> Steps:
    qubo = given.qubo
    found = yield from minimise(qubo, given)
    least = qubo.minimum()
    largest = None if least is None else 0.0 - least
    cut, mean = 0.0 - found.value, 0.0 - found.mean
    sides = "".join(map(str, found.bits))
    against = "" if largest is None else f" of at most {largest:g}"
    return Reading(
        f"The best cut has the weight {cut:g}{against}, with the sides {sides}; "
        f"the mean of the last job is {mean:.3f}.",
        {
            "cut": cut,
            "sides": sides,
            "mean_cut": mean,
            "largest_cut": largest,
            "ratio": mean / largest if largest else None,
        },
    )


maxcut = Template(
    name="qaoa-maxcut",
    summary="QAOA for the largest cut of a graph",
    parameters=_Graph,
    steps=_steps,
    values={
        "cut": "weight of the best cut that was measured",
        "sides": "the side of each vertex, vertex 0 first",
        "mean_cut": "mean weight of the last job's shots",
        "largest_cut": "the largest cut, from all assignments; null above 14 vertices",
        "ratio": "mean_cut / largest_cut",
    },
    source="Farhi, Goldstone and Gutmann 2014, arXiv:1411.4028; angles on a linear ramp: arXiv:2405.09169",
    example={"edges": [[0, 1], [1, 2], [2, 3], [3, 0], [0, 2, 0.5]], "depth": 3},
    jobs=lambda _: JOBS,
)

"""The objective of a job, from its acceptance to the explanation of its placement."""

from __future__ import annotations

import asyncio

import pytest

from queuebit_contracts.job import OBJECTIVES as OF_CONTRACTS
from queuebit_contracts.job import JobAccepted
from queuebit_contracts.query import Question
from queuebit_scheduler.explaining import ExplainJob
from queuebit_scheduling import OBJECTIVES

from .conftest import World


def preferring(objective: str | None, event: JobAccepted) -> JobAccepted:
    """The acceptance with an objective, on a cheap backend and on one that is expensive, slow and good."""
    cheap, good = event.data.candidates
    candidates = (
        cheap.model_copy(update={"esp_ppm": 700_000}),
        good.model_copy(update={"esp_ppm": 900_000, "hold": "2", "qpu_us": 9_000}),
    )
    data = event.data.model_copy(update={"objective": objective, "candidates": candidates})
    return event.model_copy(update={"data": data})


@pytest.mark.parametrize(
    ("objective", "backend", "rule"),
    [
        (None, "aer", "cost"),
        ("time", "aer", "completion"),
        ("fidelity", "cirq", "success"),
        ("balanced", "cirq", "balance"),
    ],
)
def test_a_job_is_placed_by_its_objective_and_says_so(
    world: World, objective: str | None, backend: str, rule: str
) -> None:
    world.happens(world.registered("aer"), world.registered("cirq"))
    world.happens(preferring(objective, world.accepted("j1", backends=("aer", "cirq"))))
    world.cycle()
    (row,) = asyncio.run(ExplainJob(world.log, world.decisions)("acme", Question(job="j1"))).rows
    assert (row["backend"], row["rule"], row.get("objective")) == (backend, rule, objective)


def test_the_contract_names_the_objectives_of_the_policy() -> None:
    assert {*OF_CONTRACTS} == {*OBJECTIVES}

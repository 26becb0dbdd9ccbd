"""The accuracy of plans, from a history that is made by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest

from .job_history import HOUR, START, Life
from .warehouse import Warehouse

pytestmark = pytest.mark.server

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    running = Warehouse(tmp_path_factory.mktemp("plans"))
    yield running
    running.stop()


def lives(tenant: str, waits_s: list[int], **words: Any) -> list[Life]:
    """Jobs that end one after another, after these waits."""
    return [
        Life(tenant, START + at * MINUTE, wait=timedelta(seconds=wait), run=timedelta(seconds=1), **words)
        for at, wait in enumerate(waits_s)
    ]


def fill(warehouse: Warehouse, jobs: list[Life]) -> None:
    bills = [it.metered(amount="0.8") for it in jobs]
    stored = chain(chain.from_iterable(it.messages() for it in jobs), bills)
    warehouse.fill_at(sorted(stored, key=lambda it: it[0]))


def rows(warehouse: Warehouse, tenant: str) -> list[dict[str, Any]]:
    query = "SELECT * FROM sli_plan_accuracy WHERE tenant = {tenant:String} ORDER BY at"
    return warehouse.ask(query, {"tenant": tenant})


def test_a_wait_is_compared_with_the_jobs_before_it_by_nearest_rank(plans: Warehouse) -> None:
    fill(plans, lives("p1", [*range(1, 11), 2, 10, 1, 30]))
    found = rows(plans, "p1")
    assert [(it["low_ms"], it["high_ms"]) for it in found][:2] == [(1000, 9000), (2000, 9000)]
    assert [(it["wait_ms"], it["good"]) for it in found] == [(2000, 1), (10_000, 0), (1000, 0), (30_000, 0)]
    assert {it["total"] for it in found} == {1}


def test_rows_that_are_stored_twice_are_one_case(plans: Warehouse) -> None:
    jobs = lives("p5", [1] * 11)
    stored = chain(chain.from_iterable(it.messages() for it in jobs), (it.metered(amount="0.8") for it in jobs))
    plans.fill_at(sorted(stored, key=lambda it: it[0]), twice=True)
    assert [it["total"] for it in rows(plans, "p5")] == [1]


def test_less_than_ten_jobs_before_are_no_plan_and_those_of_others_do_not_count(plans: Warehouse) -> None:
    fill(plans, [*lives("p2", [1] * 9), *lives("p2", [1] * 9, backend="perth"), *lives("p3", [1] * 9)])
    assert rows(plans, "p2") == []
    fill(plans, [Life("p2", START + HOUR, wait=timedelta(seconds=1)), Life("p2", START + 2 * HOUR)])
    assert [it["backend"] for it in rows(plans, "p2")] == ["torino"]


def test_the_errors_of_cost_run_time_and_fidelity_stand_beside(plans: Warehouse) -> None:
    said = {
        "terms": {"project": "chem", "hold": {"amount": "1.0"}, "qpu_us": 2_000_000},
        "usage": {"shots": 100, "qpu_us": 1_500_000, "qubits": 2},
        "compilation": {"esp_ppm": 900_000},
        "quality": {"passed": True, "checks": [{"name": "fidelity", "passed": True, "value": 945_000, "limit": 1}]},
    }
    fill(plans, [*lives("p4", [1] * 11), Life("p4", START + HOUR, said=said)])
    *_, plain, known = rows(plans, "p4")
    assert (plain["cost_error"], plain["run_error"], plain["fidelity_error"]) == (None, None, None)
    assert known["cost_error"] == pytest.approx(-0.2)
    assert known["run_error"] == pytest.approx(-0.25)
    assert known["fidelity_error"] == pytest.approx(0.05)

"""Spot jobs: they are placed shortly before they run, and give way to each other job until they start."""

from __future__ import annotations

from dataclasses import replace

import pytest

from queuebit_scheduling import (
    POLICY,
    BackendCapacity,
    Candidate,
    GaveWay,
    Job,
    Movable,
    Window,
    decode,
    encode,
    explain,
)
from queuebit_scheduling.preemption import MOVES
from queuebit_scheduling.reasons import why_waiting
from queuebit_scheduling.shares import AGED_US
from queuebit_testing.snapshots import NOW_US

from .test_scheduling_preemption import S, job, line, moved, places, snapshot, urgent

IDLE = BackendCapacity("aer", 1, 16)


def spot(name: str = "spot", order: int = 1, seconds: int = 10, **changes: object) -> Job:
    made = replace(job(name, order, seconds), tenant="other", spot=True)
    return replace(made, **changes)  # type: ignore[arg-type]  # fields of a job


@pytest.mark.parametrize(("backlog_s", "placed"), [(0, True), (1, True), (2, False)])
def test_a_spot_job_is_placed_shortly_before_it_runs(backlog_s: int, placed: bool) -> None:
    backend = replace(IDLE, taken=1, backlog_us=backlog_s * S)
    assert bool(places(snapshot(spot(), placed=(), backends=(backend,)))) is placed


WAITING = {
    "an interactive job": urgent(),
    "a batch job of another tenant": urgent(workload_class="batch"),
    "a job of the lowest priority": urgent(workload_class="sandbox", priority=-9),
}


@pytest.mark.parametrize("waiting", WAITING.values(), ids=WAITING)
@pytest.mark.parametrize(
    "changes",
    [{}, {"workload_class": "interactive"}, {"accepted_us": NOW_US - AGED_US}, {"deadline_us": NOW_US + 12 * S}],
)
def test_a_spot_job_gives_way_to_any_other(waiting: Job, changes: dict[str, object]) -> None:
    placed = replace(spot(), **changes)  # type: ignore[arg-type]  # fields of a job
    rows = line(placed, moves=MOVES + 3)
    first, again = places(snapshot(waiting, placed=rows, running_s=1))
    assert (first.job[1], again.job[1]) == ("urgent", "spot")
    assert again.gave_way == GaveWay(("acme", "urgent"), "spot", 10 * S)


def test_a_spot_job_goes_before_none() -> None:
    assert POLICY.goes_before(spot("a"), spot("b")) is None
    assert POLICY.goes_before(replace(urgent(), spot=True), job("v", 1)) is None


def test_a_spot_job_keeps_a_place_in_which_it_ends_in_time() -> None:
    """It would have none behind the other job: a window begins."""
    window = Window(NOW_US + 19 * S, NOW_US + 90 * S, "reservation", "acme", "r1", "main", None)
    backend = BackendCapacity("aer", 1, 16, 2, 15 * S, windows=(window,))
    assert moved(snapshot(urgent(), placed=line(spot()), backends=(backend,))) == []


def test_a_snapshot_with_spot_jobs_is_of_version_7_and_round_trips() -> None:
    for found in (snapshot(spot(), placed=(), backends=(IDLE,)), snapshot(urgent(), placed=line(spot()))):
        assert b'"version":7' in encode(found)
        assert decode(encode(found)) == found
        assert encode(decode(encode(found))) == encode(found)


def test_no_tenant_sees_the_job_of_another_one() -> None:
    found = snapshot(urgent(), placed=(*line(spot()), *line(job("own", 2))))
    first, again = explain(POLICY, found, ("acme", "urgent")), explain(POLICY, found, ("other", "spot"))
    assert first is not None
    assert again is not None
    assert first.document("acme")["moved"] == ["a spot job", "own"]
    assert first.document()["moved"] == ["spot", "own"]
    assert again.document("other")["gave_way"] == {"rule": "spot", "gained_ms": 20_000}


def test_its_reason_to_wait_says_what_it_is() -> None:
    full = {"aer": replace(IDLE, taken=1, backlog_us=9 * S)}
    runs = "spot jobs are placed on aer shortly before they run"
    reason = why_waiting(spot(), full, NOW_US)
    assert reason == f"it is a spot job, and runs while no other job wants the backend: {runs}"


def test_the_least_fidelity_holds_where_it_is_placed_again() -> None:
    """Its candidates are those with the fidelity that it demands: it goes to no other backend, however soon."""
    sooner = BackendCapacity("torino", 1, 16)
    here = Movable(spot(candidates=(Candidate("aer", 10 * S, 950_000),)), "aer", 10 * S)
    _, again = places(snapshot(urgent(), placed=(here,), backends=(BackendCapacity("aer", 1, 16, 2, 15 * S), sooner)))
    assert again.backend == "aer"

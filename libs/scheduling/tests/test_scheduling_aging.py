"""After what time of waiting a job goes before classes and priorities: a setting that the snapshot records."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from queuebit_scheduling import AGED_US, POLICY, BackendCapacity, Job, Movable, Snapshot, decode, encode, plan
from queuebit_testing.snapshots import NOW_US

from .test_scheduling_shares import job, order, snapshot

MINUTE_US = 60_000_000


def two(aged_us: int = AGED_US) -> Snapshot:
    """A job of the lowest class has waited for a minute; one of a higher class came later."""
    waited = job("waited", 9, "p", workload_class="sandbox", accepted_us=NOW_US - MINUTE_US)
    return replace(snapshot(waited, job("urgent", 1, "p")), aged_us=aged_us)


@pytest.mark.parametrize(("aged_us", "first"), [(AGED_US, "urgent"), (MINUTE_US, "waited"), (MINUTE_US + 1, "urgent")])
def test_who_has_waited_for_so_long_is_next(aged_us: int, first: str) -> None:
    assert order(two(aged_us))[0] == first


@pytest.mark.parametrize("aged_us", [MINUTE_US, 2 * AGED_US])
def test_another_time_is_in_the_snapshot_and_the_decision_recomputes(aged_us: int) -> None:
    content = encode(given := two(aged_us))
    assert (json.loads(content)["version"], json.loads(content)["aged_us"]) == (9, aged_us)
    assert decode(content) == given
    assert encode(decode(content)) == content
    assert plan(POLICY, decode(content)) == plan(POLICY, given)


def test_with_an_hour_the_bytes_are_as_before() -> None:
    document = json.loads(encode(two()))
    assert "aged_us" not in document
    assert document["version"] < 9
    assert decode(encode(two())).aged_us == AGED_US


@pytest.mark.parametrize(("aged_us", "gives_way"), [(AGED_US, True), (MINUTE_US, False)])
def test_a_placed_job_that_has_waited_for_so_long_keeps_its_place(aged_us: int, gives_way: bool) -> None:
    def of(name: str, accepted_us: int, workload_class: str) -> Job:
        return replace(job(name, 1, "p", workload_class=workload_class), accepted_us=accepted_us)

    placed = Movable(of("placed", NOW_US - MINUTE_US, "research"), "aer", 20 * 10**6)
    here = BackendCapacity("aer", 1, 8, 2, 40 * 10**6)
    first = of("first", NOW_US, "production")
    found = POLICY.movers(first, here, 10**6, [placed], NOW_US, aged_us)
    assert bool(found) is gives_way

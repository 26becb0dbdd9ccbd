"""The rules of fair share and least completion, over snapshots alone."""

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queuebit_kernel import canonical
from queuebit_scheduler.policy import Hold, Place, plan
from queuebit_scheduler.snapshot import Backend, Option, Snapshot, Tenant, Waiting
from queuebit_scheduler.usage import PERIOD_US, Served

QUICK = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
"""The same cases in every run; a busy machine may be slow."""

NOW_US = 1_000 * PERIOD_US


def backend(name: str, *, slots: int = 1, places: int = 8, taken: int = 0, backlog_us: int = 0) -> Backend:
    return Backend(name, slots, places, taken, backlog_us)


def tenant(name: str, *, share: int = 1, served_us: int = 0, outstanding_us: int = 0) -> Tenant:
    return Tenant(name, share, Served(served_us, 1_000), outstanding_us)


def job(owner: str, name: str, order: int, *options: Option, waited_us: int = 10**9) -> Waiting:
    return Waiting(owner, name, order, NOW_US - waited_us, options)


def on(name: str, expected_us: int = 100, esp_ppm: int = 1_000_000, cost_rank: int = 0) -> Option:
    return Option(name, expected_us, esp_ppm, cost_rank)


def snapshot(backends: list[Backend], tenants: list[Tenant], waiting: list[Waiting], *, limit: int = 32) -> Snapshot:
    return Snapshot(NOW_US, limit, tuple(backends), tuple(tenants), tuple(waiting))


def placed(given: Snapshot) -> list[tuple[str, str]]:
    return [(place.job[1], place.backend) for place in plan(given).places]


def test_a_tenants_oldest_job_is_first() -> None:
    waiting = [job("acme", "old", 1, on("aer")), job("acme", "new", 2, on("aer"))]
    assert placed(snapshot([backend("aer")], [tenant("acme")], waiting)) == [("old", "aer"), ("new", "aer")]


def test_the_tenant_that_received_least_for_its_share_is_first() -> None:
    tenants = [tenant("a", share=1, served_us=200), tenant("b", share=3, served_us=590)]
    waiting = [job("a", "of-a", 1, on("aer")), job("b", "of-b", 2, on("aer"))]
    assert placed(snapshot([backend("aer")], tenants, waiting)) == [("of-b", "aer"), ("of-a", "aer")]


def test_tenants_that_received_the_same_are_taken_by_name() -> None:
    waiting = [job("b", "of-b", 1, on("aer")), job("a", "of-a", 2, on("aer"))]
    assert placed(snapshot([backend("aer")], [tenant("a"), tenant("b")], waiting))[0] == ("of-a", "aer")


def test_outstanding_work_counts_as_received() -> None:
    tenants = [tenant("a", outstanding_us=50), tenant("b")]
    waiting = [job("a", "of-a", 1, on("aer")), job("b", "of-b", 2, on("aer"))]
    assert placed(snapshot([backend("aer", places=1)], tenants, waiting)) == [("of-b", "aer")]


@pytest.mark.parametrize(("waited_us", "first"), [(0, "small"), (5_000, "large")])
def test_a_large_job_yields_to_a_small_one_until_it_has_waited_as_long_as_it_runs(waited_us: int, first: str) -> None:
    tenants = [tenant("a"), tenant("b", served_us=1)]
    waiting = [job("a", "large", 1, on("aer", 5_000), waited_us=waited_us), job("b", "small", 2, on("aer", 10))]
    assert placed(snapshot([backend("aer", places=1)], tenants, waiting)) == [(first, "aer")]


def test_service_long_past_is_forgotten() -> None:
    tenants = [Tenant("a", 1, Served(1_000_000, 0), 0), tenant("b", served_us=1)]
    waiting = [job("a", "of-a", 1, on("aer")), job("b", "of-b", 2, on("aer"))]
    assert placed(snapshot([backend("aer", places=1)], tenants, waiting)) == [("of-a", "aer")]


@pytest.mark.parametrize(
    ("backends", "options", "chosen"),
    [
        pytest.param([backend("a", backlog_us=900), backend("b")], [on("a"), on("b", 500)], "b", id="a queue costs"),
        pytest.param([backend("a", slots=9, backlog_us=900), backend("b")], [on("a"), on("b", 500)], "a", id="shared"),
        pytest.param([backend("a"), backend("b")], [on("a", 100, 900_000), on("b", 100, 990_000)], "b", id="fidelity"),
        pytest.param([backend("a"), backend("b")], [on("a"), on("b")], "a", id="name"),
        pytest.param([backend("a", taken=8), backend("b")], [on("a"), on("b", 10**9)], "b", id="full is no choice"),
        pytest.param([backend("b")], [on("a"), on("b", 10**9)], "b", id="unregistered is no choice"),
    ],
)
def test_the_backend_is_the_one_expected_to_be_done_first(
    backends: list[Backend], options: list[Option], chosen: str
) -> None:
    assert placed(snapshot(backends, [tenant("acme")], [job("acme", "j", 1, *options)])) == [("j", chosen)]


@pytest.mark.parametrize(
    ("cheap", "chosen"),
    [
        pytest.param(backend("cheap", backlog_us=10**9), "cheap", id="however long its queue"),
        pytest.param(backend("cheap", taken=8), "fast", id="unless it is full"),
    ],
)
def test_a_job_goes_to_the_cheapest_backend_that_has_a_free_place(cheap: Backend, chosen: str) -> None:
    waiting = [job("acme", "j", 1, on("cheap", 500), on("fast", 1, cost_rank=1))]
    assert placed(snapshot([cheap, backend("fast")], [tenant("acme")], waiting)) == [("j", chosen)]


def test_scores_tell_the_expected_completion_everywhere_soonest_first() -> None:
    given_ = snapshot(
        [backend("a", backlog_us=301, slots=2), backend("b", taken=8)],
        [tenant("acme")],
        [job("acme", "j", 1, on("a", 100), on("b", 7), on("absent"))],
    )
    assert plan(given_).decisions == (Place(("acme", "j"), "a", 100, (("b", 7), ("a", 251))),)


@pytest.mark.parametrize(
    ("backends", "options", "reason"),
    [
        ([backend("aer", taken=8)], [on("aer")], "all 8 places on aer are taken"),
        (
            [backend("aer", taken=8), backend("cirq", places=4, taken=4)],
            [on("aer"), on("cirq")],
            "all 8 places on aer and all 4 places on cirq are taken",
        ),
        ([], [on("aer")], "aer has not registered yet: see whether its executor runs"),
        ([], [on("a"), on("b")], "none of a, b has registered yet: see whether its executor runs"),
    ],
)
def test_a_job_that_cannot_be_placed_is_held_with_a_reason(
    backends: list[Backend], options: list[Option], reason: str
) -> None:
    held = snapshot(backends, [tenant("acme")], [job("acme", "j", 1, *options)])
    assert plan(held).decisions == (Hold(("acme", "j"), reason),)


def test_a_held_job_blocks_nobody() -> None:
    waiting = [job("acme", "stuck", 1, on("full")), job("acme", "free", 2, on("aer")), job("b", "other", 3, on("aer"))]
    given_ = snapshot([backend("full", taken=8), backend("aer")], [tenant("acme"), tenant("b")], waiting)
    assert placed(given_) == [("free", "aer"), ("other", "aer")]


def test_beyond_the_limit_of_a_cycle_jobs_wait_for_the_next() -> None:
    waiting = [job("acme", f"j{n}", n, on("aer")) for n in range(3)]
    decisions = plan(snapshot([backend("aer")], [tenant("acme")], waiting, limit=2)).decisions
    assert decisions[2] == Hold(("acme", "j2"), "its turn has not come yet")


def test_a_cycle_ends_where_the_snapshot_shows_no_more_of_a_line() -> None:
    waiting = [replace(job("a", "last-shown", 1, on("aer")), more=True), job("b", "other", 2, on("aer"))]
    assert placed(snapshot([backend("aer")], [tenant("a"), tenant("b")], waiting)) == [("last-shown", "aer")]


NAMES = st.sampled_from("abcd")


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    figures = st.integers(0, 10**6)
    names = draw(st.sets(NAMES))
    backends = [
        Backend(name, draw(st.integers(1, 3)), draw(st.integers(0, 4)), draw(st.integers(0, 4)), draw(figures))
        for name in sorted(names)
    ]
    tenants = [
        Tenant(f"t{n}", draw(st.integers(1, 5)), Served(draw(figures), draw(st.integers(0, 1_000))), draw(figures))
        for n in range(draw(st.integers(1, 3)))
    ]
    waiting = []
    for order in range(draw(st.integers(0, 12))):
        options = [
            Option(name, draw(st.integers(1, 10**6)), draw(figures), draw(st.integers(0, 2)))
            for name in sorted(draw(st.sets(NAMES, min_size=1)))
        ]
        owner = draw(st.sampled_from(tenants)).name
        waiting.append(Waiting(owner, f"j{order}", order, NOW_US - draw(figures), tuple(options), draw(st.booleans())))
    return Snapshot(NOW_US, draw(st.integers(1, 6)), tuple(backends), tuple(tenants), tuple(waiting))


@QUICK
@given(snapshots())
def test_every_job_gets_one_decision_and_no_backend_more_than_its_places(given_: Snapshot) -> None:
    decided = plan(given_)
    assert sorted(it.job for it in decided.decisions) == sorted(it.key for it in given_.waiting)
    options = {it.key: {option.backend for option in it.options} for it in given_.waiting}
    for place in decided.places:
        assert place.backend in options[place.job]
    for it in given_.backends:
        assert sum(place.backend == it.name for place in decided.places) <= it.free


@QUICK
@given(snapshots())
def test_no_job_is_held_while_it_could_be_placed(given_: Snapshot) -> None:
    decided = plan(given_)
    placed_ = {place.job for place in decided.places}
    if len(placed_) == given_.limit or any(it.more for it in given_.waiting if it.key in placed_):
        return
    used = [place.backend for place in decided.places]
    left = {it.name for it in given_.backends if it.free > used.count(it.name)}
    held = {it.job for it in decided.decisions if isinstance(it, Hold)}
    assert all(left.isdisjoint(o.backend for o in it.options) for it in given_.waiting if it.key in held)


@QUICK
@given(snapshots())
def test_a_recorded_snapshot_is_decided_again_byte_for_byte(given_: Snapshot) -> None:
    again = Snapshot.read(json.loads(canonical(given_.document())))
    assert again == given_
    assert again.digest == given_.digest
    assert plan(again) == plan(given_)


@QUICK
@given(st.integers(0, 10**12), st.integers(0, 50), st.integers(0, 50))
def test_what_is_left_of_service_does_not_depend_on_who_looked_when(us: int, first: int, second: int) -> None:
    assert Served(us).at(first).at(first + second) == Served(us).at(first + second)

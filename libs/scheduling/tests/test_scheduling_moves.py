"""Placed jobs that have not started are moved to backends that became better for them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_scheduling import (
    POLICIES,
    POLICY,
    BackendCapacity,
    Candidate,
    Job,
    Movable,
    Place,
    RunTime,
    Served,
    Snapshot,
    Tenant,
    Window,
    decode,
    encode,
    explain,
    plan,
)
from queuebit_scheduling.moves import MOVES
from queuebit_scheduling.plan import Moved
from queuebit_scheduling.preemption import GAIN_US
from queuebit_testing.snapshots import NOW_US, QUICK, grouped, job_on

S = 1_000_000
SLOT = Window(NOW_US - 10 * S, NOW_US + 1000 * S, "reservation", "acme", "r1", "main", None)


def window(start_s: int, end_s: int = 1000) -> Window:
    return Window(NOW_US + start_s * S, NOW_US + end_s * S, "calibration")


def job(name: str = "a", order: int = 1, seconds: int = 10, **changes: object) -> Job:
    return job_on(("aer", "boston", "cairo"), name, order, seconds, **changes)


def figures(it: Job, **of: tuple[int, int]) -> Job:
    """The job with the cost rank and the success probability, in percent, of some candidates."""
    known = {name: {"cost_rank": rank, "esp_ppm": percent * 10_000} for name, (rank, percent) in of.items()}
    found = (replace(one, **known.get(one.backend, {})) for one in it.candidates)  # type: ignore[arg-type]  # fields
    return replace(it, candidates=tuple(found))


def placed(it: Job, ahead_s: int = 60, *left: str, on: str = "aer") -> Movable:
    """A job that waits behind so much run time."""
    return Movable(it, on, it.candidates[0].qpu_us, 0, ahead_s * S, left)


def busy(name: str = "aer", backlog_s: int = 70, **changes: object) -> BackendCapacity:
    made = BackendCapacity(name, 1, 16, 2, backlog_s * S)
    return replace(made, **changes)  # type: ignore[arg-type]  # fields of a backend


def free(name: str = "boston", backlog_s: int = 0, **changes: object) -> BackendCapacity:
    made = BackendCapacity(name, 1, 16, 1 if backlog_s else 0, backlog_s * S)
    return replace(made, **changes)  # type: ignore[arg-type]  # fields of a backend


def snapshot(*rows: Movable, backends: tuple[BackendCapacity, ...] = (busy(), free()), **changes: object) -> Snapshot:
    made = Snapshot(POLICY.name, NOW_US, 32, backends, movable=rows)
    return replace(made, **changes)  # type: ignore[arg-type]  # fields of a snapshot


def moves(it: Snapshot) -> list[tuple[str, str]]:
    return [(place.job[1], place.backend) for place in plan(POLICY, it).places if place.moved is not None]


def test_a_job_goes_to_a_backend_that_became_free_though_nothing_waits() -> None:
    (place,) = plan(POLICY, snapshot(placed(job()))).places
    assert (place.job, place.backend, place.expected_us) == (("acme", "a"), "boston", 10 * S)
    assert place.moved == Moved("aer", 60 * S)
    assert place.scores == (("boston", 10 * S), ("aer", 70 * S))


@pytest.mark.parametrize(
    ("ahead_s", "there_s", "moved"), [(5, 0, True), (4, 0, False), (60, 55, True), (60, 56, False)]
)
def test_a_move_gains_five_seconds_or_more(ahead_s: int, there_s: int, moved: bool) -> None:
    backends = busy(), free(backlog_s=there_s)
    assert bool(moves(snapshot(placed(job(), ahead_s), backends=backends))) is moved


def test_a_job_is_moved_twice_at_most_and_never_back() -> None:
    assert moves(snapshot(placed(job(), 60, "cairo"))) == [("a", "boston")]
    assert moves(snapshot(placed(job(), 60, "boston"))) == []
    assert len(("cairo", "dallas")) == MOVES
    assert moves(snapshot(placed(job(), 60, "cairo", "dallas"))) == []


COST = figures(job(), aer=(1, 90), boston=(0, 80))
COSTLY = figures(job(), aer=(0, 90), boston=(1, 95))
OBJECTIVES = {
    "cost, to a cheaper one": (COST, None, True),
    "cost, not to a more expensive one": (COSTLY, None, False),
    "time, at any cost": (COSTLY, "time", True),
    "fidelity, not to a worse one": (COST, "fidelity", False),
    "fidelity, to a better one": (COSTLY, "fidelity", True),
    "balanced, not if the minute costs too much": (COST, "balanced", False),
    "balanced, to one that is nearly as good": (figures(job(), aer=(0, 90), boston=(0, 90)), "balanced", True),
}


@pytest.mark.parametrize(("it", "objective", "moved"), OBJECTIVES.values(), ids=OBJECTIVES)
def test_the_objective_must_prefer_the_new_backend(it: Job, objective: str | None, moved: bool) -> None:
    assert bool(moves(snapshot(placed(replace(it, objective=objective))))) is moved


STAYS = {
    "its backend does not answer": (busy(silent_since_us=1), free()),
    "it is in the slot of a reservation": (busy(windows=(SLOT,)), free()),
    "the other one is isolated": (busy(), free(isolated_since_us=1)),
    "the other one does not answer": (busy(), free(silent_since_us=1)),
    "the other one is full of run time": (busy(backlog_s=90), busy("boston", 20)),
    "the other one has no place": (busy(), free(queue_depth=0)),
    "the other one has a window before its end": (busy(), free(windows=(window(11),))),
    "the other one is reserved": (busy(), free(windows=(replace(SLOT, tenant="other"),))),
    "others wait in front of the other one": (busy(), free(queue_us=60 * S)),
}


@pytest.mark.parametrize("backends", STAYS.values(), ids=STAYS)
def test_it_stays(backends: tuple[BackendCapacity, ...]) -> None:
    assert moves(snapshot(placed(job()), backends=backends)) == []


def test_a_late_job_is_moved_only_where_it_would_be_placed() -> None:
    late = job(workload_class="batch")
    assert moves(snapshot(placed(late), backends=(busy(), free(backlog_s=5)))) == []
    assert moves(snapshot(placed(late))) == [("a", "boston")]


@pytest.mark.parametrize(("start_s", "moved"), [(15, False), (14, True)])
def test_a_job_that_cannot_end_before_a_window_leaves_for_a_backend_where_it_can(start_s: int, moved: bool) -> None:
    """It would end before the window only if nothing took longer than expected."""
    here = busy(backlog_s=12, windows=(window(start_s),))
    assert bool(moves(snapshot(placed(job(), 2), backends=(here, free(backlog_s=2))))) is moved


def test_waiting_jobs_have_the_free_places_first() -> None:
    waiting = job("w", 9, 20)
    found = snapshot(placed(job()), backends=(busy(), free(queue_depth=1)), groups=grouped(POLICY, [waiting]))
    found = replace(found, tenants=(Tenant("acme", 1, Served(), 0),))
    assert [(it.job[1], it.backend, it.again) for it in plan(POLICY, found).places] == [("w", "boston", False)]
    assert moves(replace(found, limit=1)) == []


def test_a_tenant_that_only_has_placed_jobs_is_no_tenant_of_the_decision() -> None:
    waiting = job("w", 9, 20, tenant="other")
    found = snapshot(placed(job()), groups=grouped(POLICY, [waiting]), tenants=(Tenant("other", 1, Served(), 0),))
    assert [(it.job[1], it.backend, it.again) for it in plan(POLICY, found).places] == [
        ("w", "boston", False),
        ("a", "boston", True),
    ]


def test_each_move_counts_for_the_next_one_oldest_first() -> None:
    rows = (placed(job("a", 1), 30), placed(job("b", 2), 40), placed(job("c", 3), 50))
    found = plan(POLICY, snapshot(*rows, backends=(busy(backlog_s=60), free()))).places
    assert [(it.job[1], it.moved) for it in found] == [("a", Moved("aer", 30 * S)), ("b", Moved("aer", 20 * S))]
    # c is behind 30 s where it waits, and would be behind 20 s there: but then boston has enough


def test_a_slow_backend_is_left_by_what_was_learned() -> None:
    learned = (RunTime("aer", "2q10", 100 * S),)
    row = placed(job(), 0)
    assert moves(snapshot(row)) == []
    assert moves(snapshot(row, run_times=learned)) == [("a", "boston")]


def test_a_job_on_its_fallback_returns_if_it_ends_sooner() -> None:
    candidates = tuple(replace(it, fallback=it.backend == "aer") for it in job().candidates)
    assert moves(snapshot(placed(job(candidates=candidates)))) == [("a", "boston")]
    reverse = tuple(replace(it, fallback=it.backend != "aer") for it in job().candidates)
    assert moves(snapshot(placed(job(candidates=reverse)))) == []


def test_the_policy_before_moves_none() -> None:
    found = snapshot(placed(job()))
    assert plan(POLICIES["fair-share/8"], replace(found, policy="fair-share/8")).places == ()


def test_only_a_snapshot_with_jobs_to_move_is_of_version_8() -> None:
    row = placed(job())
    assert b'"version":8' in encode(snapshot(row))
    plain = encode(snapshot(replace(row, ahead_us=None)))
    assert b'"version":6' in plain
    assert b"ahead_us" not in plain
    assert moves(snapshot(replace(row, ahead_us=None))) == []


def test_a_move_is_explained() -> None:
    backends = (busy(), free(), free("cairo", 58))
    found = explain(POLICY, snapshot(placed(job()), backends=backends), ("acme", "a"))
    assert found is not None
    document = found.document("acme")
    assert document["improved"] == {"left": "aer", "gained_ms": 60_000}
    assert (
        document["decided"]
        == "it was the only candidate with a free place where the job ends sooner by five seconds or more"
    )
    assert {it.backend: it.reason for it in found.considered} == {
        "boston": "",
        "aer": "the job waited there",
        "cairo": "the job would not end sooner there by five seconds than where it waited",
    }
    left = explain(POLICY, snapshot(placed(job(), 60, "cairo"), backends=backends), ("acme", "a"))
    assert left is not None
    assert left.considered[-1].reason == "the job left it before"


@st.composite
def worlds(draw: st.DrawFn) -> Snapshot:
    """Placed jobs on three backends, of which some have places, windows, queues of others or do not answer."""
    names = ("aer", "boston", "cairo")
    rows: list[Movable] = []
    backends = []
    for name in names:
        ahead_us = draw(st.integers(0, 60)) * S
        taken, slots = 1 if ahead_us else 0, draw(st.integers(1, 2))
        for _ in range(draw(st.integers(0, 4))):
            seconds, number = draw(st.integers(1, 40)), len(rows)
            on = {name, *draw(st.sets(st.sampled_from(names)))}
            candidates = tuple(
                Candidate(it, seconds * S, draw(st.sampled_from((900_000, 990_000))), draw(st.integers(0, 1)))
                for it in sorted(on)
            )
            about = {"objective": draw(st.sampled_from((None, "time", "fidelity", "balanced")))}
            kind = draw(st.sampled_from((None, "batch", "interactive")))
            made = job(
                f"v{number}", draw(st.integers(0, 99)), seconds, candidates=candidates, workload_class=kind, **about
            )
            left = draw(st.sets(st.sampled_from([it for it in names if it != name]), max_size=2))
            rows.append(Movable(made, name, seconds * S, 0, ahead_us, tuple(sorted(left))))
            ahead_us, taken = ahead_us + seconds * S, taken + 1
        windows = draw(st.sampled_from(((), (), (), (SLOT,), (window(30),))))
        silent = draw(st.sampled_from((None, None, None, NOW_US)))
        depth, queue_us = draw(st.integers(1, 6)), draw(st.sampled_from((0, 0, 30 * S)))
        backends.append(
            BackendCapacity(name, slots, depth, taken, ahead_us, silent, windows=windows, queue_us=queue_us)
        )
    waiting = [
        job(f"w{it}", 100 + it, draw(st.integers(1, 40)), tenant=draw(st.sampled_from(("acme", "other"))))
        for it in range(draw(st.sampled_from((0, 0, 1, 3))))
    ]
    tenants = tuple(Tenant(name, 1, Served(), 0) for name in sorted({it.tenant for it in waiting}))
    return snapshot(*rows, backends=tuple(backends), groups=grouped(POLICY, waiting), tenants=tenants)


@QUICK
@given(worlds())
def test_every_move_keeps_the_limits(it: Snapshot) -> None:
    rows, taken = {row.job.key: row for row in it.movable}, Counter[str]()
    found = plan(POLICY, it).places
    assert len({place.job for place in found}) == len(found), "no job is placed twice in a cycle"
    for place in found:
        if place.job not in rows:
            assert not place.again
            assert not any(earlier.moved for earlier in found[: found.index(place)]), "moves are last"
            taken[place.backend] += 1
            continue
        row = rows[place.job]
        if place.gave_way is not None:
            taken[place.backend] += 1
            taken[row.backend] -= 1
            continue
        assert place.moved is not None
        assert (place.moved.left, place.gave_way) == (row.backend, None)
        assert place.moved.gained_us >= GAIN_US
        assert place.backend not in (row.backend, *row.left)
        assert place.backend in {one.backend for one in row.job.candidates}
        assert len(row.left) < MOVES
        taken[place.backend] += 1
        taken[row.backend] -= 1
    for backend in it.backends:
        if taken[backend.name] > 0:
            assert backend.takes_jobs
            assert backend.taken + taken[backend.name] <= max(backend.queue_depth, backend.taken) + backend.slots


@QUICK
@given(worlds())
def test_moves_come_to_an_end_and_no_job_goes_back(it: Snapshot) -> None:
    """Cycle after cycle over the same runs: each job visits each backend once at most, and moves twice at most."""
    it = replace(it, groups=(), tenants=())
    visited = {row.job.key: [row.backend] for row in it.movable}
    known = {row.job.key: len(row.left) for row in it.movable}
    for _ in range(2 * len(visited) + 1):
        found = plan(POLICY, it).places
        if not found:
            break
        it = after(it, found)
        for place in found:
            visited[place.job].append(place.backend)
    assert plan(POLICY, it).places == ()
    for key, names in visited.items():
        assert len(names) == len({*names})
        assert len(names) - 1 + known[key] <= max(MOVES, known[key])


def after(it: Snapshot, places: tuple[Place, ...]) -> Snapshot:
    """The world after these moves, in which nothing has started."""
    rows, backends = {row.job.key: row for row in it.movable}, {one.name: one for one in it.backends}
    for place in places:
        row = rows.pop(place.job)
        backends[row.backend] = backends[row.backend].with_jobs(-1, -row.expected_us)
        for key, other in rows.items():
            if other.backend == row.backend and (other.ahead_us or 0) > (row.ahead_us or 0):
                rows[key] = replace(other, ahead_us=(other.ahead_us or 0) - row.expected_us)
        ahead_us, left = backends[place.backend].backlog_us, (*row.left, row.backend)
        rows[place.job] = Movable(row.job, place.backend, place.expected_us, 0, ahead_us, left)
        backends[place.backend] = backends[place.backend].with_jobs(1, place.expected_us)
    return replace(it, movable=tuple(rows.values()), backends=tuple(backends.values()))


@QUICK
@given(worlds())
def test_snapshots_with_jobs_to_move_round_trip_and_recompute(it: Snapshot) -> None:
    content = encode(it)
    assert decode(content) == it
    assert encode(decode(content)) == content
    assert plan(POLICY, decode(content)) == plan(POLICY, it)
    for place in plan(POLICY, it).places:
        found = explain(POLICY, it, place.job)
        assert found is not None
        assert found.backend == place.backend
    alone = replace(it, groups=(), tenants=())
    assert {row.job.key for row in POLICY.improvable(alone)} >= {place.job for place in plan(POLICY, alone).places[:1]}

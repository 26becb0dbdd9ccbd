"""Placed jobs that have not started give way to jobs of their tenant that go before them."""

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
    GaveWay,
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
from queuebit_scheduling.preemption import GAIN_US, LEAST_US, MOVES, rank
from queuebit_scheduling.shares import AGED_US
from queuebit_testing.snapshots import NOW_US, QUICK, grouped, job_on

S = 1_000_000
SLOT = Window(NOW_US - 10 * S, NOW_US + 1000 * S, "reservation", "acme", "r1", "main", None)
MAINTENANCE = Window(NOW_US + 90 * S, NOW_US + 1000 * S, "maintenance")


def job(name: str, order: int, seconds: int = 10, *, on: tuple[str, ...] = ("aer",), **changes: object) -> Job:
    return job_on(on, name, order, seconds, **changes)


def urgent(**changes: object) -> Job:
    made = job("urgent", 9, 1, workload_class="interactive")
    return replace(made, **changes)  # type: ignore[arg-type]  # fields of a job


def line(*jobs: Job, on: str = "aer", moves: int = 0) -> tuple[Movable, ...]:
    """Placed jobs that have not started, as long as their estimates say."""
    return tuple(Movable(it, on, it.candidates[0].qpu_us, moves) for it in jobs)


def snapshot(
    *waiting: Job,
    placed: tuple[Movable, ...],
    backends: tuple[BackendCapacity, ...] | None = None,
    running_s: int = 5,
    **changes: object,
) -> Snapshot:
    """A backend `aer` with one slot that runs a job beside those that are placed there."""
    here = [it for it in placed if it.backend == "aer"]
    backlog_us = running_s * S + sum(it.expected_us for it in here)
    aer = BackendCapacity("aer", 1, 16, 1 + len(here), backlog_us)
    tenants = {it.tenant for it in (*waiting, *(row.job for row in placed))}
    made = Snapshot(
        POLICY.name,
        NOW_US,
        32,
        (aer,) if backends is None else backends,
        tuple(Tenant(name, 1, Served(), 0) for name in sorted(tenants)),
        groups=grouped(POLICY, waiting),
        movable=placed,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # fields of a snapshot


def places(it: Snapshot) -> list[Place]:
    return [*plan(POLICY, it).places]


def moved(it: Snapshot) -> list[str]:
    return [place.job[1] for place in places(it) if place.gave_way is not None]


def test_all_jobs_in_front_give_way_and_keep_their_order() -> None:
    long = line(job("a", 1, 30), job("b", 2, 40), job("c", 3, 50))
    first, *others = places(snapshot(urgent(), placed=long))
    assert (first.job[1], first.gave_way, first.scores) == ("urgent", None, (("aer", 6 * S),))
    assert [(it.job[1], it.backend) for it in others] == [("a", "aer"), ("b", "aer"), ("c", "aer")]
    assert {it.gave_way for it in others} == {GaveWay(("acme", "urgent"), "class", 120 * S)}
    assert [it.scores for it in others] == [(("aer", it * S),) for it in (36, 76, 126)]


CASES = {
    "a class before": (urgent(), job("v", 1, workload_class="production"), True),
    "interactive before another project": (urgent(), job("v", 1, project="other"), True),
    "a class before in one project": (urgent(workload_class="production"), job("v", 1), True),
    "a priority": (urgent(workload_class=None, priority=1), job("v", 1), True),
    "another project": (urgent(workload_class="production"), job("v", 1, project="other"), False),
    "another tenant": (urgent(), job("v", 1, tenant="other"), False),
    "equal ranks": (urgent(workload_class=None), job("v", 1), False),
    "a class behind": (urgent(workload_class="experimental"), job("v", 1, workload_class="production"), False),
    "a priority, not a class": (
        urgent(workload_class=None, priority=9),
        job("v", 1, workload_class="production"),
        False,
    ),
    "a session": (urgent(session="s1"), job("v", 1), False),
    "an hour": (urgent(workload_class="production"), job("v", 1, accepted_us=NOW_US - AGED_US), False),
    "just below an hour": (urgent(workload_class="production"), job("v", 1, accepted_us=NOW_US - AGED_US + 1), True),
    "an hour, before interactive": (urgent(), job("v", 1, accepted_us=NOW_US - AGED_US), True),
    "a deadline that it would miss": (urgent(), job("v", 1, deadline_us=NOW_US + 19 * S), False),
    "a deadline that it still meets": (urgent(), job("v", 1, deadline_us=NOW_US + 20 * S), True),
    "no place where it waits": (urgent(), job("v", 1, on=("elsewhere",)), False),
    "too short a run": (urgent(), job("v", 1, 4), False),
    "just long enough": (urgent(), job("v", 1, 5), True),
}


@pytest.mark.parametrize(("waiting", "placed", "gives_way"), CASES.values(), ids=CASES)
def test_a_job_gives_way(waiting: Job, placed: Job, gives_way: bool) -> None:
    found = snapshot(waiting, placed=line(placed))
    assert moved(found) == (["v"] if gives_way else [])
    assert [it.job[1] for it in places(found) if it.gave_way is None] == ["urgent"]


def test_a_job_gives_way_twice_at_most() -> None:
    assert moved(snapshot(urgent(), placed=line(job("v", 1), moves=MOVES - 1))) == ["v"]
    assert moved(snapshot(urgent(), placed=line(job("v", 1), moves=MOVES))) == []


def test_runs_of_less_than_a_second_stay_and_the_rest_must_gain_enough() -> None:
    short, long = job("short", 1), job("long", 2)
    both = (Movable(short, "aer", LEAST_US - 1), Movable(long, "aer", GAIN_US))
    assert moved(snapshot(urgent(), placed=both)) == ["long"]
    four = tuple(Movable(job(f"v{it}", it), "aer", LEAST_US) for it in range(4))
    assert moved(snapshot(urgent(), placed=four)) == []


def test_jobs_that_are_placed_shortly_before_they_run_wait_instead() -> None:
    idle = BackendCapacity("aer", 1, 16, 1, 10 * S)
    batch, sandbox = job("b", 9, 1, workload_class="batch"), job("v", 1, workload_class="sandbox")
    assert places(snapshot(batch, placed=line(sandbox), backends=(idle,))) == []


def test_with_several_slots_the_gain_is_divided() -> None:
    backend = BackendCapacity("aer", 4, 64, 6, 60 * S)
    assert moved(snapshot(urgent(), placed=line(job("v", 1, 19)), backends=(backend,))) == []
    assert moved(snapshot(urgent(), placed=line(job("v", 1, 20)), backends=(backend,))) == ["v"]


@pytest.mark.parametrize(("queue_s", "gives_way"), [(5, True), (10, True), (11, False), (60, False)])
def test_in_front_of_a_queue_of_others_only_the_gain_above_it_counts(queue_s: int, gives_way: bool) -> None:
    backend = BackendCapacity("aer", 1, 16, 2, 15 * S, queue_us=queue_s * S)
    assert bool(moved(snapshot(urgent(), placed=line(job("v", 1)), backends=(backend,)))) is gives_way


def test_reservations_and_windows_hold() -> None:
    reserved = BackendCapacity("aer", 1, 16, 2, 15 * S, windows=(SLOT,))
    assert moved(snapshot(urgent(), placed=line(job("v", 1)), backends=(reserved,))) == []
    for start_s, gives_way in ((20, True), (19, False)):
        ahead = replace(SLOT, start_us=NOW_US + start_s * S, project="side")  # the waiting job runs in it, too
        closing = BackendCapacity("aer", 1, 16, 2, 15 * S, windows=(ahead,))
        found = snapshot(urgent(project="side"), placed=line(job("v", 1)), backends=(closing,))
        assert bool(moved(found)) is gives_way


def test_a_full_backend_takes_one_more_job_for_each_slot_if_others_give_way() -> None:
    full = BackendCapacity("aer", 1, 3, 3, 45 * S)
    more = [urgent(), urgent(job="next", sequence=10)]
    found = snapshot(*more, placed=line(job("a", 1), job("b", 2)), backends=(full,))
    assert [it.job[1] for it in places(found)] == ["urgent", "a", "b"]
    assert places(replace(found, movable=())) == []
    over = replace(full, taken=4)
    assert places(replace(found, backends=(over,))) == []
    assert places(replace(found, backends=(replace(full, sessions=1),))) == []


def test_a_free_backend_is_better_than_a_full_one_where_jobs_give_way() -> None:
    full, free = BackendCapacity("aer", 1, 2, 2, 15 * S), BackendCapacity("torino", 1, 2, 1, 90 * S)
    anywhere = urgent(candidates=job("", 0, 1, on=("aer", "torino")).candidates)
    (place,) = places(snapshot(anywhere, placed=line(job("v", 1)), backends=(full, free)))
    assert (place.job[1], place.backend) == ("urgent", "torino")


def test_a_job_that_gives_way_goes_to_a_better_free_backend_that_completes_it_no_later() -> None:
    both = job("v", 1, on=("aer", "torino"))
    aer = BackendCapacity("aer", 1, 16, 2, 15 * S)
    for ahead_s, where in ((3, "torino"), (7, "aer")):
        torino = BackendCapacity("torino", 1, 16, 1, ahead_s * S)
        first, again = places(snapshot(urgent(), placed=line(both), backends=(aer, torino)))
        assert (first.backend, again.backend) == ("aer", where)


def test_what_gave_way_is_counted_where_it_goes() -> None:
    """The next decision of the cycle sees the load after the move."""
    both, aer = job("v", 1, on=("aer", "torino")), BackendCapacity("aer", 1, 16, 2, 15 * S)
    torino = BackendCapacity("torino", 1, 16, 0, 0)
    last = job("last", 12, 2, on=("aer", "torino"), tenant="other")
    found = places(snapshot(urgent(), last, placed=line(both), backends=(aer, torino), run_times=()))
    assert [(it.job[1], it.backend) for it in found] == [("urgent", "aer"), ("v", "torino"), ("last", "aer")]
    assert found[-1].scores == (("aer", 8 * S), ("torino", 12 * S))


def test_the_policy_before_moves_none() -> None:
    found = snapshot(urgent(), placed=line(job("v", 1, 30)))
    assert [it.job[1] for it in plan(POLICIES["fair-share/7"], found).places] == ["urgent"]


def test_a_snapshot_without_placed_jobs_has_the_bytes_of_version_5() -> None:
    found = snapshot(urgent(), placed=line(job("v", 1, 30)))
    assert b'"version":6' in encode(found)
    plain = encode(replace(found, movable=()))
    assert b'"version":5' in plain
    assert b"movable" not in plain


def test_both_placements_are_explained() -> None:
    found = snapshot(urgent(), placed=line(job("v", 1, 30), job("w", 2, 30)))
    first = explain(POLICY, found, ("acme", "urgent"))
    assert first is not None
    assert (first.moved, first.gained_us, first.turn) == ((("acme", "v"), ("acme", "w")), 60 * S, "only")
    assert first.document("acme").items() >= {"moved": ["v", "w"], "gained_ms": 60_000}.items()
    second = explain(POLICY, found, ("acme", "w"))
    assert second is not None
    assert second.document("acme")["gave_way"] == {"to": "urgent", "rule": "class", "gained_ms": 60_000}
    assert (second.position, second.contenders, second.considered[0].reason) == (3, (), "")


@pytest.mark.parametrize(
    ("running_s", "in_front", "expected"),
    [
        pytest.param(60, 0, ["urgent", "v"], id="one job runs"),
        pytest.param(60, 1, [], id="another one waits in front of those that give way"),
        pytest.param(10, 1, ["urgent", "v"], id="both of them end soon"),
    ],
)
def test_a_backend_full_of_time_takes_a_job_that_it_would_take_without_those_that_give_way(
    running_s: int, in_front: int, expected: list[str]
) -> None:
    aer = BackendCapacity("aer", 1, 16, 2 + in_front, (running_s + in_front + 30) * S)
    assert POLICY.free(aer) == 0
    found = snapshot(urgent(), placed=line(job("v", 1, 30)), backends=(aer,))
    assert [it.job[1] for it in places(found)] == expected


def test_a_place_on_a_full_backend_is_explained() -> None:
    found = snapshot(urgent(), placed=line(job("v", 1)), backends=(BackendCapacity("aer", 1, 2, 2, 15 * S),))
    first = explain(POLICY, found, ("acme", "urgent"))
    assert first is not None
    assert first.decided == "it was full, and placed jobs that have not started gave way"


_WAITING = st.sampled_from(("interactive", "interactive", "production", "batch"))
_PLACED = st.sampled_from((None, "interactive", "production", "batch"))


@st.composite
def crowds(draw: st.DrawFn) -> Snapshot:
    """Waiting and placed jobs of two tenants on three backends, full or not."""
    names, owners = ("aer", "boston", "cairo"), st.sampled_from(("acme", "other"))

    def made(name: str, order: int, kinds: st.SearchStrategy[str | None]) -> Job:
        on = tuple(sorted(draw(st.sets(st.sampled_from(names), min_size=1))))
        accepted_us = NOW_US - draw(st.sampled_from((0, 0, 0, AGED_US)))
        kind, project = draw(kinds), draw(st.sampled_from(("main", "side")))
        about = {"tenant": draw(owners), "workload_class": kind, "project": project, "accepted_us": accepted_us}
        deadline_us = draw(st.sampled_from((None, None, None, NOW_US + 50 * S)))
        seconds = draw(st.integers(1, 40))
        return job(name, order, seconds, on=on, priority=draw(st.integers(0, 1)), deadline_us=deadline_us, **about)

    placed = [made(f"v{it}", it, _PLACED) for it in range(draw(st.integers(1, 8)))]
    rows = [Movable(it, draw(st.sampled_from(it.candidates)).backend, 0, draw(st.integers(0, 2))) for it in placed]
    rows = [replace(it, expected_us=it.job.candidates[0].qpu_us) for it in rows]
    load = Counter({name: draw(st.integers(0, 2)) for name in names})
    backends = []
    for name in names:
        own = [it for it in rows if it.backend == name]
        backlog_us, taken = load[name] * 10 * S + sum(it.expected_us for it in own), load[name] + len(own)
        depth, slots = draw(st.integers(1, 6)), draw(st.integers(1, 2))
        queue_us = draw(st.sampled_from((0, 0, 30 * S)))
        windows = draw(st.sampled_from(((), (), (), (SLOT,), (MAINTENANCE,))))
        out = draw(st.sampled_from((None, None, None, None, NOW_US)))
        backends.append(BackendCapacity(name, slots, depth, taken, backlog_us, out, windows=windows, queue_us=queue_us))
    waiting = [made(f"p{it}", 100 + it, _WAITING) for it in range(draw(st.integers(1, 8)))]
    known = tuple(RunTime(name, "2q7", draw(st.integers(S, 40 * S))) for name in names)
    return snapshot(*waiting, placed=tuple(rows), backends=tuple(backends), run_times=known)


@QUICK
@given(crowds())
def test_every_move_is_for_a_job_that_goes_before_and_keeps_the_limits(it: Snapshot) -> None:
    rows = {row.job.key: row for row in it.movable}
    waiting = {job.key: job for group in it.groups for job in group.jobs}
    found = places(it)
    last: Place | None = None
    for place in found:
        if place.gave_way is None:
            last = place
            continue
        row = rows[place.job]
        assert last is not None
        assert place.gave_way.to == last.job, "a job that gives way is placed right after the one that goes before it"
        assert row.backend == last.backend
        assert row.job.tenant == place.gave_way.to[0]
        assert rank(waiting[place.gave_way.to]) < rank(row.job)
        assert row.moves < MOVES
        is_interactive = waiting[place.gave_way.to].workload_class == "interactive"
        assert is_interactive or NOW_US - row.job.accepted_us < AGED_US
        assert place.gave_way.gained_us >= GAIN_US
    assert len({place.job for place in found}) == len(found), "no job is placed twice in a cycle"
    after = Counter(place.backend for place in found)
    after.subtract(rows[place.job].backend for place in found if place.gave_way is not None)
    for backend in it.backends:
        if not backend.queue_us and after[backend.name] > 0:
            assert backend.taken + after[backend.name] <= backend.queue_depth + backend.slots


@QUICK
@given(crowds())
def test_a_job_that_others_gave_way_to_never_gives_way_to_them(it: Snapshot) -> None:
    """After the cycle the roles are reversed: the jobs that gave way wait, and the others are placed."""
    waiting = {job.key: job for group in it.groups for job in group.jobs}
    pairs = [(place.job, place.gave_way.to) for place in places(it) if place.gave_way is not None]
    rows = {row.job.key: row for row in it.movable}
    for gave_way, to in pairs:
        assert POLICY.goes_before(rows[gave_way].job, waiting[to]) is None


@QUICK
@given(crowds())
def test_snapshots_with_placed_jobs_round_trip_and_recompute(it: Snapshot) -> None:
    content = encode(it)
    assert decode(content) == it
    assert encode(decode(content)) == content
    assert plan(POLICY, decode(content)) == plan(POLICY, it)
    for place in places(it):
        found = explain(POLICY, it, place.job)
        assert found is not None
        assert found.backend == place.backend

"""The rules of fair share and earliest completion, on snapshots."""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from queuebit_scheduling import (
    POLICIES,
    POLICY,
    Account,
    BackendCapacity,
    Candidate,
    Cycle,
    FairShare,
    Job,
    Place,
    Served,
    Snapshot,
    Tenant,
    Waiting,
    class_of,
    plan,
    waiting,
)
from queuebit_scheduling.objectives import AWAITING
from queuebit_scheduling.policy import AHEAD_JOBS, AHEAD_US, SNAPSHOT_JOBS
from queuebit_scheduling.shares import Head, Shares
from queuebit_testing.snapshots import NOW_US, QUICK, crowded, grouped, snapshots


def backend(name: str, *, slots: int = 1, places: int = 8, taken: int = 0, backlog_us: int = 0) -> BackendCapacity:
    return BackendCapacity(name, slots, places, taken, backlog_us)


def tenant(name: str, *, share: int = 1, served_us: int = 0, outstanding_us: int = 0) -> Tenant:
    return Tenant(name, share, Served(served_us, 1_000), outstanding_us)


def job(owner: str, name: str, order: int, *candidates: Candidate, waited_us: int = 10**9) -> Job:
    return Job(owner, name, order, NOW_US - waited_us, "2q9", candidates)


def on(name: str, expected_us: int = 100, esp_ppm: int = 1_000_000, cost_rank: int = 0) -> Candidate:
    return Candidate(name, expected_us, esp_ppm, cost_rank)


def snapshot(
    backends: list[BackendCapacity], tenants: list[Tenant], jobs: list[Job], *, limit: int = 32, hidden: str = ""
) -> Snapshot:
    """Return a snapshot of these jobs; the group of the job `hidden` has more jobs."""
    return Snapshot(
        POLICY.name, NOW_US, limit, tuple(backends), tuple(tenants), groups=grouped(POLICY, jobs, hidden=(hidden,))
    )


def placed(given_: Snapshot) -> list[tuple[str, str]]:
    return [(place.job[1], place.backend) for place in plan(POLICY, given_).places]


SILENT = replace(backend("silent"), silent_since_us=NOW_US)


@pytest.mark.parametrize(
    ("here", "others", "leaves"),
    [
        pytest.param(SILENT, [backend("aer")], True, id="another answers"),
        pytest.param(SILENT, [backend("aer", places=0)], True, id="another answers and is full"),
        pytest.param(SILENT, [], False, id="there is no other"),
        pytest.param(SILENT, [SILENT, backend("new", slots=0)], False, id="no other answers"),
        pytest.param(backend("aer", places=0), [backend("cirq")], False, id="it answers"),
    ],
)
def test_a_job_leaves_a_silent_backend_for_one_that_answers(
    here: BackendCapacity, others: list[BackendCapacity], leaves: bool
) -> None:
    waits = job("acme", "j1", 1, on(here.name), *(on(it.name) for it in others if it.name != here.name))
    backends = {it.name: it for it in (*others, here) if it.slots}
    assert POLICY.leaves(waits, here.name, backends, NOW_US) is leaves


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
def test_a_small_job_goes_before_a_large_one_until_that_has_waited(waited_us: int, first: str) -> None:
    tenants = [tenant("a"), tenant("b", served_us=3_000)]
    waiting = [job("a", "large", 1, on("aer", 5_000), waited_us=waited_us), job("b", "small", 2, on("aer", 10))]
    assert placed(snapshot([backend("aer", places=1)], tenants, waiting)) == [(first, "aer")]


def test_old_service_decays() -> None:
    tenants = [Tenant("a", 1, Served(1_000_000, 0), 0), tenant("b", served_us=1)]
    waiting = [job("a", "of-a", 1, on("aer")), job("b", "of-b", 2, on("aer"))]
    assert placed(snapshot([backend("aer", places=1)], tenants, waiting)) == [("of-a", "aer")]


@pytest.mark.parametrize(
    ("backends", "candidates", "chosen"),
    [
        pytest.param([backend("a", backlog_us=900), backend("b")], [on("a"), on("b", 500)], "b", id="a queue costs"),
        pytest.param([backend("a", slots=9, backlog_us=900), backend("b")], [on("a"), on("b", 500)], "a", id="shared"),
        pytest.param([backend("a"), backend("b")], [on("a", 100, 900_000), on("b", 100, 990_000)], "b", id="fidelity"),
        pytest.param([backend("a"), backend("b")], [on("a"), on("b")], "a", id="name"),
        pytest.param([backend("a", taken=8), backend("b")], [on("a"), on("b", 10**9)], "b", id="full is no choice"),
        pytest.param([backend("b")], [on("a"), on("b", 10**9)], "b", id="unregistered is no choice"),
    ],
)
def test_the_backend_with_the_earliest_completion_is_chosen(
    backends: list[BackendCapacity], candidates: list[Candidate], chosen: str
) -> None:
    assert placed(snapshot(backends, [tenant("acme")], [job("acme", "j", 1, *candidates)])) == [("j", chosen)]


@pytest.mark.parametrize(
    ("slots", "taken", "backlog_us", "free"),
    [
        pytest.param(1, 2, AHEAD_US, 0, id="two jobs and twenty seconds"),
        pytest.param(1, 2, AHEAD_US - 1, 14, id="less run time"),
        pytest.param(1, 1, 10**12, 15, id="one job, so that the backend is not idle after it"),
        pytest.param(1, 15, 15_000, 1, id="short jobs take all places"),
        pytest.param(1, 16, 15_000, 0, id="no more than all places"),
        pytest.param(2, 8, 10**12, 8, id="several jobs at the same time: short ones run beside long ones"),
    ],
)
def test_long_jobs_are_not_placed_far_ahead(slots: int, taken: int, backlog_us: int, free: int) -> None:
    aer = backend("aer", slots=slots, places=16, taken=taken, backlog_us=backlog_us)
    assert POLICY.free(aer) == free
    assert POLICIES["fair-share/7"].free(aer) == 16 - taken


def test_so_many_short_jobs_are_placed_and_so_few_long_ones() -> None:
    def count(seconds: int) -> int:
        jobs = [job("acme", f"j{n}", n, on("aer", seconds * 10**6)) for n in range(30)]
        return len(placed(snapshot([backend("aer", places=16)], [tenant("acme")], jobs)))

    assert {seconds: count(seconds) for seconds in (1, 2, 6, 20, 600)} == {1: 16, 2: 10, 6: 4, 20: 2, 600: 2}


@QUICK
@given(st.integers(1, 4), st.integers(0, 20), st.integers(0, 20), st.integers(0, 10**8), st.sampled_from([0, 10**7]))
def test_a_backend_never_takes_more_than_before_and_never_has_an_idle_slot(
    slots: int, places: int, taken: int, backlog_us: int, queue_us: int
) -> None:
    here = replace(backend("aer", slots=slots, places=places, taken=taken, backlog_us=backlog_us), queue_us=queue_us)
    free, before = POLICY.free(here), POLICIES["fair-share/7"].free(here)
    assert free in (0, before)
    if before and not free:
        assert (slots, taken >= AHEAD_JOBS) == (1, True), "one job runs, and one waits"


@pytest.mark.parametrize(
    ("cheap", "chosen"),
    [
        pytest.param(backend("cheap", backlog_us=10**9), "cheap", id="however long its queue"),
        pytest.param(backend("cheap", taken=8), "fast", id="unless all its places are taken"),
    ],
)
def test_a_job_goes_to_the_cheapest_backend_that_has_a_free_place(cheap: BackendCapacity, chosen: str) -> None:
    waiting = [job("acme", "j", 1, on("cheap", 500), on("fast", 1, cost_rank=1))]
    assert placed(snapshot([cheap, backend("fast")], [tenant("acme")], waiting)) == [("j", chosen)]


def test_scores_tell_the_expected_completion_everywhere_soonest_first() -> None:
    given_ = snapshot(
        [backend("a", backlog_us=301, slots=2), backend("b", taken=8)],
        [tenant("acme")],
        [job("acme", "j", 1, on("a", 100), on("b", 7), on("absent"))],
    )
    assert plan(POLICY, given_).places == (Place(("acme", "j"), "a", 100, (("b", 7), ("a", 251))),)


@pytest.mark.parametrize(
    ("backends", "candidates", "reason"),
    [
        ([backend("aer", taken=8)], [on("aer")], "all 8 places on aer are taken"),
        (
            [backend("aer", taken=8), backend("cirq", places=4, taken=4)],
            [on("aer"), on("cirq")],
            "all 8 places on aer and all 4 places on cirq are taken",
        ),
        (
            [backend("aer", taken=4, backlog_us=45_900_000), backend("cirq", places=4, taken=4)],
            [on("aer"), on("cirq")],
            "all 4 places on cirq are taken; jobs of 45 s are placed on aer, which takes the next when less is left",
        ),
        ([], [on("aer")], "aer has not registered yet: see in `qb status` whether its executor runs"),
        ([], [on("a"), on("b")], "none of a, b has registered yet: see in `qb status` whether its executor runs"),
    ],
)
def test_a_job_that_cannot_be_placed_waits_for_a_reason(
    backends: list[BackendCapacity], candidates: list[Candidate], reason: str
) -> None:
    stuck = snapshot(backends, [tenant("acme")], [job("acme", "j", 1, *candidates)])
    assert waiting(plan(POLICY, stuck)) == (Waiting(("acme", "j"), reason),)


def test_a_job_that_cannot_be_placed_blocks_no_other() -> None:
    waiting = [job("acme", "stuck", 1, on("full")), job("acme", "free", 2, on("aer")), job("b", "other", 3, on("aer"))]
    given_ = snapshot([backend("full", taken=8), backend("aer")], [tenant("acme"), tenant("b")], waiting)
    assert placed(given_) == [("free", "aer"), ("other", "aer")]


def test_beyond_the_limit_of_a_cycle_jobs_wait_for_the_next() -> None:
    jobs = [job("acme", f"j{n}", n, on("aer")) for n in range(3)]
    decided = plan(POLICY, snapshot([backend("aer")], [tenant("acme")], jobs, limit=2))
    assert waiting(decided) == (Waiting(("acme", "j2"), "its turn has not come yet"),)


def test_a_cycle_ends_where_the_next_job_may_be_one_that_is_not_shown() -> None:
    jobs = [job("a", "last-shown", 1, on("aer")), job("b", "b1", 2, on("aer")), job("b", "b2", 3, on("aer"))]
    tenants = [tenant("a"), tenant("b", served_us=49)]
    given_ = snapshot([backend("aer")], tenants, jobs, hidden="last-shown")
    assert placed(given_) == [("last-shown", "aer"), ("b1", "aer")], "usage is then 100 and 149"


def test_hidden_jobs_that_cannot_be_placed_do_not_end_a_cycle() -> None:
    jobs = [job("a", "shown", 1, on("full")), job("a", "free", 2, on("aer")), job("a", "too", 3, on("aer"))]
    given_ = snapshot([backend("aer"), backend("full", taken=8)], [tenant("a")], jobs, hidden="shown")
    assert placed(given_) == [("free", "aer"), ("too", "aer")]


class ShortestFirst(FairShare):
    """A policy with one changed rule."""

    name = "shortest-first/1"

    def order(self, job: Job) -> tuple[int, ...]:
        return min(it.qpu_us for it in job.candidates), job.sequence


def test_the_order_inside_a_tenant_is_one_function() -> None:
    jobs = [job("acme", "long", 1, on("aer", 900)), job("acme", "short", 2, on("aer", 5))]
    given_ = snapshot([backend("aer")], [tenant("acme")], jobs)
    assert placed(given_) == [("long", "aer"), ("short", "aer")]
    assert [it.job[1] for it in plan(ShortestFirst(), given_).places] == ["short", "long"]


def test_a_snapshot_shows_of_each_group_what_one_cycle_can_place() -> None:
    groups = {name: (job("t", name, 1, on(name)), 20) for name in ("aer", "full", "absent")}
    world = snapshot([backend("aer", places=5), backend("full", taken=8)], [tenant("t")], [])
    assert POLICY.shown(world, groups) == {"aer": 5}
    assert POLICY.shown(replace(world, limit=3), groups) == {"aer": 3}


def test_of_many_tenants_a_snapshot_has_those_with_the_least_service_per_share() -> None:
    tenants = [tenant(f"t{n:03}", served_us=1000 - n) for n in range(500)]
    groups = {it.name: (job(it.name, "j", n, on("aer")), 20) for n, it in enumerate(tenants)}
    world = snapshot([backend("aer")], tenants, [])
    assert POLICY.shown(world, groups) == {f"t{n:03}": 1 for n in range(499, 499 - SNAPSHOT_JOBS, -1)}


@QUICK
@given(snapshots())
def test_every_job_gets_one_decision_and_no_backend_more_than_its_places(given_: Snapshot) -> None:
    decided = plan(POLICY, given_)
    jobs = {it.key: it for group in given_.groups for it in group.jobs}
    assert sorted([it.job for it in decided.places] + [it.job for it in waiting(decided)]) == sorted(jobs)
    for place in decided.places:
        assert place.backend in {it.backend for it in jobs[place.job].candidates}
    for it in given_.backends:
        if it.queue_us:  # its places count in time
            continue
        assert sum(place.backend == it.name for place in decided.places) <= POLICY.free(it, first=True)


@QUICK
@given(crowded())
def test_no_job_waits_while_it_could_be_placed(given_: Snapshot) -> None:
    """The strategy makes backends that fill up, and shows all jobs: those that are left have no free candidate, unless
    their objective makes them wait for a better one, or their class is placed shortly before it runs."""
    decided = plan(POLICY, given_)
    jobs = {it.key: it for group in given_.groups for it in group.jobs}
    left = [it for it in waiting(decided) if jobs[it.job].objective not in AWAITING]
    left = [it for it in left if not class_of(jobs[it.job].workload_class).late]
    assume(left)
    full = _full_after(given_, decided)
    assert all({it.backend for it in jobs[job.job].candidates} <= full for job in left)


def _longer(given_: Snapshot, times: int) -> Snapshot:
    """The same snapshot with jobs and load that take so many times as long."""

    def scaled(it: Job) -> Job:
        return replace(it, candidates=tuple(replace(here, qpu_us=times * here.qpu_us) for here in it.candidates))

    return replace(
        given_,
        backends=tuple(replace(it, queue_depth=16, backlog_us=times * it.backlog_us) for it in given_.backends),
        groups=tuple(replace(it, jobs=tuple(map(scaled, it.jobs))) for it in given_.groups),
    )


@QUICK
@given(crowded(), st.sampled_from([10**4, 10**5]))
def test_no_long_job_waits_while_it_could_be_placed(given_: Snapshot, times: int) -> None:
    """Jobs of up to 100 seconds, and places for all of them: only run time makes them wait."""
    long = _longer(given_, times)
    decided = plan(POLICY, long)
    jobs = {it.key: it for group in long.groups for it in group.jobs}
    after = {it.name: it for it in long.backends}
    for place in decided.places:
        after[place.backend] = after[place.backend].with_jobs(1, place.expected_us)
    full = {it.name for it in after.values() if not POLICY.free(it)}
    assert all(after[name].taken >= AHEAD_JOBS for name in full), "one job runs, and one waits"
    for it in (jobs[it.job] for it in waiting(decided)):
        if it.objective not in AWAITING and not class_of(it.workload_class).late:
            assert {here.backend for here in it.candidates} & {*after} <= full


def _full_after(given_: Snapshot, decided: Cycle) -> set[str]:
    """Backends without a place after the cycle, and those that have not registered."""
    used = [place.backend for place in decided.places]
    return set("abcd") - {it.name for it in given_.backends if POLICY.free(it) > used.count(it.name)}


def test_most_cases_of_the_property_above_check_something() -> None:
    """Most crowded snapshots leave a job waiting beside one that is placed; otherwise that proves little."""
    seen: list[bool] = []

    @QUICK
    @given(crowded())
    def look(given_: Snapshot) -> None:
        decided = plan(POLICY, given_)
        seen.append(bool(waiting(decided)) and bool(decided.places))

    look()
    assert sum(seen) >= 0.6 * len(seen)


@QUICK
@given(st.integers(0, 10**12), st.integers(0, 50), st.integers(0, 50))
def test_the_decay_of_service_does_not_depend_on_when_it_is_read(us: int, first: int, second: int) -> None:
    assert Served(us).at(first).at(first + second) == Served(us).at(first + second)


@st.composite
def many_groups(draw: st.DrawFn) -> tuple[Snapshot, dict[int, tuple[Job, int]], list[Account]]:
    """More groups than a snapshot has jobs, of tenants with several users, some of them without a free place."""
    shares = draw(st.lists(st.integers(1, 3), min_size=3, max_size=6))
    tenants = [tenant(f"t{n}", share=share, served_us=draw(st.integers(0, 9))) for n, share in enumerate(shares)]
    groups, accounts = {}, []
    for number in range(draw(st.integers(60, 200))):
        name, user = draw(st.sampled_from(tenants)).name, f"u{draw(st.integers(0, 40))}"
        candidate = on(draw(st.sampled_from(["aer", "full", "other"])))
        session = draw(st.sampled_from([None, None, None, "S"]))
        first = replace(job(name, f"j{number}", number, candidate), project="p", user=user, session=session)
        groups[number] = first, draw(st.integers(1, 4))
        accounts.append(Account(name, "p", user, None, 1, Served(draw(st.integers(0, 9)), 1_000), 0))
    backends = [backend("aer", places=40), backend("full", taken=8), backend("other", places=40)]
    return snapshot(backends, tenants, []), groups, list({(it.tenant, it.user): it for it in accounts}.values())


@QUICK
@given(many_groups())
def test_a_snapshot_shows_the_groups_that_are_next_if_all_are_compared(
    given_: tuple[Snapshot, dict[int, tuple[Job, int]], list[Account]],
) -> None:
    world, groups, accounts = given_
    shares = Shares(replace(world, accounts=tuple(accounts)))
    placeable = [it for it, (first, _) in groups.items() if first.candidates[0].backend != "full"]
    lines = {
        name: shares.lines([Head(groups[it][0], (groups[it][0].sequence,), "", 0) for it in placeable_of])
        for name in {it.name for it in world.tenants}
        if (placeable_of := [it for it in placeable if groups[it][0].tenant == name])
    }
    rank = {it.name: (Fraction(shares.usage_us(it.name), it.share), it.name) for it in world.tenants}
    places = {line.job.sequence: (rank[line.job.tenant], *line.values) for of in lines.values() for line in of}
    ordered = sorted(placeable, key=lambda it: (*places[it], it))
    sessions = [it for it in ordered if groups[it][0].session is not None]
    others = [it for it in ordered if groups[it][0].session is None]
    first = sessions[: max(SNAPSHOT_JOBS // 2, SNAPSHOT_JOBS - len(others))]
    expected = [*first, *others][:SNAPSHOT_JOBS]
    asked = []

    def within(jobs: Iterable[Job]) -> list[Account]:
        [name] = {it.tenant for it in jobs}
        asked.append(name)
        return [it for it in accounts if it.tenant == name]

    shown = POLICY.shown(world, groups, within)
    assert shown == {it: min(groups[it][1], SNAPSHOT_JOBS // len(expected)) for it in expected}
    assert set(asked) <= {groups[it][0].tenant for it in expected}, "no account of a tenant that is not shown is read"

"""Fair share inside a tenant, classes and priorities: who is next, what is explained, and what is kept."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from queuebit_scheduling import (
    POLICIES,
    POLICY,
    Account,
    BackendCapacity,
    Candidate,
    Job,
    PlacedCount,
    Resource,
    Served,
    Snapshot,
    Tenant,
    decode,
    encode,
    explain,
    explain_stored,
    period_for,
    plan,
)
from queuebit_scheduling.policy import NEAR_US
from queuebit_scheduling.shares import AGED_US, LINE
from queuebit_testing.snapshots import NOW_US, grouped

PERIOD = NOW_US // 10_000_000
AER = BackendCapacity("aer", 1, 8)


def job(name: str, order: int, project: str = "main", user: str = "ann", **changes: object) -> Job:
    made = Job("acme", name, order, NOW_US, "2q9", (Candidate("aer", 100, 10**6),), project=project, user=user)
    return replace(made, **changes)  # type: ignore[arg-type]  # fields of a job


def account(
    project: str | None, us: int, *, user: str | None = None, weight: int = 1, kind: str | None = None
) -> Account:
    return Account("acme", project, user, kind, weight, Served(us, PERIOD), 0)


def snapshot(*jobs: Job, backend: BackendCapacity = AER, **changes: object) -> Snapshot:
    tenants = tuple(Tenant(name, 1, Served(), 0) for name in sorted({it.tenant for it in jobs}))
    made = Snapshot(POLICY.name, NOW_US, 32, (backend,), tenants, groups=grouped(POLICY, jobs))
    return replace(made, **changes)  # type: ignore[arg-type]  # fields of a snapshot


def order(given: Snapshot) -> list[str]:
    return [it.job[1] for it in plan(POLICY, given).places]


AGED = job("aged", 9, "p", workload_class="sandbox", accepted_us=NOW_US - AGED_US)


@pytest.mark.parametrize(
    ("jobs", "accounts", "rule"),
    [
        pytest.param((job("first", 9, workload_class="interactive"), job("b", 1)), (), "interactive", id="interactive"),
        pytest.param(
            (job("first", 9, "p"), job("b", 1, "q")),
            (account("p", 299, weight=3), account("q", 100)),
            "project_share",
            id="usage by weight",
        ),
        pytest.param((job("first", 9, "p"), job("b", 1, "q")), (), "project_name", id="equal projects"),
        pytest.param((replace(AGED, job="first"), job("b", 1, "p")), (), "aging", id="an hour"),
        pytest.param(
            (job("first", 9, workload_class="production"), job("b", 1, priority=9)),
            (),
            "class",
            id="class, not priority",
        ),
        pytest.param((job("first", 9, priority=1), job("b", 1)), (), "priority", id="priority"),
        pytest.param(
            (job("first", 9, user="bob"), job("b", 1)), (account("main", 1, user="ann"),), "user_share", id="users"
        ),
        pytest.param((job("first", 9), job("b", 1, user="bob")), (), "user_name", id="equal users"),
        pytest.param((job("first", 1), job("b", 2, objective="time")), (), "order", id="the oldest"),
        pytest.param((job("first", 1),), (), "only", id="alone"),
    ],
)
def test_inside_a_tenant_the_next_job_has_a_named_rule(
    jobs: tuple[Job, ...], accounts: tuple[Account, ...], rule: str
) -> None:
    given = snapshot(*jobs, accounts=accounts)
    found = explain(POLICY, given, ("acme", "first"))
    assert found is not None
    assert (order(given)[0], found.position, found.turn) == ("first", 1, rule)
    assert rule in (*LINE, "only")
    assert str(found.document()["next"])[0].islower()


def test_a_priority_never_counts_against_another_tenant() -> None:
    urgent = job("urgent", 9, priority=9, workload_class="interactive")
    given = snapshot(urgent, job("other", 1, tenant="aaa"))
    assert order(given) == ["other", "urgent"], "by name: both tenants received the same"


def test_of_several_kinds_of_backends_the_largest_part_of_one_counts() -> None:
    """Much time of 16 simulator slots is a smaller part of the platform than a little time of the only device."""
    kinds = (Resource("simulator", 16), Resource("qpu", 1))
    parts = {"sim": ("simulator", 8_000), "dev": ("qpu", 1_000)}
    tenants = tuple(Tenant(name, 1, Served(us, PERIOD), 0) for name, (_, us) in parts.items())
    accounts = tuple(Account(name, None, None, kind, 1, Served(us, PERIOD), 0) for name, (kind, us) in parts.items())
    jobs = [job(f"of-{name}", 1, tenant=name) for name in parts]
    given = replace(
        snapshot(*jobs, backend=replace(AER, kind="qpu")), tenants=tenants, accounts=accounts, resources=kinds
    )
    assert order(given)[0] == "of-sim"
    assert order(replace(given, accounts=(), resources=())) == ["of-dev", "of-sim"]
    [found] = [it for it in (explain(POLICY, given, ("sim", "of-sim")),) if it]
    assert [it.usage_us for it in found.contenders] == [500, 1_000]


@pytest.mark.parametrize(("name", "most"), [("interactive", 4), ("sandbox", 2)])
def test_a_user_has_so_many_placed_jobs_of_a_class_and_others_are_not_held_up(name: str, most: int) -> None:
    jobs = [job(f"{user}{n}", n, user=user, workload_class=name) for user in ("ann", "bob") for n in range(6)]
    given = snapshot(*jobs, job("plain", 99), placed=(PlacedCount("acme", "ann", name, most - 1),))
    near = replace(AER, slots=8, queue_depth=64)
    counts = Counter(it[0] for it in order(replace(given, backends=(near,))))
    assert counts == {"a": 1, "b": most, "p": 1}


@pytest.mark.parametrize(("name", "placed"), [(None, 1), ("production", 1), ("batch", 0), ("sandbox", 0)])
def test_batch_is_placed_shortly_before_it_runs(name: str | None, placed: int) -> None:
    busy = replace(AER, taken=2, backlog_us=NEAR_US)
    given = snapshot(job("j", 1, workload_class=name), backend=busy)
    assert len(order(given)) == placed
    assert len(order(replace(given, backends=(replace(busy, queue_us=NEAR_US + 1),)))) == 1, "others are in front"


def test_a_job_that_binds_late_waits_if_a_placement_of_another_tenant_fills_its_backend() -> None:
    batch = [job(f"of-{name}", 1, tenant=name, workload_class="batch") for name in ("acme", "beta")]
    jobs = [replace(it, candidates=(Candidate("aer", NEAR_US, 10**6),)) for it in batch]
    assert order(snapshot(*jobs)) == ["of-acme"]


def test_in_front_of_a_queue_of_others_places_count_in_time() -> None:
    full = replace(AER, taken=8, backlog_us=10**6)
    assert POLICY.free(full) == 0
    assert POLICY.free(replace(full, queue_us=10**6)) == 0
    assert POLICY.free(replace(full, queue_us=10**6 + 1)) == 8
    assert POLICY.free(replace(full, queue_us=10**6, slots=2)) == 8


def test_the_sooner_of_two_backends_counts_the_others_in_front() -> None:
    both = (Candidate("aer", 100, 10**6), Candidate("far", 50, 10**6))
    backends = (AER, BackendCapacity("far", 1, 8, queue_us=60))
    given = replace(snapshot(job("j", 1, candidates=both)), backends=backends)
    [place] = plan(POLICY, given).places
    assert (place.backend, place.scores) == ("aer", (("aer", 100), ("far", 110)))


def test_a_version_before_takes_the_oldest_job_of_a_tenant() -> None:
    given = replace(snapshot(job("old", 1), job("urgent", 2, priority=9)), policy="fair-share/6")
    assert [it.job[1] for it in plan(POLICIES["fair-share/6"], given).places] == ["old", "urgent"]
    assert explain_stored(encode(given), ("acme", "old"), "aer").turn is None


def test_all_that_shares_need_is_stored_and_read_again() -> None:
    given = snapshot(
        job("j", 1),
        period_us=period_for(600),
        resources=(Resource("qpu", 1), Resource("simulator", 4)),
        accounts=(account("main", 5), account("main", 3, user="ann"), account(None, 3, kind="qpu")),
        placed=(PlacedCount("acme", "ann", "sandbox", 1),),
    )
    assert decode(encode(given)) == given
    assert json.loads(encode(given))["version"] == 5


def test_half_of_the_service_is_left_after_the_half_life() -> None:
    period_us = period_for(600)
    for us in (10**9, 10**12):
        left = Served(us, 0).at(600_000_000 // period_us).us
        assert 0.5 <= left / us < 0.56, "decay is in steps of a tenth"
    assert Served(10**9, 0).at(7).us == pytest.approx(0.478 * 10**9, rel=0.01)


class Contention:
    """One backend with one slot, and owners that always have more jobs: what each receives."""

    def __init__(self, weights: dict[str, int], period_us: int) -> None:
        self.weights, self.period_us, self.at_us = weights, period_us, NOW_US
        self.served: dict[tuple[str, str | None, str | None], Served] = {}
        self.total: Counter[tuple[str, str | None, str | None]] = Counter()
        self.longest_us: Counter[tuple[str, str | None, str | None]] = Counter()
        self.last_us: dict[tuple[str, str | None, str | None], int] = {}

    def run(self, owners: list[tuple[str, str, str, int, dict[str, object]]], jobs: int) -> None:
        """Run so many jobs; owners are tenant, project, user, run time in seconds, and what differs of their jobs."""
        for number in range(jobs):
            waiting = [
                job(
                    f"{tenant}.{project}.{user}",
                    number,
                    project,
                    user,
                    tenant=tenant,
                    accepted_us=self.at_us,
                    **changes,
                )
                for tenant, project, user, _, changes in owners
            ]
            run_s = {it.key: row[3] for it, row in zip(waiting, owners, strict=True)}
            waiting = [replace(it, candidates=(Candidate("aer", run_s[it.key] * 10**6, 10**6),)) for it in waiting]
            tenants = {it.tenant for it in waiting}
            given = Snapshot(
                POLICY.name,
                self.at_us,
                1,
                (AER,),
                tuple(
                    Tenant(it, self.weights.get(it, 1), self.served.get((it, None, None), Served()), 0)
                    for it in tenants
                ),
                groups=grouped(POLICY, waiting),
                period_us=self.period_us,
                accounts=tuple(
                    Account(*owner, None, self.weights.get(owner[1], 1) if owner[2] is None else 1, it, 0)
                    for owner, it in self.served.items()
                    if owner[1] is not None
                ),
            )
            [place] = plan(POLICY, given).places
            chosen = next(it for it in waiting if it.key == place.job)
            self._ran(chosen, run_s[place.job] * 10**6)

    def _ran(self, chosen: Job, us: int) -> None:
        self.at_us += us
        for owner in (
            (chosen.tenant, None, None),
            (chosen.tenant, chosen.project, None),
            (chosen.tenant, chosen.project, chosen.user),
        ):
            self.served[owner] = self.served.get(owner, Served()).plus(us, self.at_us // self.period_us)
            self.total[owner] += us
            self.longest_us[owner] = max(self.longest_us[owner], self.at_us - self.last_us.get(owner, NOW_US))
            self.last_us[owner] = self.at_us


def test_each_level_receives_its_entitlement_under_contention() -> None:
    world = Contention({"big": 3, "acme": 1, "p": 1, "q": 2}, period_for(600))
    owners: list[tuple[str, str, str, int, dict[str, object]]] = [
        ("big", "main", "zoe", 7, {}),
        ("acme", "p", "ann", 5, {}),
        ("acme", "p", "bob", 9, {}),
        ("acme", "q", "ann", 3, {}),
    ]
    world.run(owners, 3_000)
    all_us = sum(us for owner, us in world.total.items() if owner[1] is None)
    entitled = {
        ("big", None, None): 3 / 4,
        ("acme", None, None): 1 / 4,
        ("acme", "p", None): 1 / 12,
        ("acme", "q", None): 2 / 12,
        ("acme", "p", "ann"): 1 / 24,
        ("acme", "p", "bob"): 1 / 24,
    }
    for owner, part in entitled.items():
        assert world.total[owner] / all_us == pytest.approx(part, rel=0.03), owner


def test_no_owner_waits_long_and_no_class_waits_for_ever() -> None:
    """The longest time between two jobs of an owner is a few times what its share says; aging serves `sandbox`."""
    world = Contention({"big": 10}, period_for(600))
    world.run([("big", "main", "zoe", 5, {}), ("acme", "p", "ann", 5, {})], 2_000)
    assert world.longest_us["acme", None, None] < 11 * 2 * 5 * 10**6
    fresh = [job(f"f{n}", 100 + n, workload_class="production") for n in range(40)]
    assert order(snapshot(*fresh, replace(AGED, project="main", user="bob")))[0] == "aged"

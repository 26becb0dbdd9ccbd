"""Quotas: exact under concurrency, the same after a restart, and with the time at which there is room again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_broker.answers import Answers
from queuebit_broker.profiles import Profiles
from queuebit_broker.quota_use import QuotaUse, Used
from queuebit_broker.quotas import Counted, QuotaLeft, about_quotas
from queuebit_broker.state import World
from queuebit_contracts.account import AccountHeld, Hold
from queuebit_contracts.directory import Directory
from queuebit_contracts.job import Expiry, JobAccepted, JobExpired, JobRejected
from queuebit_contracts.query import Question
from queuebit_contracts.tenants import Quota, parse_tenants
from queuebit_contracts.wire import Amount, Reason
from queuebit_kernel import job_id

from .broker_office import TENANTS, Follower, Office

NOON = datetime(2026, 11, 1, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
async def limited_office() -> Office:
    """An office whose tenant has quotas on everything, and room for many active jobs."""
    office = Office()
    document = parse_tenants(TENANTS.replace("max_active_jobs = 2", "max_active_jobs = 100"))
    quotas = {
        "tenant": Quota(shots=1_000, window="1h"),
        "project:main": Quota(active_jobs=3),
        "user:ann": Quota(qpu_seconds=5, window="2h"),
    }
    acme = document.tenant["acme"].model_copy(update={"quota": quotas})
    office.world.directory = Directory(document.model_copy(update={"tenant": {**document.tenant, "acme": acme}}))
    await office.open("1000")
    return office


async def submit(office: Office, key: str, **changes: Any) -> None:
    await office.deliver(await office.submit(key=key, **{"shots": 100, "backend": "aer", **changes}))


def refusals(office: Office) -> list[str]:
    return ["; ".join(it.text for it in event.data.reasons) for event in office.log.events(JobRejected)]


async def test_shots_of_the_window_are_counted_and_leave_it(limited_office: Office) -> None:
    office = limited_office
    await submit(office, "k1", shots=600)
    await submit(office, "k2", shots=401)
    (text,) = refusals(office)
    assert "allows 1,000 shots in 1d" not in text
    assert "quota tenant of tenant acme allows 1,000 shots in 1h, 600 are used and the job needs 401" in text
    again = office.clock.now() + timedelta(hours=1, minutes=1)
    assert f"there is room again at {again:%Y-%m-%d %H:%M} UTC" in text
    office.clock.advance(3_660)
    await submit(office, "k3", shots=1_000)
    assert len(office.log.events(JobAccepted)) == 2
    await submit(office, "k4", shots=1_001)
    assert "ask for fewer shots" in refusals(office)[-1]


async def test_time_on_devices_counts_and_that_of_simulators_does_not(limited_office: Office) -> None:
    office = limited_office
    await submit(office, "k1", backend="torino")  # two seconds each
    await submit(office, "k2", backend="torino")
    await submit(office, "k3", backend="torino")
    assert (
        "quota user:ann of tenant acme allows 5 QPU seconds in 2h, 4 are used and the job may need 2"
        in (refusals(office)[0])
    )
    await submit(office, "k4", backend="aer")
    assert len(office.log.events(JobAccepted)) == 3


async def test_two_submissions_at_once_do_not_pass_together(limited_office: Office) -> None:
    office = limited_office
    deliveries = [await office.submit(key=f"k{it}", shots=100, backend="aer") for it in range(6)]
    await asyncio.gather(*map(office.deliver, deliveries))
    assert len(office.log.events(JobAccepted)) == 3
    assert all("allows 3 active jobs, and there are 3" in it for it in refusals(office))


async def test_two_brokers_do_not_let_two_jobs_pass_together(limited_office: Office) -> None:
    office = limited_office
    world = World()
    world.directory = office.world.directory
    other = office.another_broker(world, follower := Follower(office.log, world))
    follower.fold(len(office.log.stored))
    deliveries = [await office.submit(key=f"k{it}", shots=400, backend="aer", project="main") for it in range(4)]
    await asyncio.gather(
        *((office.admit if it % 2 else other)(**delivery, redelivered=False) for it, delivery in enumerate(deliveries))
    )
    assert len(office.log.events(JobAccepted)) == 2
    assert len(refusals(office)) == 2


async def test_counts_are_the_same_after_a_kill_and_a_snapshot(limited_office: Office) -> None:
    office = limited_office
    for key in ("k1", "k2", "k3"):
        await submit(office, key)
    await office.catch_up()
    frozen = office.world.freeze()
    assert frozen is not None
    records = list(frozen())
    office.restart()
    await office.catch_up()
    await submit(office, "k4")
    assert "allows 3 active jobs" in refusals(office)[0]
    thawed = World()
    thawed.thaw(records)()
    now = office.clock.now()
    for name in ("tenant", "project:main", "user:ann"):
        assert thawed.quota_use.used("acme", name, 3_600, now) == office.world.quota_use.used("acme", name, 3_600, now)


async def test_a_crash_between_hold_and_acceptance_counts_once(limited_office: Office) -> None:
    office = limited_office
    delivery = await office.submit(key="k1", shots=900, backend="aer")
    await office.crash(delivery, before=JobAccepted)
    office.restart()
    await office.catch_up()
    await office.deliver(delivery, redelivered=True)
    assert len(office.log.events(JobAccepted)) == 1
    used = office.world.quota_use.used("acme", "tenant", 3_600, office.clock.now())
    assert used == Used(1, 900, 0)


async def test_an_expired_job_gives_back_what_it_counted(limited_office: Office) -> None:
    office = limited_office
    await submit(office, "k1", shots=900)
    now = office.clock.now()
    data = Expiry(
        tenant="acme", project="main", job=job_id("acme", "k1"), reason=Reason(code="deadline_missed", text="t"),
        deadline=now, submitted_at=now, accepted_at=now,
    )  # fmt: skip
    await office.log.append(JobExpired(source="t", data=data))
    await office.catch_up()
    assert office.world.quota_use.used("acme", "tenant", 3_600, now) == Used(0, 0, 0)
    await submit(office, "k2", shots=1_000)
    assert refusals(office) == []


async def test_what_is_used_and_left_is_answered(limited_office: Office) -> None:
    office = limited_office
    await submit(office, "k1", shots=300, backend="torino")
    answers = Answers(office.world, Profiles(office.executors, office.world), office.tariff, office.clock, 1000)
    rows = {str(it["name"]): it for it in (await answers.quotas("acme", Question())).rows}
    assert (rows["tenant"]["shots_used"], rows["tenant"]["shots_left"]) == (300, 700)
    assert (rows["user:ann"]["qpu_seconds_used"], rows["user:ann"]["qpu_seconds_left"]) == (2, 3)
    assert (rows["project:main"]["active_used"], rows["project:main"]["active_left"]) == (1, 2)
    assert rows["project:main"]["shots_left"] is None
    of_sim = (await answers.quotas("acme", Question(project="sim"))).rows
    assert [it["name"] for it in of_sim] == ["tenant"]
    assert (await answers.quotas("evil", Question())).rows == ()


async def test_a_quota_of_a_class_is_one_for_each_user(limited_office: Office) -> None:
    office = limited_office
    document = office.world.directory.document()
    acme = document.tenant["acme"].model_copy(update={"quota": {"class:batch": Quota(active_jobs=1)}})
    office.world.directory = Directory(document.model_copy(update={"tenant": {**document.tenant, "acme": acme}}))
    await submit(office, "k1", workload_class="batch")
    await submit(office, "k2", workload_class="batch", by="boss")
    await submit(office, "k3")
    await submit(office, "k4", workload_class="interactive")
    assert refusals(office) == []
    await submit(office, "k5", workload_class="batch")
    (text,) = refusals(office)
    assert "quota class:batch:ann of tenant acme allows 1 active jobs, and there are 1" in text
    assert "`qb tenant quota acme class:batch`" in text
    answers = Answers(office.world, Profiles(office.executors, office.world), office.tariff, office.clock, 1000)
    rows = (await answers.quotas("acme", Question())).rows
    assert [(it["name"], it["active_used"]) for it in rows] == [("class:batch:ann", 1), ("class:batch:boss", 1)]


async def test_a_tenant_without_quotas_has_holds_as_before(office: Office) -> None:
    await office.open()
    await submit(office, "k1")
    (held,) = office.log.events(AccountHeld)
    assert (held.data.quotas, held.data.shots, held.data.qpu_us) == (None, None, None)


def test_room_is_named_only_if_waiting_helps() -> None:
    quota = Quota(shots=100, window="1h")
    leaving = [(NOON, 40, 0), (NOON + timedelta(minutes=5), 60, 0)]
    it = QuotaLeft("tenant", quota, Used(0, 100, 0), lambda: leaving)
    (some,) = about_quotas("acme", [it], Counted((), 50, 0, NOON))
    assert "there is room again at 2026-11-01 12:05 UTC" in some.text
    (never,) = about_quotas("acme", [it], Counted((), 101, 0, NOON))
    assert "ask for fewer shots" in never.text
    assert [*about_quotas("acme", [it], Counted((), 0, 10**9, NOON))] == []


def test_qpu_time_may_be_used_to_the_last_microsecond() -> None:
    leaving = [(NOON, 0, 1), (NOON + timedelta(minutes=5), 0, 4_000_000)]
    it = QuotaLeft("user:ann", Quota(qpu_seconds=5, window="1h"), Used(0, 0, 4_000_001), lambda: leaving)
    assert [*about_quotas("acme", [it], Counted((), 0, 999_999, NOON))] == []
    (full,) = about_quotas("acme", [it], Counted((), 0, 1_000_000, NOON))
    assert "there is room again at 2026-11-01 12:00 UTC" in full.text


def test_minutes_that_are_forgotten_are_in_no_sum() -> None:
    use, start = QuotaUse(), datetime(2026, 11, 1, tzinfo=UTC)
    late = start + timedelta(days=40)
    for job, shots, at in (("j1", 50, start), ("j2", 7, late)):
        hold = Hold(tenant="acme", account="main", job=job, amount=Amount(amount="1"), quotas=("tenant",), shots=shots)
        use.held(hold, at)
        assert use.used("acme", "tenant", 3_600, at).shots == shots


def test_what_is_given_back_after_its_window_changes_no_sum() -> None:
    use, start = QuotaUse(), datetime(2026, 11, 1, tzinfo=UTC)
    hold = Hold(tenant="acme", account="main", job="j1", amount=Amount(amount="1"), quotas=("tenant",), shots=50)
    use.held(hold, start)
    later = start + timedelta(hours=3)
    assert use.used("acme", "tenant", 3_600, later) == Used(1, 0, 0)
    use.ended("acme", "j1", ran=False)
    assert use.used("acme", "tenant", 3_600, later) == Used(0, 0, 0)


_HOLDS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 50), st.booleans(), st.booleans()), max_size=30)


@given(_HOLDS, st.lists(st.tuples(st.integers(0, 500), st.sampled_from([3_600, 7_200])), max_size=8))
def test_sums_of_windows_are_those_of_a_naive_count(
    holds: list[tuple[int, int, bool, bool]], looks: list[tuple[int, int]]
) -> None:
    use, counted = QuotaUse(), list[tuple[int, int]]()
    start = datetime(2026, 11, 1, tzinfo=UTC)
    ordered = sorted(looks)
    for number, (minute, shots, ends, ran) in enumerate(holds):
        hold = Hold(
            tenant="acme", account="main", job=f"j{number}", amount=Amount(amount="1"), quotas=("tenant",), shots=shots,
            qpu_us=shots,
        )  # fmt: skip
        for _ in range(2):  # folded twice
            use.held(hold, start + timedelta(minutes=minute))
        if ends:
            use.ended("acme", f"j{number}", ran=ran)
        if ran or not ends:
            counted.append((minute, shots))
    for minute, window_s in ordered:
        now = start + timedelta(minutes=minute)
        expected = sum(shots for at, shots in counted if (at + window_s // 60) >= minute)
        assert use.used("acme", "tenant", window_s, now).shots == expected

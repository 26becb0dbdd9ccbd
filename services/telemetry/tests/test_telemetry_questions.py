"""Questions about jobs, charges and levels, answered by a real warehouse."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from queuebit_contracts.account import AccountHeld, Hold
from queuebit_contracts.catalog import AnyEvent, decode
from queuebit_contracts.job import (
    Charge,
    Correction,
    JobCompleted,
    JobCorrected,
    JobRejected,
    JobWithdrawn,
    Rejection,
    Usage,
    Withdrawal,
)
from queuebit_contracts.quality import Quality, QualityCheck
from queuebit_contracts.query import Question
from queuebit_contracts.subjects import event_name
from queuebit_contracts.wire import Amount, Reason, UnknownEvent
from queuebit_kernel import SystemClock
from queuebit_slo import history, query, shipped
from queuebit_telemetry.adapters import ClickHouse
from queuebit_telemetry.handlers import AnswerLevels

from .conftest import LifeOf, rows_of

pytestmark = pytest.mark.server

EXAMPLES = Path(__file__).parents[3] / "contracts" / "examples"


async def test_job_is_reported_from_its_events(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    position = await clickhouse.position()
    events = life_of("acme", "j1") + life_of("acme", "j2")[:2] + life_of("evil", "j3")
    await clickhouse.append(rows_of(events), position.generation, "LOG>0")
    newest, oldest = sorted(await clickhouse.jobs("acme", Question()), key=lambda it: it["state"] != "accepted")
    assert (newest["job"], newest["state"], newest["charge"], newest["sealed"]) == ("j2", "accepted", None, 0)
    assert oldest | {"submitted_at": "", "accepted_at": "", "ended_at": ""} == {
        "job": "j1",
        "project": "main",
        "state": "completed",
        "backend": "aer",
        "shots": 1000,
        "qubits": 2,
        "label": "j1.qasm",
        "user": "ann",
        "submitted_at": "",
        "accepted_at": "",
        "placed_at": None,
        "started_at": None,
        "ended_at": "",
        "queue_wait_ms": 120,
        "end_to_end_ms": 700,
        "charge": "0.100000000000000001",
        "currency": "USD",
        "jbu": "2.50",
        "provisional": 0,
        "sealed": 1,
        "reasons": [],
        "sequence": 1,
    }
    assert json.dumps(oldest)
    assert [it["job"] for it in await clickhouse.jobs("acme", Question(job="j1"))] == ["j1"]
    assert await clickhouse.jobs("acme", Question(project="other")) == []
    assert len(await clickhouse.jobs("acme", Question(limit=1))) == 1


async def test_a_job_that_was_taken_from_its_backend_is_accepted_again(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    position, whose = await clickhouse.position(), {"tenant": "acme", "job": "j1"}
    placed = next(EXAMPLES.glob("qb.job.placed.v1/*.json")).read_bytes()
    place = decode(placed)
    assert not isinstance(place, UnknownEvent)
    place = place.model_copy(update={"data": place.data.model_copy(update=whose)})
    reason = Reason(code="below_fidelity", text="it has less than the job demands")
    data = Withdrawal(project="main", backend=place.data.backend, reason=reason, **whose)
    events = [*life_of("acme", "j1")[:2], place, JobWithdrawn(source="qb/scheduler", data=data)]
    await clickhouse.append(rows_of(events[:3]), position.generation, "LOG>0")
    assert [it["state"] for it in await clickhouse.jobs("acme", Question(job="j1"))] == ["placed"]
    await clickhouse.append(rows_of(events[3:], 4), position.generation, "LOG>3")
    assert [it["state"] for it in await clickhouse.jobs("acme", Question(job="j1"))] == ["accepted"]


async def test_a_rejected_job_has_the_user_that_its_rejection_names(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    position, (submission, *_) = await clickhouse.position(), life_of("acme", "j1")
    whose: dict[str, Any] = {"tenant": "acme", "project": "main", "job": "j1", "user": "ann"}
    reasons = (Reason(code="bad_shots", text="0 shots"),)
    rejection = Rejection(**whose, reasons=reasons, submitted_at=submission.time)
    events = [submission, JobRejected(source="qb/test", data=rejection)]
    await clickhouse.append(rows_of(events), position.generation, "LOG>0")
    (row,) = await clickhouse.jobs("acme", Question(user="ann"))
    assert (row["job"], row["state"], row["user"], row["reasons"]) == ("j1", "rejected", "ann", ["bad_shots"])
    assert await clickhouse.jobs("acme", Question(user="eve")) == []


async def test_pages_of_a_list_are_complete_whatever_they_are_filtered_by(
    clickhouse: ClickHouse, life_of: LifeOf
) -> None:
    position, events = await clickhouse.position(), list[AnyEvent]()
    for number in range(12):
        life = life_of("acme", f"j{number}")[: 2 if number % 3 == 0 else 6]
        events += [altered(life[0], tags=("ci",)) if number % 2 else life[0], *life[1:]]
    await clickhouse.append(rows_of([*events, *life_of("evil", "other")]), position.generation, "LOG>0")

    async def pages(**asked: Any) -> list[str]:
        found: list[str] = []
        before = None
        while rows := await clickhouse.jobs("acme", Question(limit=2, before=before, **asked)):
            assert len(rows) <= 2
            found += [str(it["job"]) for it in rows]
            before = rows[-1]["sequence"]
        return found

    waiting = ["j9", "j6", "j3", "j0"]
    newest = [f"j{number}" for number in reversed(range(12))]
    assert await pages() == newest
    assert await pages(states=("accepted",)) == waiting
    assert await pages(states=("completed",)) == [it for it in newest if it not in waiting]
    assert await pages(states=("completed", "accepted")) == newest
    assert await pages(states=("failed",)) == await pages(states=("unheard-of",)) == []
    assert await pages(tag="ci", states=("accepted",)) == ["j9", "j3"]
    assert await pages(label="j1") == ["j11", "j10", "j1"]
    assert await pages(user="ann") == newest
    assert await pages(user="eve") == await pages(backend="cirq") == []
    assert await pages(backend="aer", states=("completed",)) == [it for it in newest if it not in waiting]
    later = datetime.now(UTC) + timedelta(days=1)
    assert await pages(until=later) == newest
    assert await pages(since=later) == []


async def test_a_charge_is_provisional_until_its_hold_is_settled(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    position, found = await clickhouse.position(), {}
    for seq, event in enumerate(life_of("acme", "j1"), 1):
        await clickhouse.append(rows_of([event], seq), position.generation, f"LOG>{seq - 1}")
        (row,) = await clickhouse.jobs("acme", Question())
        found[event_name(event.type)] = row["provisional"]
    assert found == {"submitted": 0, "accepted": 0, "completed": 0, "metered": 1, "settled": 0, "sealed": 0}


def altered(event: AnyEvent, **data: Any) -> AnyEvent:
    return event.model_copy(update={"id": f"{event.id}+", "data": event.data.model_copy(update=data)})


async def test_no_later_submission_changes_what_was_decided(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    """State and content of a job, for each place where another submission may come in between."""
    position = await clickhouse.position()
    events: list[AnyEvent] = []
    for at, length in ((1, 1), (2, 2), (3, 3), (6, 6), (1, 6)):
        life = life_of("acme", f"at{at}of{length}")[:length]
        again = altered(life[0], label="zzz", shots=9999, project="zzz", backend="zzz")
        events += [*life[:at], again.model_copy(update={"time": again.time - timedelta(days=1)}), *life[at:]]
    await clickhouse.append(rows_of(events), position.generation, "LOG>0")
    output = {it["job"]: (it["state"], it["label"], it["shots"]) for it in await clickhouse.jobs("acme", Question())}
    assert output == {
        "at1of1": ("submitted", "at1of1.qasm", 1000),
        "at2of2": ("accepted", "at2of2.qasm", 1000),
        "at3of3": ("completed", "at3of3.qasm", 1000),
        "at6of6": ("completed", "at6of6.qasm", 1000),
        "at1of6": ("completed", "zzz", 9999),
    }
    ended = next(it for it in await clickhouse.jobs("acme", Question()) if it["job"] == "at6of6")
    assert (ended["project"], ended["backend"]) == ("main", "aer")
    assert str(ended["submitted_at"])[:10] == str(events[-1].time.date())


async def test_a_job_that_never_started_has_no_queue_wait(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    position, events = await clickhouse.position(), life_of("acme", "ran") + life_of("acme", "refused")[:1]
    whose = {"tenant": "acme", "project": "main", "job": "refused", "submitted_at": events[0].time}
    refusal = Rejection.model_validate({**whose, "reasons": [Reason(code="over_budget", text="too expensive")]})
    events.append(JobRejected(source="qb/broker", data=refusal))
    await clickhouse.append(rows_of(events), position.generation, "LOG>0")
    (row,) = await clickhouse._query(
        "SELECT count(), avg(queue_wait_ms) AS mean, countIf(queue_wait_ms = 0) AS zero FROM jobs"
    )
    assert (row["count()"], row["mean"], row["zero"]) == (2, 120, 0)


async def test_charges_add_up_exactly_by_project(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    position = await clickhouse.position()
    events = [event for number in range(10) for event in life_of("acme", f"j{number}")] + life_of("evil", "j99")
    await clickhouse.append(rows_of(events), position.generation, "LOG>0")
    assert await clickhouse.charges("acme", Question()) == [
        {"project": "main", "currency": "USD", "jobs": 10, "amount": "1.00000000000000001", "jbu": "25.00"}
    ]
    assert await clickhouse.charges("nobody", Question()) == []


def charged_beside_jobs() -> list[AnyEvent]:
    """A hybrid job and the idle time of a session, with their bills and settlements: the golden examples."""
    found = []
    for noun, names in (("hybrid", ("submitted", "accepted", "metered")), ("session", ("opened", "metered"))):
        for name in names:
            (path, *_) = sorted((EXAMPLES / f"qb.{noun}.{name}.v1").glob("*.json"))
            event = decode(path.read_bytes())
            assert not isinstance(event, UnknownEvent)
            found.append(event)
    return found


async def test_time_of_hybrid_jobs_and_idle_time_of_sessions_are_charges(
    clickhouse: ClickHouse, life_of: LifeOf
) -> None:
    position = await clickhouse.position()
    await clickhouse.append(rows_of([*life_of("acme", "j1"), *charged_beside_jobs()]), position.generation, "LOG>0")
    sums = {str(it["project"]): (it["jobs"], it["amount"]) for it in await clickhouse.charges("acme", Question())}
    assert sums == {"main": (1, "0.100000000000000001"), "chem": (0, "0.00425"), "chemistry": (0, "0.12")}
    session, hybrid, job = await clickhouse.bills("acme", Question())
    assert [it["type"] for it in (session, hybrid, job)] == [
        f"qb.{noun}.metered.v1" for noun in ("session", "hybrid", "job")
    ]
    assert {name: hybrid[name] for name in ("user", "label")} == {"user": "ada", "label": "vqe.py"}
    assert (session["user"], session["label"]) == ("ada", "h2 scan")
    assert [it["type"] for it in await clickhouse.bills("acme", Question(project="chem"))] == ["qb.hybrid.metered.v1"]


async def test_the_user_of_a_charge_is_the_one_that_the_broker_found(clickhouse: ClickHouse) -> None:
    position, rows = await clickhouse.position(), rows_of(charged_beside_jobs())
    (number,) = [at for at, it in enumerate(rows) if it.type == "qb.hybrid.submitted.v1"]
    claimed = {**json.loads(rows[number].data), "user": "zoe"}  # readers ignore the field, and its sender signs it
    rows[number] = rows[number]._replace(data=json.dumps(claimed).encode())
    await clickhouse.append(rows, position.generation, "LOG>0")
    assert {it["user"] for it in await clickhouse.bills("acme", Question())} == {"ada"}


async def test_measured_fidelities_stand_beside_the_estimates_of_their_jobs(
    clickhouse: ClickHouse, life_of: LifeOf
) -> None:
    position = await clickhouse.position()

    def measured(tenant: str, job: str, value: int | None, esp_ppm: int | None) -> list[AnyEvent]:
        life = life_of(tenant, job)
        (at,) = (place for place, it in enumerate(life) if isinstance(it, JobCompleted))
        completed = life[at]
        assert isinstance(completed, JobCompleted)
        checks = () if value is None else (QualityCheck(name="fidelity", passed=True, value=value, limit=1),)
        compilation = completed.data.compilation.model_copy(update={"esp_ppm": esp_ppm})
        life[at] = altered(completed, quality=Quality(passed=True, checks=checks), compilation=compilation)
        return life

    jobs = [("f1", 810_000, 900_000), ("f2", 720_000, 800_000), ("f3", None, 900_000), ("f4", 700_000, None)]
    events = [it for job in jobs for it in measured("fido", *job)]
    rows = rows_of([*events, *measured("evil", "f5", 1, 1_000_000)])
    await clickhouse.append([*rows, *rows], position.generation, "LOG>0")
    found = await clickhouse.fidelities("fido", Question())
    assert found == [{"backend": "aer", "jobs": 2, "ratios_ppm": 1_800_000}]
    assert await clickhouse.fidelities("elsewhere", Question()) == []


async def test_activity_adds_up_by_what_is_asked(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    position, since = await clickhouse.position(), datetime.now(UTC) - timedelta(days=2)
    first, second, third = (life_of("acme", name) for name in ("j1", "j2", "j3"))
    second[0] = altered(second[0], tags=("vqe", "paper"))
    events = [*first, *second, *third[:1], *life_of("evil", "j4")]
    await clickhouse.append(rows_of(events), position.generation, "LOG>0")

    async def sums(*by: str, after: datetime = since) -> dict[str, tuple[object, ...]]:
        found = await clickhouse.activity("acme", Question.model_validate({"by": by}), after)
        return {"/".join(str(it[key]) for key in by): (it["jobs"], it["completed"], it["charged"]) for it in found}

    bill = "0.100000000000000001"
    assert await sums("backend") == {"": (1, 0, None), "aer": (2, 2, "0.200000000000000002")}
    assert await sums("user") == {"": (1, 0, None), "ann": (2, 2, "0.200000000000000002")}
    assert await sums("tag", "project") == {
        "/main": (2, 1, bill),
        "paper/main": (1, 1, bill),
        "vqe/main": (1, 1, bill),
    }
    (hour,) = {it[:13] for it in await sums("hour")}
    assert hour == events[0].time.isoformat()[:13]
    assert await sums("day", after=datetime.now(UTC) + timedelta(days=1)) == {}


async def test_groups_are_the_jobs_with_a_tag_or_of_a_session(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    position, since = await clickhouse.position(), datetime.now(UTC) - timedelta(days=2)
    lives = [life_of("acme", f"j{n}") for n in range(4)]
    lives[0][0] = altered(lives[0][0], tags=("h2", "paper"), session="s1")
    lives[1][0] = altered(lives[1][0], tags=("h2",))
    hold = Hold(tenant="acme", account="main", job="j2", amount=Amount(amount="0.25"))
    lives[2] = [altered(lives[2][0], session="s1"), lives[2][1], AccountHeld(source="qb/test", data=hold)]
    evil = life_of("evil", "j9")
    events = [*(it for life in lives for it in life), altered(evil[0], tags=("h2",)), *evil[1:]]
    await clickhouse.append(rows_of(events), position.generation, "LOG>0")

    async def groups(after: datetime = since, **asked: Any) -> dict[str, tuple[object, ...]]:
        found = await clickhouse.groups("acme", Question(**asked), after)
        shown = ("jobs", "states", "charged", "held", "sealed")
        return {f"{it['kind']} {it['name']}": tuple(it[name] for name in shown) for it in found}

    bill, both = "0.100000000000000001", "0.200000000000000002"
    h2: tuple[object, ...] = (2, {"completed": 2}, {"USD": both}, {}, 2)
    s1 = (2, {"accepted": 1, "completed": 1}, {"USD": bill}, {"USD": "0.25"}, 1)
    paper: tuple[object, ...] = (1, {"completed": 1}, {"USD": bill}, {}, 1)
    assert await groups() == {"session s1": s1, "tag h2": h2, "tag paper": paper}
    assert await groups(tag="h2") == {"tag h2": h2}
    assert await groups(session="s1") == {"session s1": s1}
    assert len(await groups(limit=1)) == 1
    assert await groups(after=datetime.now(UTC) + timedelta(days=1)) == {}
    assert [it["job"] for it in await clickhouse.jobs("acme", Question(session="s1"))] == ["j2", "j0"]
    assert [it["job"] for it in await clickhouse.jobs("acme", Question(tag="h2"))] == ["j1", "j0"]


async def test_a_corrected_bill_is_charged_once_with_its_delta(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    position = await clickhouse.position()
    delta = Charge(amount="-0.04", currency="USD", jbu="-1")
    data = Correction(
        tenant="acme", project="main", job="j1", revision=1, report=1, usage=Usage(), charge=delta, delta=delta,
        reason="late", final=True, price_book="sha256:" + "0" * 64,
    )  # fmt: skip
    rows = rows_of([*life_of("acme", "j1"), JobCorrected(source="qb/test", data=data), *life_of("acme", "j2")])
    await clickhouse.append(rows, position.generation, "LOG>0")
    await clickhouse.append(rows, position.generation, "LOG>1")  # the same rows under another token
    assert await clickhouse.charges("acme", Question()) == [
        {"project": "main", "currency": "USD", "jobs": 2, "amount": "0.160000000000000002", "jbu": "4.00"}
    ]
    (job,) = await clickhouse.jobs("acme", Question(job="j1"))
    assert (job["charge"], job["jbu"], job["state"]) == ("0.060000000000000001", "1.50", "completed")


async def test_the_objectives_of_this_version_count_the_cases_of_one_tenant(
    clickhouse: ClickHouse, life_of: LifeOf
) -> None:
    position = await clickhouse.position()
    events = [event for number in range(20) for event in life_of("acme", f"j{number}", number * 20)]
    await clickhouse.append(rows_of([*events, *life_of("evil", "j99")]), position.generation, "LOG>0")
    levels = await AnswerLevels(clickhouse, shipped(), SystemClock())("acme", Question())
    found = {it["name"]: it for it in levels}
    assert found.keys() == {it.name for it in shipped() if "tenant" not in it.where}, "the platform's own are not shown"
    assert (found["job-success"]["good"], found["job-success"]["total"]) == (20, 20)
    assert (found["queue-wait-p95"]["good"], found["queue-wait-p95"]["total"]) == (20, 20)
    assert found["success-production"]["total"] == 0


async def test_each_objective_counts_by_group_window_and_day(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    position = await clickhouse.position()
    events = [*life_of("acme", "j1"), *life_of("acme", "j2"), *life_of("evil", "j3")]
    await clickhouse.append(rows_of(events), position.generation, "LOG>0")
    now = datetime.now(UTC) + timedelta(seconds=1)
    found: dict[str, dict[str, int]] = {}
    for objective in shipped():
        by = objective.by[0] if objective.by else ""
        counted = await clickhouse.cases(query(objective, now, objective.spans))
        whole = {it.get(by, ""): it["total"] for it in counted if it["span_s"] == objective.window.total_seconds()}
        days = Counter[str]()
        for it in await clickhouse.cases(history(objective, now)):
            days[it.get(by, "")] += it["total"]
        assert days == Counter(whole), objective.name
        found[objective.name] = whole
    for name in ("job-success", "end-to-end-p95", "retry", "provenance-completeness", "telemetry-completeness"):
        assert found[name] == {"acme": 2, "evil": 1}, name


async def test_bills_come_in_pages_with_what_is_known_of_their_jobs(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    position = await clickhouse.position()
    events = [*life_of("acme", "j1"), *life_of("acme", "j2"), *life_of("evil", "j3")]
    metered = next(it for it in events if event_name(it.type) == "metered").data
    whose: dict[str, Any] = {name: getattr(metered, name) for name in ("tenant", "project", "job", "backend", "usage")}
    moved = Charge(amount="-0.05", currency="USD", jbu="0")
    whose |= {"charge": metered.charge, "delta": moved, "price_book": metered.price_book}
    corrected = Correction(**whose, revision=1, report=1, reason="fewer shots", final=True)
    await clickhouse.append(
        rows_of([*events, JobCorrected(source="qb/test", data=corrected)]), position.generation, "LOG>0"
    )
    newest, *rest = await clickhouse.bills("acme", Question())
    assert (newest["type"], newest["job"], newest["user"]) == ("qb.job.corrected.v1", "j1", "ann")
    assert newest["before"] == newest["first"] == metered.model_dump(mode="json", exclude_none=True)
    assert [(it["job"], "before" in it) for it in rest] == [("j2", False), ("j1", False)]
    (last,) = await clickhouse.bills("acme", Question(before=int(str(rest[0]["sequence"])), limit=1))
    assert (last["sequence"], last["label"]) == (rest[1]["sequence"], "j1.qasm")
    assert await clickhouse.bills("acme", Question(project="other")) == []
    assert await clickhouse.bills("acme", Question(since=datetime.now(UTC) + timedelta(days=1))) == []
    assert [it["job"] for it in await clickhouse.bills("evil", Question())] == ["j3"]

"""Fair shares under contention, and placements that were taken away, from histories that are made by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from .job_history import HOUR, START, Stored, registered
from .warehouse import Warehouse, event

pytestmark = pytest.mark.server

NOON = START.replace(hour=12) - timedelta(days=3)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def shares(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A warehouse for this module, with one backend of a vendor."""
    running = Warehouse(tmp_path_factory.mktemp("shares"))
    running.fill_at([registered("torino", "ibm")])
    yield running
    running.stop()


def _ran(
    tenant: str,
    backend: str,
    came: float,
    began: float,
    ended: float,
    *,
    share: int | None = 1,
    late: timedelta = timedelta(),
) -> Iterator[Stored]:
    """A job with its times in minutes after noon; without a share its acceptance is missing."""
    job = f"{backend}-{came}-{began}"
    subject, whose = f"qb.job.{tenant}.{job}", {"tenant": tenant, "job": job}
    accepted, started, at = (NOON + MINUTE * it for it in (came, began, ended))
    if share is not None:
        yield accepted, event(f"{subject}.accepted", "qb.job.accepted.v1", accepted, **whose, share=share)
    times = {"accepted_at": accepted.isoformat(), "started_at": started.isoformat()}
    body = event(f"{subject}.completed", "qb.job.completed.v1", at, **whose, backend=backend, **times)
    yield at + late, body


def _fill(warehouse: Warehouse, found: list[Stored]) -> None:
    warehouse.fill_at(sorted(found, key=lambda it: it[0]), twice=True)


def _values(warehouse: Warehouse, backend: str) -> dict[str, tuple[float, float, int]]:
    rows = warehouse.ask(
        "SELECT tenant, used_s, entitled_s, good FROM sli_fairness WHERE backend = {backend:String}",
        {"backend": backend},
    )
    return {it["tenant"]: (it["used_s"], it["entitled_s"], it["good"]) for it in rows}


def test_time_is_shared_by_weight_while_tenants_compete(shares: Warehouse) -> None:
    _fill(shares, [
        *_ran("a", "torino", 0, 0, 10), *_ran("a", "torino", 0, 10, 20), *_ran("a", "torino", 0, 40, 50),
        *_ran("b", "torino", 0, 20, 30, share=3), *_ran("b", "torino", 5, 30, 40, share=3),
    ])  # fmt: skip
    # They compete until 30, when only one waits beside the one that runs, and until 40: a quarter of 40 minutes is a's.
    assert _values(shares, "torino") == {"a": (1200, 600, 0), "b": (1200, 1800, 0)}
    (row, *_) = shares.ask("SELECT * FROM sli_fairness WHERE backend = 'torino' AND tenant = 'a'")
    assert (row["vendor"], row["value"], row["total"]) == ("ibm", 2, 1)


def test_random_days_are_as_minute_by_minute(shares: Warehouse) -> None:
    """Jobs of three tenants over two days, with times in whole minutes, added up for each minute."""
    draw, weights = Random(5), {"a": 1, "b": 2, "c": 5}
    jobs = []
    for _ in range(60):
        came = draw.randint(0, 1400)
        began = came + draw.randint(0, 90)
        jobs.append((draw.choice("abc"), came, began, began + draw.randint(0, 90)))
    _fill(shares, [it for who, *times in jobs for it in _ran(who, "random", *times, share=weights[who])])
    used, due = Counter[tuple[str, bool]](), Counter[tuple[str, bool]]()
    for minute in range(1600):
        waiting = Counter(who for who, came, began, _ in jobs if came <= minute < began)
        running = Counter(who for who, _, began, ended in jobs if began <= minute < ended)
        present = {*waiting, *running}
        if len(present) < 2 or not waiting or not running:
            continue
        for who in present:
            key = who, minute >= 720
            used[key] += 60 * running[who]
            due[key] += 60 * sum(running.values()) * weights[who] / sum(weights[it] for it in present)  # type: ignore[assignment]
    rows = shares.ask("SELECT tenant, at, used_s, entitled_s FROM sli_fairness WHERE backend = 'random'")
    found = {(it["tenant"], it["at"] > f"{NOON + 720 * MINUTE:%F %T}"): (it["used_s"], it["entitled_s"]) for it in rows}
    assert found == {key: (used[key], pytest.approx(due[key])) for key in due}


def test_shares_that_are_met_are_good(shares: Warehouse) -> None:
    turns = [_ran("ab"[it % 2], "even", 0, it, it + 1) for it in range(41)]
    _fill(shares, [it for turn in turns for it in turn])
    found = _values(shares, "even")
    assert {name: (round(used / entitled, 2), good) for name, (used, entitled, good) in found.items()} == {
        "a": (1.0, 1), "b": (1.0, 1),
    }  # fmt: skip


def test_what_evens_out_the_day_is_good(shares: Warehouse) -> None:
    alone = [_ran("a", "evens", 10 * it, 10 * it, 10 * it + 10) for it in range(20)]
    first = [_ran("b", "evens", 200, it, it + 10) for it in range(200, 240, 10)]
    waits = [_ran("a", "evens", 200, it, it + 10) for it in range(240, 280, 10)]
    _fill(shares, [it for run in (*alone, *first, *waits) for it in run])
    # a ran alone for 200 minutes. While both wait, b is first: 40 minutes, of which 20 would be its share.
    assert _values(shares, "evens") == {"a": (0, 1200, 1), "b": (2400, 1200, 1)}
    again = [_ran("b", "unfair", 10 * it, 10 * it, 10 * it + 10) for it in range(20)]
    first = [_ran("b", "unfair", 200, it, it + 10) for it in range(200, 240, 10)]
    waits = [_ran("a", "unfair", 200, it, it + 10) for it in range(240, 280, 10)]
    _fill(shares, [it for run in (*again, *first, *waits) for it in run])
    assert _values(shares, "unfair") == {"a": (0, 1200, 0), "b": (2400, 1200, 0)}


def test_without_competition_there_is_no_case(shares: Warehouse) -> None:
    _fill(shares, [*_ran("a", "quiet", 0, 0, 10), *_ran("a", "quiet", 0, 10, 20), *_ran("b", "quiet", 20, 20, 30)])
    _fill(shares, [*_ran("a", "wide", 0, 0, 10), *_ran("b", "wide", 0, 0, 10)])  # both run, and none waits
    assert _values(shares, "quiet") == _values(shares, "wide") == {}


def test_late_events_count_where_they_belong_and_a_missing_acceptance_has_weight_one(shares: Warehouse) -> None:
    _fill(shares, [*_ran("a", "slow", 0, 0, 10, share=None), *_ran("b", "slow", 0, 10, 20)])
    before = _values(shares, "slow")
    assert before == {"a": (600, 300, 1), "b": (0, 300, 1)}, "less than a run beside their shares"
    _fill(shares, [*_ran("c", "slow", 0, 20, 30, late=9 * HOUR, share=None)])
    assert _values(shares, "slow") == {"a": (600, 200, 1), "b": (600, 500, 1), "c": (0, 500, 1)}


def _message(job: str, at: datetime, name: str, **said: Any) -> Stored:
    return at, event(f"qb.job.turns.{job}.{name}", f"qb.job.{name}.v1", at, tenant="turns", job=job, **said)


def test_a_placement_that_another_follows_before_a_start_was_taken_away(shares: Warehouse) -> None:
    def life(job: str, *turns: dict[str, Any], late: int = 0) -> list[Stored]:
        found = [
            _message(job, NOON + number * MINUTE, turn.pop("name", "placed"), **{"backend": "a"} | turn)
            for number, turn in enumerate(turns)
        ]
        end = NOON + 30 * MINUTE
        return [*found, (end + late * HOUR, _message(job, end, "completed", backend="a")[1])]

    label = {"instead_of": ["a"], "since": NOON.isoformat()}
    way = {"by": "urgent", "rule": "class", "gained_ms": 9000}
    found = [
        *life("kept", {}, {"name": "started"}),
        *life("tried-twice", {}, {"name": "started"}, {}, {"name": "started"}),
        *life("silent", {}, {"backend": "b"}, {"name": "started"}, late=5),
        *life("stood-in", {}, {"backend": "c", "fallback": label}, {"name": "started"}),
        *life("moved", {}, {"preempted": way, "fallback": label}, {"name": "started"}),
        *life("better", {}, {"backend": "b", "moved": {"left": "a", "gained_ms": 9000}}, {"name": "started"}),
        *life("first", {}, {"session": "s1"}, {"name": "started"}),
        *life("twice", {}, {"backend": "b"}, {}, {"name": "started"}),
        *life("out", {"backend": "out"}, {"name": "other", "backend": "out"}, {}, {"name": "started"}),
        *life("closed", {"backend": "closed"}, {"name": "other", "backend": "closed"}, {}, {"name": "started"}),
        *life("after", {"backend": "back"}, {"name": "other"}, {}, {"name": "started"}),
        *life("unplaced"),
    ]
    reasons = {"out": {"code": "elements"}, "closed": {"code": "vendor_status"}}
    for backend, name, minute in (
        ("out", "isolated", 1),
        ("closed", "isolated", 1),
        ("back", "isolated", -2),
        ("back", "readmitted", -1),
    ):
        subject, at = f"qb.backend.{backend}.{name}", NOON + minute * MINUTE
        found.append((at, event(subject, f"qb.backend.{name}.v1", at, backend=backend, reason=reasons.get(backend))))
    _fill(shares, found)
    rows = shares.ask("SELECT good, total, causes FROM sli_preemption WHERE tenant = 'turns' ORDER BY causes")
    assert [(it["good"], it["causes"]) for it in rows] == [
        (1, []), (1, []), (1, []), (1, []), (0, ["fallback"]), (0, ["isolated"]), (0, ["no_answer"]),
        (0, ["no_answer"]), (0, ["no_answer", "no_answer"]), (0, ["preempted"]), (0, ["session"]),
        (0, ["vendor_status"]),
    ]  # fmt: skip

"""Noisy neighbours from a history that is made by hand, and the same by the pure function."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from math import sqrt
from random import Random

import pytest

from queuebit_slo.neighbours import disturbance

from .job_history import HOUR, START, Stored
from .warehouse import Warehouse, event

pytestmark = pytest.mark.server

WEEK = 168
FIRST = START.replace(hour=0) - timedelta(days=9)
RACKS = {"n1": "rack-1", "n2": "rack-1", "n3": "rack-2", "alone": ""}


@pytest.fixture(scope="module")
def racks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A warehouse for this module, with backends of two control groups."""
    running = Warehouse(tmp_path_factory.mktemp("racks"))
    for backend, rack in RACKS.items():
        said = {"backend": backend, "vendor": "lab"} | ({"control_group": rack} if rack else {})
        body = event(f"qb.backend.{backend}.registered", "qb.backend.registered.v1", FIRST, **said)
        running.fill_at([(FIRST, body)])
    yield running
    running.stop()


def _run(
    tenant: str,
    backend: str,
    began: datetime,
    counts: dict[str, int] | None = None,
    *,
    late: timedelta = timedelta(),
    accepted: bool = True,
) -> Iterator[Stored]:
    job = f"{backend}-{began:%d-%H-%M}"
    subject, whose = f"qb.job.{tenant}.{job}", {"tenant": tenant, "job": job}
    if accepted:
        yield began, event(f"{subject}.accepted", "qb.job.accepted.v1", began, **whose, circuit="sha256:bell")
    result = {"media_type": "application/json"} | ({"inline": json.dumps(counts)} if counts else {})
    said = {"backend": backend, "started_at": began.isoformat(), "result": result}
    at = began + timedelta(minutes=9)
    yield at + late, event(f"{subject}.completed", "qb.job.completed.v1", at, **whose, **said)


def _counts(draw: Random, wrong: float) -> dict[str, int]:
    bad = round(1000 * wrong) + draw.randint(-5, 5)
    return {"00": 500 - bad // 2, "11": 500 - (bad - bad // 2), "01": bad // 2, "10": bad - bad // 2}


def _fidelities(runs: list[dict[str, int]]) -> list[float]:
    """Of each hour of a week with one run each: Hellinger fidelity with the other runs of its day."""
    found = []
    for at, one in enumerate(runs):
        others: Counter[str] = Counter()
        for other, counts in enumerate(runs):
            if other // 24 == at // 24 and other != at:
                others.update(counts)
        whole = sum(others.values())
        found.append(sum(sqrt(one.get(it, 0) / sum(one.values()) * others[it] / whole) for it in others) ** 2)
    return found


def test_a_week_is_tested_as_by_the_pure_function(racks: Warehouse) -> None:
    draw = Random(3)
    busy = [False] * WEEK
    for start in draw.sample(range(WEEK), 9):
        busy[start : start + 4] = [True] * len(busy[start : start + 4])
    runs = [_counts(draw, 0.25 if it else 0.02) for it in busy]
    found = [it for at, one in enumerate(runs) for it in _run("victim", "n1", FIRST + at * HOUR, one)]
    for at, on in enumerate(busy):
        for tenant, backend in (("loud", "n2"), ("far", "n3"), ("unknown", "alone")) if on else ():
            found += _run(tenant, backend, FIRST + at * HOUR, late=30 * HOUR if at % 5 == 0 else timedelta())
    # A run without its acceptance has no circuit, and is not compared.
    found += _run("victim", "n1", FIRST + 5 * HOUR + timedelta(minutes=30), {"01": 1000}, accepted=False)
    racks.fill_at(sorted(found, key=lambda it: it[0]), twice=True)

    rows = racks.ask("SELECT * FROM sli_noisy_neighbour WHERE tenant = 'victim' ORDER BY at")
    assert {it["neighbour"] for it in rows} == {"loud"}
    expected = disturbance(_fidelities(runs), busy)
    assert expected is not None
    assert expected.is_incident
    last = rows[-1]
    assert (last["value"], last["chance"]) == (pytest.approx(expected.drop, abs=1e-9), expected.chance)
    assert (last["good"], last["total"], last["vendor"], last["control_group"]) == (0, 1, "lab", "rack-1")
    assert datetime.fromisoformat(last["at"]).date() == (FIRST + timedelta(days=6)).date()


def test_a_neighbour_that_changes_nothing_is_a_good_case(racks: Warehouse) -> None:
    draw = Random(4)
    found = [it for at in range(WEEK) for it in _run("calm", "n3", FIRST + at * HOUR, _counts(draw, 0.05))]
    found += [it for at in range(0, WEEK, 5) for it in _run("quiet", "n3", FIRST + at * HOUR + timedelta(minutes=20))]
    racks.fill_at(sorted(found, key=lambda it: it[0]))
    rows = racks.ask("SELECT good, value FROM sli_noisy_neighbour WHERE tenant = 'calm' AND neighbour = 'quiet'")
    assert [it["good"] for it in rows] == [1] * 7
    assert all(abs(it["value"]) < 0.01 for it in rows)

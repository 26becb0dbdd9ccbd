"""What an incident gathers from a real warehouse: its jobs, in bounds, and files that `sha256sum` accepts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest

from queuebit_contracts.catalog import decode
from queuebit_contracts.wire import UnknownEvent
from queuebit_incidents import Incident, fold
from queuebit_incidents.evidence import gather
from queuebit_incidents.export import as_zip, files_of
from queuebit_incidents.queries import FACTS
from queuebit_incidents.timeline import Gathered, entries

from .warehouse import Warehouse, event

pytestmark = [pytest.mark.server]

NOON = datetime(2026, 11, 30, tzinfo=UTC)
GROUP, ALERT = "ab" * 8, "cd" * 8
NAME = f"{GROUP}-1"
LABELS = {"alertname": "success-low", "severity": "page", "tenant": "acme", "backend": "ibm-perth"}


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def failed(tenant: str, job: str, backend: str, minute: float) -> tuple[str, bytes]:
    reason = {"code": "executor_lost", "text": "lost"}
    data = {"tenant": tenant, "job": job, "backend": backend, "attempt": 1, "reason": reason}
    subject, body = event(f"qb.job.{tenant}.{job}.failed", "qb.job.failed.v1", at(minute), **data)
    return subject, json.dumps(json.loads(body) | {"provenanceid": f"sha256:{job:0>64}"}).encode()


def placed(tenant: str, job: str, backend: str, minute: float) -> tuple[str, bytes]:
    data = {"tenant": tenant, "job": job, "backend": backend, "policy": "fair-share/4", "snapshot": "sha256:5"}
    subject, body = event(f"qb.job.{tenant}.{job}.placed.{backend}", "qb.job.placed.v1", at(minute), **data)
    return subject, json.dumps(json.loads(body) | {"provenanceid": f"sha256:{job:0>64}"}).encode()


def incident(name: str, kind: str, minute: float, **data: object) -> tuple[str, bytes]:
    return event(f"qb.incident.{NAME}.{name}", f"qb.incident.{kind}.v1", at(minute), incident=NAME, **data)


def history(jobs: int) -> Iterator[tuple[str, bytes]]:
    yield event(
        "qb.config.stack.applied", "qb.config.applied.v1", at(-20), by="ada", plan="sha256:0",
        changes=[{"action": "change", "kind": "prices", "name": "aer", "fields": {}}],
    )  # fmt: skip
    yield event(
        "qb.backend.ibm-perth.calibration_failed", "qb.backend.calibration_failed.v1", at(-15), backend="ibm-perth",
        attempted_at=at(-15).isoformat(), reason={"code": "vendor_away", "text": "the vendor does not answer"},
    )  # fmt: skip
    for number in range(jobs):
        yield placed("acme", f"a{number}", "ibm-perth", -12)
        yield failed("acme", f"a{number}", "ibm-perth", -11 + number / 1000)
    yield failed("globex", "g1", "ibm-perth", -11)  # another tenant: not within the scope
    yield failed("acme", "a-elsewhere", "aer", -11)  # another backend: not within the scope
    yield event("qb.job.globex.g2.completed", "qb.job.completed.v1", at(-9), tenant="globex", job="g2", backend="aer")
    evidence = {"jobs": ["g2"], "events": []}
    yield event(
        f"qb.slo.{ALERT}.fired.1", "qb.slo.fired.v1", at(-8), alert=ALERT, number=1, labels=LABELS,
        starts_at=at(-8).isoformat(), evidence=evidence,
    )  # fmt: skip
    alert = {"alert": ALERT, "number": 1, "labels": LABELS, "fired_at": at(-8).isoformat()}
    yield incident(
        "opened", "opened", -7.5, group=GROUP, labels={"tenant": "acme", "backend": "ibm-perth"},
        title="success is low | `acme`", alerts=[{**alert, "cause_at": at(-11).isoformat()}],
    )  # fmt: skip
    yield incident("acknowledged.1", "acknowledged", -6, episode=1, by="eve")
    yield incident("noted.1", "noted", -5, number=1, by="eve", text="<b>moved</b> jobs to\naer | see `qb jobs`")
    yield incident("resolved.1", "resolved", 3, episode=1, rule="quiet", ended_at=at(2).isoformat())


@pytest.fixture(scope="module")
def filled_with(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gathered, Warehouse]]:
    running = Warehouse(tmp_path_factory.mktemp("incidents"))
    running.fill(history(12_000), twice=True)
    rows = running.ask(FACTS, {"incident": ""})
    documents = [{**_document(row), "data": json.loads(row["data"])} for row in rows]
    events = [decode(json.dumps(it).encode()) for it in documents]
    found = fold(it for it in events if not isinstance(it, UnknownEvent))
    yield gather(running.ask, found[NAME], now=at(5), sequence=99), running
    running.stop()


@pytest.fixture(scope="module")
def gathered(filled_with: tuple[Gathered, Warehouse]) -> Gathered:
    return filled_with[0]


def _document(row: dict[str, object]) -> dict[str, object]:
    time = str(row["at"]).replace(" ", "T") + "Z"
    return {"specversion": "1.0", "id": row["id"], "source": row["source"], "type": row["type"], "time": time}


def test_jobs_of_the_scope_and_those_that_an_alert_names_are_hit_and_no_others(gathered: Gathered) -> None:
    hit = {it["tenant"]: (it["jobs"], it["failed"], it["others"]) for it in gathered.tenants}
    assert hit == {"acme": (12_000, 12_000, 0), "globex": (1, 0, 1)}
    assert gathered.hit == 12_001
    assert len(gathered.jobs) == 10_000, "the list is bounded, the count is not"
    assert {it["job"] for it in gathered.jobs if it["tenant"] == "globex"} <= {"g2"}


def test_decisions_calibrations_and_changes_are_there_once(gathered: Gathered) -> None:
    assert [(it["backend"], it["policy"], it["placed"], it["jobs"]) for it in gathered.placements] == [
        ("ibm-perth", "fair-share/4", 12_000, 12_000)
    ]
    assert [it["event"] for it in gathered.calibrations] == ["calibration_failed"]
    assert [it["type"] for it in gathered.changes] == ["qb.config.applied.v1"]
    assert {it["provenanceid"] for it in gathered.lifecycles} == {it["provenanceid"] for it in gathered.jobs[:20]}
    assert {it["type"] for it in gathered.lifecycles} == {"qb.job.placed.v1", "qb.job.failed.v1"}


def test_the_timeline_says_who_did_what_in_order(gathered: Gathered) -> None:
    every = entries(gathered)
    assert every == sorted(every, key=lambda it: it.at)
    said = [(it.kind, it.text, it.by) for it in every]
    assert said[0] == ("change", "applied: change prices aer", "ada")
    assert ("incident", "acknowledged", "eve") in said
    assert ("calibration", "the calibration of ibm-perth failed: the vendor does not answer", "") in said
    assert said[-1][1] == "resolved by rule: all its alerts were quiet since 00:02:00 UTC"
    assert len(every) < 20, "12,000 jobs are two entries of their tenant"


def test_times_to_detect_and_to_remediate_are_those_of_the_indicators(filled_with: tuple[Gathered, Warehouse]) -> None:
    found, warehouse = filled_with
    it: Incident = found.incident
    assert it.time_to_detect == timedelta(minutes=3)
    assert it.time_to_remediate(at(99)) == timedelta(minutes=10)
    for view, minutes in (("sli_time_to_detect", 3), ("sli_time_to_remediate", 10)):
        (row,) = warehouse.ask(f"SELECT * FROM {view} WHERE incident = '{it.id}'")
        assert (row["incident"], row["value_ms"]) == (it.id, minutes * 60_000), view
        assert (row["tenant"], row["backend"], row["at"][:19]) == ("acme", "ibm-perth", "2026-11-29 23:52:30")


def test_a_note_states_the_cause_late_and_a_reopened_incident_counts_with_its_age(
    filled_with: tuple[Gathered, Warehouse],
) -> None:
    _, warehouse = filled_with
    other = f"{GROUP}-2"
    alert = {"alert": ALERT, "number": 2, "labels": LABELS, "fired_at": at(100).isoformat()}
    warehouse.fill(
        event(f"qb.incident.{other}.{name}", f"qb.incident.{kind}.v1", at(minute), incident=other, **data)
        for name, kind, minute, data in (
            ("opened", "opened", 100, {"group": GROUP, "labels": {}, "title": "again", "alerts": [alert]}),
            ("resolved.1", "resolved", 110, {"episode": 1, "rule": "quiet", "ended_at": at(105).isoformat()}),
            ("reopened.2", "reopened", 120, {"episode": 2, "alerts": []}),
        )
    )
    by_incident = "SELECT value_ms FROM {} WHERE incident = '" + other + "'"
    assert warehouse.ask(by_incident.format("sli_time_to_detect")) == [], "no cause is known"
    (age,) = warehouse.ask(by_incident.format("sli_time_to_remediate"))
    assert abs(age["value_ms"] - (datetime.now(UTC) - at(100)) / timedelta(milliseconds=1)) < 60_000
    for number, cause in ((1, 80), (2, 90)):
        note = {"number": number, "by": "eve", "text": "it began", "cause_at": at(cause).isoformat()}
        warehouse.fill(
            [event(f"qb.incident.{other}.noted.{number}", "qb.incident.noted.v1", at(130), incident=other, **note)]
        )
    assert warehouse.ask(by_incident.format("sli_time_to_detect")) == [{"value_ms": 600_000}], "the last note counts"


def test_an_export_is_readable_harmless_and_checked_by_sha256sum(gathered: Gathered, tmp_path: Path) -> None:
    files = files_of(gathered)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    command = ["sha256sum", "--strict", "-c", "SHA256SUMS"]
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 0
    text = files["postmortem.md"].decode()
    assert len(text) < 40_000
    for expected in ("12,001 jobs of 2 tenants were hit", "Time to detect | 3 min", "## Action items", "by eve"):
        assert expected in text
    assert "<b>" not in text.replace(r"\<b", ""), "a note has no effect on the page"
    assert "moved" in text
    for line in text.splitlines():
        if line.startswith("| `"):
            assert line.count(" | ") == line.replace(r"\|", "").count(" | ")
    (tmp_path / "jobs.jsonl").write_bytes(files["jobs.jsonl"] + b"{}\n")
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 1


def test_the_same_facts_give_the_same_bytes(gathered: Gathered) -> None:
    first, second = (as_zip(files_of(gathered), NAME) for _ in range(2))
    assert first == second
    with ZipFile(BytesIO(first)) as archive:
        assert archive.testzip() is None
        assert {it.filename for it in archive.infolist()} == {f"{NAME}/{name}" for name in files_of(gathered)}

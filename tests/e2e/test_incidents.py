"""An incident of a whole stack: a page opens it, people work on it, and its export can be checked by anyone."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from queuebit_contracts.alerts import AlertFired, AlertResolved, Evidence, Firing, Resolution
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.subjects_alerting import fingerprint
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

BELL = Path("examples/circuits/bell.qasm")
LABELS = {"alertname": "success-low", "severity": "page", "tenant": "demo", "backend": "aer"}


async def write(stack: EmbeddedStack, *facts: AlertFired | AlertResolved) -> None:
    client = await stack.connect("alerting")
    for fact in facts:
        await client.request(subject_of(fact), fact.to_bytes(), timeout=5)
    await client.close()


def listed(stack: EmbeddedStack, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.ask("incident", "list", *options)
    return found


def wait_for_one(stack: EmbeddedStack) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while not (found := listed(stack)):
        assert time.monotonic() < deadline, "no incident was opened"
        time.sleep(0.2)
    (one,) = found
    return one


def test_from_a_page_to_the_post_mortem(tmp_path: Path) -> None:
    with EmbeddedStack(tmp_path / "home") as stack:
        assert "no incident is open" in stack.qb("incident", "list")
        job = stack.ask("submit", str(BELL), "--wait")["job"]
        now = datetime.now(UTC)
        alert, evidence = fingerprint(LABELS), Evidence(jobs=(job,), since=now - timedelta(minutes=2))
        fired = Firing(alert=alert, number=1, labels=LABELS, starts_at=now, evidence=evidence)
        asyncio.run(write(stack, AlertFired(source="qb/alerting", data=fired)))
        incident = wait_for_one(stack)
        assert (incident["state"], incident["time_to_detect_s"]) == ("open", 120)
        _people(stack, incident["incident"][:6])
        _shown(stack, job)
        ended = Resolution(alert=alert, number=1, labels=LABELS, starts_at=now, ended_at=datetime.now(UTC))
        asyncio.run(write(stack, AlertResolved(source="qb/alerting", data=ended)))
        _exported(stack, tmp_path, incident["incident"], job)
        assert [it["state"] for it in listed(stack, "--all")] == ["resolved"]
        assert listed(stack) == []


def _people(stack: EmbeddedStack, name: str) -> None:
    assert stack.ask("incident", "ack", name, "--by", "eve")["state"] == "acknowledged"
    assert "already" in stack.qb("incident", "ack", "latest", "--by", "eve")
    stack.ask("incident", "note", name, "turned it off | and on", "--by", "eve")
    assert stack.ask("incident", "resolve", name, "--reason", "it works", "--by", "eve")["state"] == "resolved"
    refused = stack.run("incident", "ack", name)
    assert (refused.returncode, "qb incident reopen" in refused.stderr) == (3, True), refused.stderr
    unknown = stack.run("incident", "show", "zz")
    assert (unknown.returncode, "qb incident list" in unknown.stderr) == (3, True), unknown.stderr


def _shown(stack: EmbeddedStack, job: str) -> None:
    text = stack.qb("incident", "show", "latest")
    for expected in ("acknowledged by eve", "success-low", job, "turned it off | and on", "detected after: 2 min"):
        assert expected in text
    found = stack.ask("incident", "show", "latest")
    assert [(it["tenant"], it["jobs"]) for it in found["tenants"]] == [("demo", 1)]
    assert found["decisions"][0]["backend"] == "aer"


def _exported(stack: EmbeddedStack, folder: Path, name: str, job: str) -> None:
    whole = folder / "incident"
    stack.qb("incident", "export", "latest", "--output", str(whole))
    checked = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=whole, check=False, capture_output=True)
    assert checked.returncode == 0, checked.stderr
    lines = (whole / "lifecycles.jsonl").read_text().splitlines()
    steps = [json.loads(line)["type"] for line in lines]
    assert steps[0] == "qb.job.submitted.v1"
    assert {"qb.job.placed.v1", "qb.job.completed.v1", "qb.job.metered.v1"} <= {*steps}
    assert {json.loads(line)["job"] for line in lines} == {job}
    again = stack.run("incident", "export", "latest", "--output", str(whole))
    assert (again.returncode, "is there already" in again.stderr) == (2, True), again.stderr
    archive = folder / "incident.zip"
    stack.qb("incident", "export", name, "--output", str(archive))
    with ZipFile(archive) as files:
        assert files.testzip() is None
        assert files.read("incident/incident.jsonl") == (whole / "incident.jsonl").read_bytes()
